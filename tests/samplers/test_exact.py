"""Alias draws: the table gives the law back exactly, impossible states never come."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskguide.samplers.exact import alias_table, draw


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1e-300, 1e-12, 0.1, 1.0, 3.0]), min_size=1, max_size=40).filter(sum))
def test_the_table_gives_the_law_back(weights):
    law = np.array(weights) / np.sum(weights)
    threshold, alias = alias_table(law)
    back = np.clip(threshold, 0, 1)
    np.add.at(back, alias, 1 - back)
    np.testing.assert_allclose(back / law.size, law, atol=1e-15 * law.size)
    assert (back[law == 0] == 0).all()


def test_draws_do_not_depend_on_how_many_are_asked_for():
    law = np.random.default_rng(0).dirichlet(np.ones(27)).reshape(3, 3, 3)
    assert (draw(law, 1000, 5)[:100] == draw(law, 100, 5)).all()
    assert (draw(law, 100, 5) != draw(law, 100, 6)).any()


@pytest.mark.parametrize("shape", [(1,), (2, 2), (5, 5, 5)])
def test_impossible_states_never_come(shape):
    law = np.zeros(shape)
    law.flat[:: 2 if law.size > 1 else 1] = 1.0
    tokens = draw(law / law.sum(), 100_000, 1)
    assert (law[tuple(tokens.T)] > 0).all()

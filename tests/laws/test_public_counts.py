"""The public functions on an exchangeable problem: laws on counts where they exist, one clear error elsewhere."""

import numpy as np
import pytest

import maskguide as mg


@pytest.fixture
def small():
    return mg.ExchangeableProblem([[0.1, 0.2, 0.3, 0.4], [0.4, 0.1, 0.4, 0.1]], [0.5, 0.5], target=0)


def test_public_functions_agree_with_the_table(small):
    counts = mg.GuidedProcess(small, mg.Guidance("product", 2.0))
    table = mg.GuidedProcess(small.table(), mg.Guidance("product", 2.0))
    law, full = mg.terminal_law(counts), mg.terminal_law(table).probs
    ones = np.indices(full.shape).sum(axis=0)
    assert isinstance(law, mg.CountLaw)
    assert np.allclose(law.probs, [full[ones == k].sum() for k in range(4)], atol=1e-14)
    clocks = [0.5, 3.0, 40.0]
    assert np.allclose(mg.tv_decay(counts, clocks), mg.tv_decay(table, clocks), rtol=1e-11)
    assert np.allclose(mg.transient_law(counts, clocks).masked_probability, mg.tv_decay(table, clocks), atol=1e-11)
    assert mg.late_rate(counts)[0] == pytest.approx(mg.late_rate(table)[0], rel=1e-12)


@pytest.mark.parametrize(
    "ask",
    [
        lambda p: mg.sample(p, 10),
        mg.decay_regime,
        lambda p: mg.stepped_law(p, "tau-leaping", [1.0, 0.0]),
        mg.completion_time,
        lambda p: mg.class_posterior(p, 1.0),
        lambda p: mg.expected_reveals(p, 1.0),
        lambda p: mg.export(p, "model.drn"),
        lambda p: p.exit_rates(),
        lambda p: mg.terminal_law(p, start=[0, 0, 2]),
        lambda p: mg.tilted_law(p.problem, 1.0),
    ],
)
def test_what_counts_cannot_give_is_one_clear_error(small, ask, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mg.InputError, match="table") as error:
        ask(mg.GuidedProcess(small, mg.Guidance("product", 2.0)))
    assert len(str(error.value).splitlines()) == 3
    assert list(tmp_path.iterdir()) == []

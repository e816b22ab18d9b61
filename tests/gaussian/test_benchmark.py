"""The benchmark runs, and compares before it times."""

import numpy as np
import pytest

from benchmarks import gaussian
from maskguide.gaussian import Mixture


def test_rows():
    rows, _, rounds = gaussian.run(20, ((10, 30, 4),), 1, 20)
    others = ["arithmetic alone", "plain numpy", "compiled kernel", "numpy"]
    assert rounds == 1 and [row["against"] for row in rows] == others
    assert all(row["ours, CPU s"] > 0 for row in rows)


def test_a_wrong_candidate_is_noticed(monkeypatch):
    right = gaussian.plain_score
    monkeypatch.setattr(gaussian, "plain_score", lambda *a: right(*a) * (1 + 1e-6))
    with pytest.raises(AssertionError):
        gaussian.run(20, ((10, 30, 4),), 1, 20)


def test_an_engine_of_other_trajectories_is_noticed(monkeypatch):
    right = gaussian.trajectories
    monkeypatch.setattr(gaussian, "trajectories", lambda engine, n: right(engine, n) * (1 + 1e-6 * (engine is None)))
    with pytest.raises(AssertionError):
        gaussian.run(20, ((10, 30, 4),), 1, 20)


def test_plain_score_is_the_gradient():
    mixture, x, h = Mixture([[-1.0], [1.0]], [0.5, 0.2], [0.3, 0.7]), np.array([[0.4]]), 1e-5
    slope = (mixture.log_density(x + h, 0.8, 0.3) - mixture.log_density(x - h, 0.8, 0.3)) / (2 * h)
    np.testing.assert_allclose(gaussian.plain_score(mixture, x, 0.8, 0.3)[0], slope, rtol=1e-8)

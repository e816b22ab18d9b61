"""A time grid of one's own: levels m_k = (1 - k/K)^2, and a noise schedule of one's own, m(t) = t (1 + t) / 2."""

from dataclasses import dataclass

import numpy as np

import maskguide as mg

from ..conftest import random_problem

QUADRATIC = mg.TimeGrid(
    "quadratic", "m_k = (1 - k/K)^2", lambda steps, noise: noise.inverse((1 - np.arange(steps + 1) / steps) ** 2)
)


@dataclass(frozen=True)
class Bent(mg.NoiseSchedule):
    """m(t) = t (1 + t) / 2."""

    name = "bent"

    def _masking(self, t):
        return t * (1 + t) / 2

    def _derivative(self, t):
        return t + 0.5

    def _inverse(self, level):
        return (np.sqrt(1 + 8 * level) - 1) / 2


def test_levels_are_what_the_formula_says():
    for schedule in ("linear", "cosine", Bent()):
        times = mg.time_grid(QUADRATIC, 5, schedule)
        levels = mg.noise_schedule(schedule).masking(times)
        np.testing.assert_allclose(levels, [1.0, 0.64, 0.36, 0.16, 0.04, 0.0], atol=1e-12)


def test_laws_and_samples_on_it():
    process = mg.GuidedProcess(random_problem(4), mg.Guidance("normalized", 2.0))
    times = mg.time_grid(QUADRATIC, 6, Bent())
    law = mg.stepped_law(process, "ancestral", times, Bent())
    samples = mg.sample(process, 20_000, "ancestral", grid=times, schedule=Bent())
    assert mg.compare(samples, law).passed
    same_levels = mg.stepped_law(process, "ancestral", mg.time_grid(QUADRATIC, 6, "linear"))
    np.testing.assert_allclose(law.probs, same_levels.probs, atol=1e-14)  # laws know levels only


def test_a_grid_that_does_not_end_at_the_data_is_refused_where_it_goes_up():
    import pytest

    upwards = mg.TimeGrid("upwards", "t_k = k/K", lambda steps, noise: np.linspace(0, 1, steps + 1))
    with pytest.raises(mg.InputError, match="starts at exactly t = 1"):
        mg.time_grid(upwards, 4)

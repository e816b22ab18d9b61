"""A method of one's own: implicit Euler in the clock, where a mask is left with probability 1 / (1 + Z h)."""

from dataclasses import dataclass

import numpy as np
import pytest

import maskguide as mg
from maskguide.laws.kernels import one_step
from maskguide.methods import METHODS
from maskguide.methods.tau_leaping import hazard_within

from ..conftest import random_problem


def reveal_probability(hazards, step):
    """1 - 1 / (1 + Z h): hazards Z (..., D) of the masks, h the length of the step; a step to data has h = inf."""
    return 1 - 1 / (1 + hazards * min(step.length, 1e100))


IMPLICIT = mg.Method(
    name="implicit-euler",
    order=1,
    reveal=reveal_probability,
    use="to show how a method is added",
    keeps="tends to the chain's own law, every rule and w",
    source="docs/extending.md",
)


def test_its_exact_law_in_one_dimension():
    problem = mg.zoo.get("overlap-1d")
    process = mg.GuidedProcess(problem, mg.Guidance("product", 1.5))
    times = np.array([1.0, 0.5, 0.25, 0.1])
    hazard = process.exit_rates()[-1]
    left = np.prod([1 / (1 + hazard * h) for h in np.diff(-np.log(times))])
    law = mg.stepped_law(process, IMPLICIT, times)
    np.testing.assert_allclose(law.probs[-1], left, rtol=1e-13)


def test_its_order_is_one():
    process = mg.GuidedProcess(random_problem(4, zeros=0.0), mg.Guidance("product", 1.0))
    assert mg.measured_order(process, IMPLICIT) == pytest.approx(1.0, abs=0.1)


def test_samples_have_its_law():
    pytest.importorskip("torch")
    process = mg.GuidedProcess(random_problem(4), mg.Guidance("product", 2.0))
    times = [1.0, 0.5, 0.25]  # not to the data, where both reveal all
    law = mg.stepped_law(process, IMPLICIT, times)
    assert mg.compare(mg.sample(process, 20_000, IMPLICIT, grid=times), law).passed
    leaps = mg.sample(process, 20_000, "tau-leaping", grid=times)
    assert not mg.compare(leaps, law).passed


def test_conformance_judges_it():
    claim = mg.conformance.Claim("product", IMPLICIT)
    report = mg.conformance.check(mg.conformance.builtin_sampler(claim), claim, quick=True, seed=2, max_seconds=60)
    assert report.passed, str(report)


# A method of another kind registers its step: once on laws, once on trajectories ------------------------------------


@dataclass(frozen=True, kw_only=True)
class Pausing(mg.Method):
    """A tau-leap, but in each step a trajectory rests as a whole with probability `pause`."""

    pause: float = 0.5


@one_step.register
def pausing_law(method: Pausing, rates, law, step):
    """The law after a step: a part of it stays where it is."""
    return method.pause * law + (1 - method.pause) * one_step(METHODS["tau-leaping"], rates, law, step)


PAUSING = Pausing(name="pausing", order=None, use="to show how a kind is added", keeps="nothing", source="here")


def register_on_torch():
    """Loads torch: where a package registers its kinds, this stands in the module that needs it."""
    from maskguide.samplers.task import INSIDE
    from maskguide.samplers.torch.dispatch import advance

    @advance.register
    def pausing_step(method: Pausing, walk, step):
        here = walk.rates(step.weight)
        goes = walk.step_draws(step, INSIDE, walk.masked | True)[0][:, :1] >= method.pause
        walk.spend(hazard_within(here.hazards * goes, step.length), here, step.end)


@pytest.mark.parametrize("pause", [0.0, 0.3])
def test_a_kind_of_ones_own(pause):
    pytest.importorskip("torch")
    register_on_torch()
    process = mg.GuidedProcess(random_problem(4), mg.Guidance("product", 2.0))
    method, times = PAUSING.with_parameters(pause=pause), mg.uniform_grid(5)
    law = mg.stepped_law(process, method, times)
    leaps = mg.stepped_law(process, "tau-leaping", times)
    assert (abs(law.probs - leaps.probs).max() < 1e-15) == (pause == 0)
    assert mg.compare(mg.sample(process, 20_000, method, grid=5), law).passed


def test_an_unregistered_kind_is_refused():
    class Unknown(mg.Method):
        pass

    method = Unknown(name="unknown", order=None, use="", keeps="", source="")
    process = mg.GuidedProcess(random_problem(4), mg.Guidance("product", 2.0))
    with pytest.raises(mg.InputError, match="exact steps of the method 'unknown'"):
        mg.stepped_law(process, method, mg.uniform_grid(3))
    with pytest.raises(mg.InputError, match="'unknown' on"):
        mg.sample(process, 10, method, grid=3)


def test_engines_that_have_not_compiled_it_say_so():
    pytest.importorskip("torch")
    register_on_torch()
    process = mg.GuidedProcess(random_problem(4), mg.Guidance("product", 2.0))
    for method in (IMPLICIT, PAUSING):
        with pytest.raises(mg.InputError, match='engine="torch" draws it'):
            mg.sample(process, 10, method, engine="numba")


WORDS = ("use", "keeps", "source")


def test_declared_forms_are_compiled():
    """With its form declared, the same formula runs on tables, and draws the same tokens."""
    pytest.importorskip("torch")

    def formula(hazards, step):
        return hazards * step.fraction / (1 - step.fraction + hazards * step.fraction)

    own, about = (
        mg.GuidedProcess(random_problem(4), mg.Guidance("product", 2.0)),
        {"use": "", "keeps": "", "source": ""},
    )
    formulas = {"reveal": formula}, {"reveal": formula, "gain": lambda a: a / (1 - a)}
    methods = [mg.Method(name="own", order=1, **declared, **about) for declared in formulas]
    drawn = [mg.sample(own, 2_000, method, seed=3, grid=[1.0, 0.6, 0.3, 0.1]) for method in methods]
    assert [samples.info.provenance.engine for samples in drawn] == ["torch", "tables"]
    assert (drawn[0].tokens == drawn[1].tokens).all()

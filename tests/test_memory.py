"""What is computed for an object dies with it: no module keeps problems, processes or rates alive."""

import copy
import gc
import pickle
import weakref

import pytest

import maskguide as mg
from maskguide._caching import cached_on_first
from maskguide.comparison.guided_grid import guided_grid
from maskguide.conformance.bank import SamplingCase
from maskguide.conformance.claim import Claim
from maskguide.conformance.explanations import explained_laws


def laws(problem, process):
    mg.terminal_law(process)
    mg.transient_law(process, [0.5, 1.0])
    mg.tv_decay(process, 1.0)
    mg.stepped_law(process, "tau-leaping", [1.0, 0.5, 0.0])
    guided_grid(process, 3)


def sample(method, engine=None):
    return lambda problem, process: mg.sample(process, 100, method, engine=engine)


def symbolic(problem, process):
    mg.symbolic.terminal_law(problem, weight=2)


def conformance(problem, process):
    case = SamplingCase(problem, 2.0, 4, "")
    explained_laws(case, Claim.parse("product, tau-leaping"))


USES = {
    "laws": laws,
    "symbolic": symbolic,
    "tables": sample("gillespie"),
    "compiled": sample("theta-trapezoidal", "numba"),
    "torch": sample("tau-leaping", "torch"),
    "exact": sample("exact"),
    "smc": sample("smc"),
    "conformance": conformance,
}


@pytest.mark.parametrize("use", USES)
def test_a_problem_and_its_process_die(use):
    problem = mg.zoo.get("no-blind-2d")
    process = mg.GuidedProcess(problem, mg.Guidance("product", 2.0))
    USES[use](problem, process)
    watched = [weakref.ref(thing) for thing in (problem, process, process.rates())]
    del problem, process
    gc.collect()
    assert [kept() for kept in watched] == [None] * len(watched)


def test_laws_on_counts_keep_nothing():
    problem = mg.ExchangeableProblem.from_mixture(20, [0.4, 0.6], [0.5, 0.5], labels=[0, 1])
    mg.tv_decay(mg.GuidedProcess(problem, mg.Guidance("product", 2.0)), 1.0)
    watched = weakref.ref(problem)
    del problem
    gc.collect()
    assert watched() is None


class Owner:
    pass


def test_results_belong_to_one_owner():
    times = cached_on_first(2)(lambda owner, number: [number])
    owner = Owner()
    first = times(owner, 1)
    assert times(owner, 1) is first
    assert times(Owner(), 1) is not first
    assert times(copy.copy(owner), 1) is not first
    assert times(owner, 1) is first


def test_the_oldest_result_is_forgotten():
    calls = []
    times = cached_on_first(2)(lambda owner, number: calls.append(number))
    owner = Owner()
    for number in (1, 2, 1, 3, 1, 2):  # 3 takes the place of 2, which was asked for longer ago than 1
        times(owner, number)
    assert calls == [1, 2, 3, 2]


def test_pickles_and_copies_leave_results_out():
    process = mg.GuidedProcess(mg.zoo.get("no-blind-2d"), mg.Guidance("product", 2.0))
    mg.terminal_law(process)
    again = pickle.loads(pickle.dumps(process.problem))
    assert not again._memory
    assert (mg.tilted_law(again, 2.0).probs == mg.tilted_law(process.problem, 2.0).probs).all()

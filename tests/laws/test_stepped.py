"""K-step laws against dense one-step matrices built state by state, mutants rejected; and samples against them."""

from dataclasses import replace

import numpy as np
import pytest

import maskguide as mg
from maskguide.laws import kernels
from maskguide.laws.stepped import expected_clipping
from maskguide.methods import METHODS, steps

from ..conftest import random_problem, table
from ..methods import brute_force as brute

TO_DATA = [1.0, 0.83, 0.55, 0.2, 0.0]
EARLY = [1.0, 0.9, 0.4, 0.15]
SCHEDULE = mg.WeightSchedule([0.7, 0.4], [0.0, 4.0, 1.0])
ANY_RULE = {
    "tau-leaping": (brute.tau_leaping, {}),
    "euler": (brute.euler, {}),
    "posterior-product": (brute.posterior_product, {}),
    "trapezoidal": (brute.two_stage(0.5, True), {}),
    "trapezoidal, theta 0.3": (brute.two_stage(0.3, True), {"theta": 0.3}),
    "trapezoidal, by level": (brute.two_stage(0.6, True, "level"), {"theta": 0.6, "split": "level"}),
    "rk2": (brute.two_stage(0.5, False), {}),
    "rk2, theta 0.4": (brute.two_stage(0.4, False), {"theta": 0.4}),
    "rk2, theta 1": (brute.two_stage(1.0, False), {"theta": 1.0}),
    "corrector": (brute.corrected(1), {}),
    "corrector, two": (brute.corrected(2), {"corrections": 2}),
}
UNIT_HAZARDS = {
    "ancestral": (brute.ancestral, {}),
    "remdm cap": (brute.remdm(0.1, "cap"), {}),
    "remdm cap 0.9": (brute.remdm(0.9, "cap"), {"eta": 0.9}),
    "remdm rescale": (brute.remdm(0.4, "rescale"), {"eta": 0.4, "strategy": "rescale"}),
}
NAMES = {"trapezoidal": "theta-trapezoidal", "rk2": "theta-rk2", "corrector": "predictor-corrector", "remdm": "remdm"}
PROBLEMS = {
    "3x3, zeros": random_problem(3, 3, 2),
    "2x2x2, zeros": random_problem(5, 2, 3),
    "5": random_problem(1, 5, 1),
}


def method_of(case):
    return NAMES.get(case.split(",")[0].split(" ")[0], case)


def gap(problem, guidance, method, kernel, parameters, grid, schedule="linear"):
    """Largest difference of any state's probability after any step."""
    process = mg.GuidedProcess(problem, guidance)
    found = mg.stepped_law(process, method, grid, schedule, every_step=True, **parameters).probs
    last = mg.stepped_law(process, method, grid, schedule, **parameters).probs
    assert np.array_equal(found[-1], last)
    return np.abs(found.reshape(len(grid), -1) - brute.law(problem, guidance, kernel, grid, schedule)).max()


@pytest.mark.parametrize("grid", [TO_DATA, EARLY], ids=["to data", "early stop"])
@pytest.mark.parametrize("rule, case", [("product", c) for c in ANY_RULE] + [("normalized", c) for c in UNIT_HAZARDS])
@pytest.mark.parametrize("problem", PROBLEMS)
def test_every_method_is_its_own_matrix_product(problem, rule, case, grid):
    kernel, parameters = (ANY_RULE | UNIT_HAZARDS)[case]
    guidance = mg.Guidance(rule, 2.0)
    assert gap(PROBLEMS[problem], guidance, method_of(case), kernel, parameters, grid) < 1e-13


@pytest.mark.parametrize("case", ANY_RULE)
@pytest.mark.parametrize("weight", [-1.0, -0.5, 0.0, SCHEDULE])
@pytest.mark.parametrize("rule, schedule", [("normalized", "linear"), ("product", "cosine")])
def test_weights_and_noise_schedules(case, weight, rule, schedule):
    kernel, parameters = ANY_RULE[case]
    problem = PROBLEMS["2x2x2, zeros"]
    assert gap(problem, mg.Guidance(rule, weight), method_of(case), kernel, parameters, TO_DATA, schedule) < 1e-13


DECODERS = [
    ({"counts": "schedule"}, [1, 1, 1, 0]),
    ({"counts": "even"}, [1, 1, 1, 0]),
    ({"counts": [2, 0, 1, 0]}, [2, 0, 1, 0]),
    ({"counts": [2, 0, 0, 0], "temperature": 0.5}, [2, 0, 0, 0]),
    ({"counts": [1, 2, 0, 0], "temperature": 0.0}, [1, 2, 0, 0]),
    ({"counts": [2, 1, 0, 0], "temperature": 0.7, "noise": 0.5}, [2, 1, 0, 0]),
]


@pytest.mark.parametrize("kind", ["random-order", "confidence", "margin", "entropy"])
@pytest.mark.parametrize("parameters, counts", DECODERS)
@pytest.mark.parametrize("weight", [0.0, 2.0, SCHEDULE])
def test_decoders(kind, parameters, counts, weight):
    options = {name: parameters[name] for name in ("temperature", "noise") if name in parameters}
    kernel = brute.decoder(kind, counts, **options)
    for problem in (PROBLEMS["2x2x2, zeros"], table(np.ones((2, 2, 2)), [[[3, 1], [1, 1]], [[1, 1], [1, 3]]])):
        for rule in ("product", "normalized"):
            assert gap(problem, mg.Guidance(rule, weight), kind, kernel, parameters, TO_DATA) < 1e-13


@pytest.mark.parametrize(
    "counts, schedule, expected",
    [
        ("schedule", "linear", [2, 1, 2, 1, 1]),
        ("schedule", "cosine", [1, 1, 1, 2, 2]),
        ("even", "linear", [2, 2, 1, 1, 1]),
    ],
)
def test_counts_of_seven_coordinates_in_five_steps(counts, schedule, expected):
    """MaskGIT: floor(7 m) masks are left, m = 0.8, 0.6, ... or sin(pi t / 2); LLaDA: 7 = 2 + 2 + 1 + 1 + 1."""
    method = METHODS["confidence"].with_parameters(counts=counts)
    taken = steps(mg.Guidance(), mg.uniform_grid(5), mg.noise_schedule(schedule))
    assert [method.count(step, 7) for step in taken] == expected


def test_ties_are_shared_evenly():
    """Exchangeable coordinates, alike tokens: no decoder may prefer the first."""
    problem = table([[1, 1], [1, 1]], [[1, 2], [2, 1]])
    for kind in ("confidence", "margin", "entropy"):
        process = mg.GuidedProcess(problem, mg.Guidance("normalized", 0.0))
        law = mg.stepped_law(process, kind, [1.0, 0.5], temperature=0.0, counts=[1]).probs
        np.testing.assert_allclose([law[0, 2], law[1, 2], law[2, 0], law[2, 1]], 0.25, rtol=1e-14)


SEPARATING = table([[2, 28], [16, 12]], [[22, 0], [4, 2]])
SWAPPED = {  # alpha at s and t swapped, a renormalisation that is missing, a stage at the wrong point
    "ancestral": lambda z, step: min(1.0, np.expm1(step.length)) * (z > 0),  # (m - m')/m' for (m - m')/m
    "posterior-product": lambda z, step: np.minimum(1, step.fraction * z),
    "euler": lambda z, step: 1 - np.exp(-z * step.length),
    "tau-leaping": lambda z, step: np.minimum(1, z * step.fraction),
}


@pytest.mark.parametrize("method", SWAPPED)
def test_mutants_of_the_reveal_probability_are_rejected(method):
    guidance = mg.Guidance("normalized" if method == "ancestral" else "product", 2.0)
    right, mutant = METHODS[method], {"reveal": SWAPPED[method], "freezes_rates": False, "gain": None}
    for chosen, agrees in ((right, True), (replace(right, **mutant), False)):
        error = gap(SEPARATING, guidance, chosen, (ANY_RULE | UNIT_HAZARDS)[method][0], {}, EARLY)
        assert error < 1e-13 if agrees else error > 1e-3


@pytest.mark.parametrize("method", SWAPPED)
def test_a_formula_that_is_not_the_declared_one_is_refused(method):
    with pytest.raises(mg.InputError, match="declares"):
        replace(METHODS[method], reveal=SWAPPED[method])


@pytest.mark.parametrize(
    "method, kernel, wrong",
    [
        ("theta-trapezoidal", brute.two_stage(0.5, True), {"theta": 0.45}),
        ("theta-trapezoidal", brute.two_stage(0.5, True), {"split": "level"}),
        ("theta-rk2", brute.two_stage(0.5, False), {"theta": 0.55}),
        ("remdm", brute.remdm(0.1, "cap"), {"strategy": "rescale"}),
        ("remdm", brute.remdm(0.1, "cap"), {"eta": 0.12}),
        ("confidence", brute.decoder("confidence", [1, 1, 0]), {"counts": [1, 1, 0], "temperature": 0.9}),
        ("confidence", brute.decoder("random-order", [1, 1, 0]), {"counts": [1, 1, 0]}),
        ("margin", brute.decoder("entropy", [1, 1, 0], noise=1.0), {"counts": [1, 1, 0], "noise": 1.0}),
        ("predictor-corrector", brute.corrected(1), {"corrections": 2}),
    ],
)
def test_other_parameters_and_other_orders_are_rejected(method, kernel, wrong):
    assert gap(SEPARATING, mg.Guidance("normalized", 2.0), method, kernel, wrong, EARLY) > 1e-4


def test_a_step_without_renormalised_tokens_is_rejected(monkeypatch):
    def unnormalised(edge, hazard, reveal, i):
        return np.concatenate([edge * reveal, 1 - reveal], axis=i)

    guidance = mg.Guidance("product", 2.0)
    monkeypatch.setattr(kernels.independent, "token_or_mask", unnormalised)
    assert gap(SEPARATING, guidance, "posterior-product", brute.posterior_product, {}, EARLY) > 1e-3


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.is_exact])
def test_exact_methods_have_the_transient_law(fading, method):
    process = mg.GuidedProcess(fading, mg.Guidance("product", SCHEDULE))
    law = mg.stepped_law(process, method, TO_DATA, "cosine", every_step=True)
    expected = mg.transient_law(process, mg.noise_schedule("cosine").clock(TO_DATA))
    assert np.array_equal(law.probs, expected.probs)


@pytest.mark.parametrize(
    "rule, method", [("product", "euler"), ("product", "posterior-product"), ("normalized", "ancestral")]
)
@pytest.mark.parametrize("engine", ["numba", "torch"])
def test_samples_follow_the_stepped_law(fading, rule, method, engine):
    process = mg.GuidedProcess(fading, mg.Guidance(rule, 2.0))
    samples = mg.sample(process, 40_000, method, seed=4, engine=engine, grid=6)
    law = mg.stepped_law(process, method, mg.uniform_grid(6), every_step=True)
    verdict = mg.compare(samples, mg.stepped_law(process, method, mg.uniform_grid(6)))
    assert verdict.passed, verdict.sentence
    decay = mg.compare_decay(samples, law.clock[1:-1], law.masked_probability[1:-1])
    assert decay.passed, decay.sentence


def test_euler_samples_are_not_posterior_product_samples(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    samples = mg.sample(process, 40_000, "euler", seed=4, grid=6)
    law = mg.stepped_law(process, "posterior-product", mg.uniform_grid(6), every_step=True)
    assert not mg.compare_decay(samples, law.clock[1:-1], law.masked_probability[1:-1]).passed


def test_euler_leaves_masks_only_where_hazards_are_below_one(fading):
    for rule, weight, left in [("product", 2.0, False), ("normalized", -0.5, False), ("product", -0.5, True)]:
        process = mg.GuidedProcess(fading, mg.Guidance(rule, weight))
        assert (mg.stepped_law(process, "euler", mg.uniform_grid(5)).masked_probability > 0) == left


def test_clipping_of_one_coordinate(line):
    """D = 1: Z = 7/4 at w = 1, so a = 2/3 is clipped, a = 1/2 is not."""
    process = mg.GuidedProcess(line, mg.Guidance("product", 1.0))
    hazard = float(process.exit_rates()[-1])
    assert hazard == pytest.approx((16 / 4 + 9 / 4 + 1 / 4) / 4)
    clipping = expected_clipping(process, [1.0, 0.5, 0.5 / 3, 0.0])
    survived = 1 - hazard / 2
    np.testing.assert_allclose(clipping.count, [0, survived, 0], atol=1e-15)
    np.testing.assert_allclose(clipping.excess, [0, survived * (hazard * 2 / 3 - 1), 0], atol=1e-15)


BAD = [
    ("tau-leapin", {}, "did you mean 'tau-leaping'"),
    ("gillespie", {"theta": 0.5}, "has no parameters"),
    ("theta-rk2", {"tetha": 0.5}, "did you mean 'theta'"),
    ("theta-rk2", {"theta": 1.5}, "0 < theta <= 1"),
    ("theta-rk2", {"theta": 0}, "0 < theta <= 1"),
    ("theta-trapezoidal", {"theta": 1.0}, "0 < theta < 1"),
    ("theta-trapezoidal", {"theta": float("nan")}, "0 < theta < 1"),
    ("theta-trapezoidal", {"split": "time"}, "one of clock, level"),
    ("confidence", {"temperature": -1}, "finite and >= 0"),
    ("confidence", {"noise": float("inf")}, "finite and >= 0"),
    ("confidence", {"counts": "cosine"}, "one of schedule, even"),
    ("confidence", {"counts": 2}, "a name or K integers"),
    ("confidence", {"temperature": "hot"}, "one real number"),
    ("confidence", {"counts": [1, 1]}, "one for each of K = 3"),
    ("confidence", {"counts": [1, 1, 1]}, "at most D = 2"),
    ("confidence", {"counts": [1, 0.5, 0]}, "integer >= 0"),
    ("confidence", {"score": len}, "one of temperature, noise, counts"),
    ("remdm", {"eta": 1.5}, "0 <= eta <= 1"),
    ("remdm", {"strategy": "loop"}, "one of cap, rescale"),
    ("predictor-corrector", {"corrections": -1}, "integer >= 0"),
    ("ancestral", {}, "rule 'normalized', or any rule at w = 0"),
    ("remdm", {}, "rule 'normalized', or any rule at w = 0"),
]


@pytest.mark.parametrize("method, parameters, message", BAD)
def test_bad_input_is_one_clear_error(fading, method, parameters, message):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    with pytest.raises(mg.InputError) as error:
        mg.stepped_law(process, method, mg.uniform_grid(3), **parameters)
    assert message in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


def test_ancestral_takes_the_rate_product_where_its_hazards_are_one(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 0.0))
    law = mg.stepped_law(process, "ancestral", TO_DATA)
    np.testing.assert_allclose(law.probs, mg.stepped_law(process, "tau-leaping", TO_DATA).probs, atol=1e-15)

"""Weighted particles: the weighted measure, propagated exactly; then estimators of known mean, and mutants."""

import dataclasses
import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.linalg import expm

import maskguide as mg
from benchmarks.smc import exact_log_normalizer, exact_variances
from maskguide.problems.mixture import ProductMixture
from maskguide.samplers import smc
from maskguide.samplers.smc import particles as system
from maskguide.samplers.smc import weights
from maskguide.samplers.smc.resampling import systematic

from ..conftest import random_problem

ALPHA = 1e-6
PROPOSALS = {
    "product": {},
    "normalized": {},
    "predictor": {"temperature": 2.0},
    "rectified": {"gamma0": -0.5},
    "contrastive": {"negative": 1},
    "tilted": {},
}


def full_support(length=3, vocab_size=2):
    return random_problem(5, vocab_size, length, zeros=0.0).with_target(0)


def everything_masked(process, n):
    return np.full((n, process.length), process.vocab_size)


def goal_table(process, weight):
    """G(x) = p_z(x)^(1+w) p(x)^(-w) on the lattice, by hand; p at w = -1."""
    target, reference = process.problem.target_table, process.guidance.rule.reference(process.problem)
    if weight == -1:
        return reference
    possible = target > 0
    return np.where(possible, target ** (1 + weight) / np.where(possible, reference, 1.0) ** weight, 0.0)


def lattice(process):
    """Every state of the lattice, in order of its masks, the most masked first."""
    states = list(itertools.product(range(process.vocab_size + 1), repeat=process.length))
    return sorted(states, key=lambda x: -x.count(process.vocab_size))


def moves(process, proposal, goal):
    """Of every state: its reveals (child, probability, log increment), by the engine's own two functions."""
    states, mask, found = lattice(process), process.vocab_size, {}
    log_q, log_r = (t.numpy() for t in weights.log_rates(process, torch.tensor(states), proposal, goal))
    for x, q, r in zip(states, log_q, log_r, strict=True):
        q = np.where(np.array(x)[:, None] == mask, q, -np.inf)
        exit, masks = np.logaddexp.reduce(q, axis=None), x.count(mask)
        found[x] = [
            ((*x[:i], v, *x[i + 1 :]), math.exp(q[i, v] - exit), weights.log_increment(exit, masks, q[i, v], r[i, v]))
            for i, v in np.argwhere(q > -np.inf)
        ]  # fmt: skip
    return found


def weighted_measure(process, proposal, goal):
    """Expected weight of the particles that pass each state, (N+1,)*D, from the fully masked one on."""
    measure = np.zeros(process.shape)
    measure[process.start] = 1.0
    for x, reveals in moves(process, proposal, goal).items():
        for y, probability, increment in reveals:
            measure[y] += measure[x] * probability * math.exp(increment)
    return measure


def completed(measure):
    return measure[(slice(-1),) * measure.ndim]


# Exactly -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [-1.0, -0.5, 0.0, 1.0, 3.0])
@pytest.mark.parametrize(("rule", "proposal"), [*itertools.product(PROPOSALS, [None, 0.3]), ("spherical", 0.3)])
def test_the_weighted_measure_is_the_tilted_law(rule, proposal, weight):
    problem = full_support()
    chosen = weight if proposal is None else proposal
    process = mg.GuidedProcess(problem, mg.Guidance(rule, chosen, **PROPOSALS.get(rule, {})))
    expected = completed(goal_table(process, weight))
    found = completed(weighted_measure(process, process.guidance.weight, weight))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    if rule != "contrastive":
        np.testing.assert_allclose(found / found.sum(), mg.tilted_law(problem, weight).probs, rtol=1e-12)
        assert math.log(found.sum()) == pytest.approx(mg.log_h(problem, weight).flat[-1], abs=1e-12)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("weight", [-1.0, -0.5, 2.0])
def test_the_weighted_measure_with_zeros(seed, weight):
    process = mg.GuidedProcess(random_problem(seed, 3, 2, zeros=0.5), mg.Guidance("normalized", weight))
    for x, value in np.ndenumerate(weighted_measure(process, weight, weight)):
        revealed = sum(v < process.vocab_size for v in x)
        share = 1 / math.comb(process.length, revealed)  # of all orders, those in which x is passed
        assert value == pytest.approx(goal_table(process, weight)[x] * share, rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("weight", [-0.5, 0.0, 1.0, 3.0])
@pytest.mark.parametrize("clock", [0.3, 1.0, 4.0])
def test_feynman_kac_in_continuous_time(weight, clock):
    """exp(u (Q + diag(R - |M|))) from the start is G(x) m^|M| (1 - m)^(D - |M|), at every clock."""
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", weight))
    masks = (np.indices(process.shape) == process.vocab_size).sum(axis=0)
    potential = np.diag((process.exit_rates() - masks).ravel())
    found = expm(clock * (process.rate_matrix().toarray() + potential))[-1].reshape(process.shape)
    level = math.exp(-clock)
    expected = goal_table(process, weight) * level**masks * (1 - level) ** (process.length - masks)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("rule", ["product", "predictor", "normalized"])
def test_an_increment_is_the_mean_weight_over_the_holding_time(rule):
    """E exp((R_q - |M|) tau) r/q over tau ~ Exp(R_q), the weight of the chain in continuous time."""
    process = mg.GuidedProcess(full_support(2), mg.Guidance(rule, 2.0))
    goal, exits = goal_table(process, 2.0), process.exit_rates()
    for x, reveals in moves(process, 2.0, 2.0).items():
        masks, exit = x.count(process.vocab_size), exits[x]
        for y, probability, increment in reveals:
            held, _ = quad(lambda t, R=exit, m=masks: R * math.exp(-R * t) * math.exp((R - m) * t), 0, 40)
            ratio = goal[y] / goal[x] / (probability * exit)
            assert increment == pytest.approx(math.log(held * ratio), abs=1e-9)


@pytest.mark.parametrize(("rule", "proposal"), [("product", 2.0), ("normalized", 2.0), ("normalized", 0.5)])
def test_exact_variances(rule, proposal):
    """Of the benchmark: against all paths, and for D = 1, where every factor is Z, against zero."""
    process = mg.GuidedProcess(full_support(), mg.Guidance(rule, proposal))
    reveals = moves(process, proposal, 2.0)

    def moment(x):
        return sum(p * math.exp(2 * w) * moment(y) for y, p, w in reveals[x]) if reveals[x] else 1.0

    total = completed(goal_table(process, 2.0)).sum()
    never, always = exact_variances(process, 2.0)
    assert never == pytest.approx(moment(process.start) / total**2 - 1, rel=1e-10)
    assert always > never
    one = mg.GuidedProcess(full_support(1), mg.Guidance(rule, 2.0))
    np.testing.assert_allclose(exact_variances(one, 2.0), 0.0, atol=1e-12)


@pytest.mark.parametrize("length", [1, 2, 4])
@pytest.mark.parametrize("weight", [0.5, 1.0, 4.0])
def test_the_conditional_chain_has_bounded_weights(length, weight):
    """Proposal w = 0: W = p_z^w p^(-w) of the completed state, at most prior^(-w); so n Var <= prior^(-w) / Z - 1."""
    problem = full_support(length)
    process, ceiling = mg.GuidedProcess(problem, mg.Guidance("product", 0.0)), problem.prior[0] ** -weight
    never, _ = exact_variances(process, weight)
    assert 0 <= never <= ceiling / math.exp(mg.log_h(problem, weight).flat[-1]) - 1 + 1e-12
    particles = smc.run(process, everything_masked(process, 1000), weight=weight, threshold=0.0)
    state = tuple(particles.tokens.T)
    expected = weight * np.log(problem.target_law[state] / problem.unconditional_law[state])
    np.testing.assert_allclose(particles.log_weights, expected, atol=1e-12)
    assert (particles.log_weights <= math.log(ceiling) + 1e-12).all()


def test_the_limit_of_resampling(monkeypatch):
    """Multinomial instead of systematic: the variance over 2,000 populations of 64, known to 3 % of itself."""
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 0.5))
    monkeypatch.setattr(system, "systematic", lambda log_weights, u: torch.multinomial(
        torch.softmax(log_weights, 1), log_weights.shape[1], replacement=True))  # fmt: skip
    torch.manual_seed(0)
    start = everything_masked(process, 2000 * 64)
    particles = smc.run(process, start, weight=2.0, populations=2000, threshold=1.0)
    estimates = np.exp(particles.log_normalizers) / completed(goal_table(process, 2.0)).sum()
    assert 64 * np.mean((estimates - 1) ** 2) == pytest.approx(exact_variances(process, 2.0)[1], rel=0.2)


# By simulation: the estimates of G(y) exp(reward(y)) are unbiased --------------------------------------


def bernstein(estimates, exact, largest):
    """Whether means of iid estimates in [0, largest], (P, cells), are their exact values, at a false alarm of ALPHA.

    Maurer and Pontil, "Empirical Bernstein bounds and sample variance penalization" (2009), theorem 4, two-sided.
    """
    count, cells = estimates.shape
    budget = math.log(4 * cells / ALPHA)
    spread = np.sqrt(2 * estimates.var(axis=0, ddof=1) * budget / count) + 7 * largest * budget / (3 * (count - 1))
    return bool((np.abs(estimates.mean(axis=0) - exact) <= spread).all())


def cells(process, particles, populations):
    """The estimate of every state's unnormalised probability, by each population: (P, N^D)."""
    shape = (process.vocab_size,) * process.length
    found = np.exp(particles.log_weights)
    alive, size = found > 0, len(found) // populations
    population = np.repeat(np.arange(populations), size)[alive]
    estimates = np.zeros((populations, math.prod(shape)))
    states = np.ravel_multi_index(tuple(particles.tokens[alive].T), shape)
    np.add.at(estimates, (population, states), found[alive] / size)
    return estimates


def largest_weight(process, goal):
    """No weight exceeds the product over reveals of the largest increment with as many masks."""
    largest = dict.fromkeys(range(1, process.length + 1), -np.inf)
    for x, reveals in moves(process, process.guidance.weight, goal).items():
        for _, _, increment in reveals:
            masks = x.count(process.vocab_size)
            largest[masks] = max(largest[masks], increment)
    return math.exp(sum(largest.values()))


def unbiased(process, goal, seed=0, populations=8000, size=8, exact=None, factor=1.0, **options):
    """Whether the estimates have the mean G(y), or `exact`."""
    start = everything_masked(process, populations * size)
    particles = smc.run(process, start, seed=seed, populations=populations, weight=goal, **options)
    expected = completed(goal_table(process, goal)) if exact is None else exact
    return bernstein(cells(process, particles, populations), expected.ravel(), factor * largest_weight(process, goal))


@pytest.mark.parametrize("threshold", [0.0, 1.0])
@pytest.mark.parametrize("rule", ["product", "normalized", "contrastive"])
@pytest.mark.parametrize(("proposal", "weight"), [(2.0, 2.0), (0.5, -1.0)])
def test_estimates_are_unbiased(rule, proposal, weight, threshold):
    process = mg.GuidedProcess(full_support(), mg.Guidance(rule, proposal, **PROPOSALS[rule]))
    assert unbiased(process, weight, threshold=threshold)


@pytest.mark.parametrize("seed", range(4))
def test_every_seed(seed):
    process = mg.GuidedProcess(random_problem(seed, 3, 2), mg.Guidance("product", 2.0))
    assert unbiased(process, 2.0, seed=seed, threshold=0.9)
    assert unbiased(process, 2.0, seed=seed, threshold=0.9, antithetic=True)


def test_particles_that_die():
    """The unconditional chain as proposal: where it leaves the target's support the weight is zero."""
    process = mg.GuidedProcess(mg.zoo.get("small-squares-2d"), mg.Guidance("product", -1.0))
    assert unbiased(process, 1.0, size=2, threshold=1.0)
    particles = smc.run(process, everything_masked(process, 2000), weight=1.0, populations=1000)
    left = (particles.tokens == process.vocab_size).any(axis=1)
    assert (particles.log_weights[left] == -np.inf).all()
    assert 0 < np.isneginf(particles.log_normalizers).sum() < 1000


REWARD = np.array([0.6, -0.4, 0.3])


def reward(tokens):
    """A sum over coordinates, and a bonus for equal neighbours; between -1.2 and 2.1 at D = 3 and N = 2."""
    return REWARD[: tokens.shape[1]] @ (tokens == 0).T + 0.6 * (np.diff(tokens, axis=1) == 0).sum(axis=1)


def rewarded(process, law, strength=1.0):
    states = np.indices(law.shape).reshape(process.length, -1).T
    return law * np.exp(strength * reward(states)).reshape(law.shape)


RANGES = {None: 2.1, "completion": 2.1 + 3 * 3.3, "noise": 2.4 + 2 * 0.6}  # of what the log weight may gain in all


def noisy(tokens):
    """A value that means nothing."""
    return 0.3 * np.sin(np.arange(len(tokens)) + tokens.sum(axis=1))


@pytest.mark.parametrize("value", [None, "completion", "noise"])
@pytest.mark.parametrize("threshold", [0.0, 0.8])
@pytest.mark.parametrize("goal", ["tilted", "guided"])
def test_rewards(goal, threshold, value):
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 1.0))
    values = {None: None, "completion": smc.completion_value(process, reward), "noise": noisy}
    law = completed(goal_table(process, 1.0)) if goal == "tilted" else mg.terminal_law(process).probs
    options = {"reward": reward, "value": values[value], "threshold": threshold, "goal": goal}
    particles = smc.run(process, everything_masked(process, 80_000), populations=10_000, **options)
    largest = (largest_weight(process, 1.0) if goal == "tilted" else 1.0) * math.exp(RANGES[value])
    assert bernstein(cells(process, particles, 10_000), rewarded(process, law).ravel(), largest)


def test_a_reward_may_exclude():
    process = mg.GuidedProcess(full_support(), mg.Guidance("normalized", 1.0))
    exact = completed(goal_table(process, 1.0)).copy()
    exact[0] = 0.0
    assert unbiased(process, 1.0, exact=exact, reward=lambda tokens: np.where(tokens[:, 0] == 0, -np.inf, 0.0))


def test_the_guided_goal_without_reward_is_the_terminal_law():
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 3.0))
    particles = smc.run(process, everything_masked(process, 60_000), goal="guided")
    assert (particles.log_weights == 0).all()
    assert bernstein(cells(process, particles, 60_000), mg.terminal_law(process).probs.ravel(), 1.0)


def test_a_prompt():
    """Given x, completions y have the weight G(y)/G(x)."""
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 2.0))
    goal = goal_table(process, 2.0)
    particles = smc.run(process, np.tile([2, 1, 2], (64_000, 1)), populations=8000)
    expected = np.zeros((2, 2, 2))
    expected[:, 1, :] = goal[:2, 1, :2] / goal[2, 1, 2]
    assert bernstein(cells(process, particles, 8000), expected.ravel(), largest_weight(process, 2.0))


def test_a_schedule_as_proposal():
    process = mg.GuidedProcess(full_support(), mg.Guidance("normalized", mg.WeightSchedule([0.5], [0.0, 3.0])))
    particles = smc.run(process, everything_masked(process, 64_000), populations=8000, weight=1.5)
    largest = max(largest_weight(mg.GuidedProcess(process.problem, mg.Guidance("normalized", w)), 1.5) for w in (0, 3))
    exact = completed(goal_table(process, 1.5)).ravel()
    assert bernstein(cells(process, particles, 8000), exact, largest**2)


def mixture(length, vocab_size, seed=0, components=3, concentration=5.0):
    """Some components in the target class, a single one in the other: Z is known at every length for w = 1, 2."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(vocab_size, concentration), (components + 1, length))
    return ProductMixture(probs, np.full(components + 1, 1 / (components + 1)), [0] * components + [1])


@pytest.mark.parametrize("weight", [1, 2])
def test_the_known_normalizer_of_a_mixture(weight):
    problem = mixture(4, 3)
    process = mg.GuidedProcess(problem.table(), mg.Guidance("contrastive", float(weight), negative=1))
    exact = math.log(completed(goal_table(process, weight)).sum())
    assert exact_log_normalizer(problem, weight) == pytest.approx(exact, abs=1e-12)
    computed = mg.GuidedProcess(problem, process.guidance)
    assert unbiased(computed, weight, exact=completed(goal_table(process, weight)))


@pytest.mark.parametrize("weight", [1, 2])
def test_equal_hazards_at_64(weight):
    """One component each, the same rows up to the order of tokens: every particle's weight is Z itself."""
    rng = np.random.default_rng(0)
    rows = rng.dirichlet(np.ones(32), 2)
    orders = [rng.permutation(32) for _ in range(64)]
    problem = ProductMixture(np.stack([rows[:, order] for order in orders], axis=1), [0.5, 0.5], [0, 1])
    process = mg.GuidedProcess(problem, mg.Guidance("contrastive", weight, negative=1))
    particles = smc.run(process, everything_masked(process, 8))
    np.testing.assert_allclose(particles.log_weights, exact_log_normalizer(problem, weight), rtol=1e-12)


def test_independent_coordinates_at_64():
    """One component each: Z is the product of the hazards, and no weight exceeds that of the order of smallest last."""
    problem = mixture(64, 4, components=1, concentration=100.0)
    process = mg.GuidedProcess(problem, mg.Guidance("contrastive", 1.0, negative=1))
    particles = smc.run(process, everything_masked(process, 1200), populations=600, threshold=1.0)
    log_z = exact_log_normalizer(problem, 1)
    hazards = np.sort((problem.probs[0] ** 2 / problem.probs[1]).sum(axis=1))[::-1]
    largest = np.exp(np.log(hazards.cumsum() / np.arange(1, 65)).sum() - log_z)
    estimates = np.exp(particles.log_normalizers - log_z)[:, None]
    assert np.log(hazards).sum() == pytest.approx(log_z, abs=1e-10)
    assert bernstein(estimates, 1.0, largest)
    assert not bernstein(1.2 * estimates, 1.0, largest)


def test_nothing_to_correct_at_64():
    process = mg.GuidedProcess(mixture(64, 8), mg.Guidance("product", 0.0))
    particles = smc.run(process, everything_masked(process, 50))
    np.testing.assert_allclose(particles.log_weights, 0.0, atol=1e-12)


# Mutants -----------------------------------------------------------------------------------------------


def inverted(monkeypatch):
    original = weights.log_increment
    monkeypatch.setattr(weights, "log_increment", lambda *given: -original(*given))


def masks_forgotten(monkeypatch):
    monkeypatch.setattr(weights, "log_increment", lambda exit, masks, q, r: exit - np.log(2) + r - q)


def proposal_forgotten(monkeypatch):
    monkeypatch.setattr(weights, "log_increment", lambda exit, masks, q, r: exit - np.log(masks))


def weight_for_one_plus_weight(monkeypatch):
    weaker = dataclasses.replace(weights.RULES["product"], log_formula=lambda t, p, w: w * t + (1 - w) * p)
    monkeypatch.setattr(weights, "RULES", {"product": weaker})


def resampled_by_squares(monkeypatch):
    monkeypatch.setattr(system, "systematic", lambda log_weights, u: systematic(2 * log_weights, u))


def weights_kept(monkeypatch):
    original = system.System.resample

    def resample(self, *given):
        before = self.log_weights
        original(self, *given)
        self.log_weights = before

    monkeypatch.setattr(system.System, "resample", resample)


def value_left_behind(monkeypatch):
    original = system.System.resample

    def resample(self, *given):
        before = self.potential
        original(self, *given)
        self.potential = before

    monkeypatch.setattr(system.System, "resample", resample)


def value_never_taken_back(monkeypatch):
    original = system.System.weigh

    def weigh(self, potential):
        original(self, potential)
        self.potential = torch.zeros_like(self.potential)

    monkeypatch.setattr(system.System, "weigh", weigh)


def rejected(monkeypatch, mutant, process, weight, **options):
    """Whether the right estimates pass, and those of the mutant fail."""
    bound = largest_weight(process, weight) * options.pop("factor", 1.0)
    exact = options.pop("exact", completed(goal_table(process, weight))).ravel()
    right, wrong = [], []
    for verdicts in (right, wrong):
        particles = smc.run(process, everything_masked(process, 64_000), populations=8000, weight=weight, threshold=1.0,
                            **options)  # fmt: skip
        verdicts.append(bernstein(cells(process, particles, 8000), exact, bound))
        mutant(monkeypatch)
    return right == [True] and wrong == [False]


@pytest.mark.parametrize("rule", ["product", "normalized"])
@pytest.mark.parametrize(
    "mutant",
    [inverted, masks_forgotten, proposal_forgotten, weight_for_one_plus_weight, resampled_by_squares, weights_kept],
    ids=lambda mutant: mutant.__name__,
)
def test_wrong_weights_are_rejected(monkeypatch, mutant, rule):
    assert rejected(monkeypatch, mutant, mg.GuidedProcess(full_support(), mg.Guidance(rule, 0.2)), 2.0)


@pytest.mark.parametrize("mutant", [value_left_behind, value_never_taken_back], ids=lambda mutant: mutant.__name__)
def test_wrong_values_are_rejected(monkeypatch, mutant):
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 1.0))
    options = {"reward": reward, "value": smc.completion_value(process, reward), "factor": math.exp(2.1)}
    exact = rewarded(process, completed(goal_table(process, 1.0)))
    assert rejected(monkeypatch, mutant, process, 1.0, exact=exact, **options)


# Resampling, draws, arguments --------------------------------------------------------------------------


@given(st.lists(st.floats(-30, 30) | st.just(-math.inf), min_size=1, max_size=40), st.floats(0, 1, exclude_max=True))
def test_children_are_floor_or_ceil_of_their_share(log_weights, u):
    log_weights = np.array([*log_weights, 0.0])
    expected = np.exp(log_weights - np.logaddexp.reduce(log_weights)) * len(log_weights)
    ancestors = systematic(torch.tensor(log_weights)[None], torch.tensor([u], dtype=torch.float64))
    children = np.bincount(ancestors[0].numpy(), minlength=len(log_weights))
    assert children.sum() == len(log_weights)
    assert (np.floor(expected - 1e-9) <= children).all() and (children <= np.ceil(expected + 1e-9)).all()
    assert (children[np.isneginf(log_weights)] == 0).all()


def test_the_largest_uniform_stays_inside():
    u = torch.tensor([1 - 2.0**-53], dtype=torch.float64)
    log_weights = torch.zeros((1, 10_000), dtype=torch.float64)
    log_weights[0, 5000:] = -math.inf
    assert systematic(log_weights, u).max() == 4999


def drawn(process, n=60, **options):
    return smc.run(process, everything_masked(process, n), threshold=0.9, **options)


def test_nothing_depends_on_batches_and_populations_are_independent_runs():
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 3.0))
    whole = drawn(process, populations=6, weight=0.0)
    small = drawn(process, populations=6, weight=0.0, batch_size=7)
    np.testing.assert_array_equal(whole.tokens, small.tokens)
    np.testing.assert_array_equal(whole.log_weights, small.log_weights)
    assert whole.resamplings.sum() > 0
    alone = drawn(process, 10, first=30, weight=0.0)
    np.testing.assert_array_equal(whole.tokens[30:40], alone.tokens)
    np.testing.assert_array_equal(whole.log_weights[30:40], alone.log_weights)
    np.testing.assert_array_equal(whole.ess[:, 3], alone.ess[:, 0])
    assert (drawn(process, populations=6, weight=0.0, seed=1).tokens != whole.tokens).any()


def test_copies_go_on_independently():
    problem = mixture(12, 4)
    process = mg.GuidedProcess(problem, mg.Guidance("contrastive", 2.0, negative=1))
    calls = itertools.count()

    def value(tokens):  # after one reveal all particles but one get next to nothing
        return np.where(np.arange(400) == 7, 0.0, -50.0 * (next(calls) == 1))

    particles = smc.run(process, everything_masked(process, 400), value=value)
    assert particles.ess[1, 0] == pytest.approx(1.0) and particles.resamplings[0] >= 1
    assert len(np.unique(particles.tokens, axis=0)) > 300


def test_log_normalizer_shares_and_the_final_resampling():
    process = mg.GuidedProcess(full_support(), mg.Guidance("normalized", 3.0))
    plain, equal = drawn(process, populations=6), drawn(process, populations=6, resample_final=True)
    assert plain.log_normalizer == pytest.approx(np.log(np.exp(plain.log_weights).mean()), abs=1e-12)
    np.testing.assert_allclose(plain.shares, np.exp(plain.log_weights) / np.exp(plain.log_weights).sum(), rtol=1e-12)
    np.testing.assert_allclose(equal.log_weights, plain.log_normalizer, atol=1e-12)
    np.testing.assert_array_equal(equal.log_normalizers, plain.log_normalizers)
    children = [(equal.tokens == y).all(axis=1).mean() for y in np.unique(plain.tokens, axis=0)]
    shares = [plain.shares[(plain.tokens == y).all(axis=1)].sum() for y in np.unique(plain.tokens, axis=0)]
    np.testing.assert_allclose(children, shares, atol=0.1)
    assert plain.ess.shape == (4, 6) and (plain.ess[0] == pytest.approx(10)) and (plain.ess <= 10 + 1e-9).all()


def test_the_tilted_rule_needs_no_weights():
    process = mg.GuidedProcess(full_support(), mg.Guidance("tilted", 2.0))
    particles = drawn(process)
    np.testing.assert_allclose(particles.log_weights, mg.log_h(process.problem, 2.0).flat[-1], atol=1e-12)


def test_every_particle_dead():
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 2.0))
    particles = drawn(process, reward=lambda tokens: np.full(len(tokens), -np.inf), resample_final=True)
    assert particles.log_normalizer == -np.inf and particles.ess[-1] == 0
    with pytest.raises(mg.InputError, match="weight zero"):
        _ = particles.shares


def test_nothing_masked():
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 2.0))
    particles = smc.run(process, np.zeros((5, 3), dtype=int), reward=reward, strength=2.0)
    np.testing.assert_allclose(particles.log_weights, 2.0 * reward(np.zeros((5, 3), dtype=int)))
    assert (particles.tokens == 0).all()


SCHEDULE = mg.WeightSchedule([0.5], [0.0, 2.0])


@pytest.mark.parametrize(
    ("guidance", "options", "sentence"),
    [
        (("product", SCHEDULE), {}, "has one weight"),
        (("product", SCHEDULE), {"goal": "guided"}, "only weight"),
        (("product", 1.0), {"goal": "guided", "weight": 1.0}, "only weight"),
        (("product", 1.0), {"goal": "wrong"}, "unknown goal"),
        (("product", 1.0), {"weight": -1.5}, "w >= -1"),
        (("product", 1.0), {"threshold": 1.5}, "threshold"),
        (("product", 1.0), {"strength": math.inf}, "strength"),
        (("product", 1.0), {"populations": 3}, "populations"),
        (("product", 1.0), {"populations": 2, "antithetic": True}, "antithetic"),
        (("product", 1.0), {"batch_size": -1}, "batch_size"),
        (("product", 1.0), {"reward": lambda tokens: tokens}, "returned shape"),
        (("product", 1.0), {"reward": lambda tokens: np.full(len(tokens), np.nan)}, "NaN or an infinity"),
        (("product", 1.0), {"value": lambda tokens: np.full(len(tokens), -np.inf)}, "NaN or an infinity"),
        (("product", 0.5), {"weight": -1.0}, "gives rate 0"),
        (("spherical", 40.0), {"weight": 1.0}, "gives rate 0"),
    ],
)
def test_bad_arguments(guidance, options, sentence):
    process = mg.GuidedProcess(mg.zoo.get("small-squares-2d"), mg.Guidance(*guidance))
    with pytest.raises(mg.InputError, match=sentence):
        smc.run(process, everything_masked(process, 10), **options)


@pytest.mark.parametrize("start", [[[2, 2, 0], [2, 2, 1]], [[2, 2, 3]], [[2, 2]], [2, 2, 2], [[0.5, 2, 2]]])
def test_bad_starts(start):
    process = mg.GuidedProcess(full_support(), mg.Guidance("product", 1.0))
    with pytest.raises(mg.InputError, match="start"):
        smc.run(process, np.array(start))


def test_exchangeable_problems_are_refused():
    problem = mg.ExchangeableProblem([[0.25, 0.5, 0.25], [0.0, 0.0, 1.0]], [0.5, 0.5])
    process = mg.GuidedProcess(problem, mg.Guidance("product", 1.0))
    with pytest.raises(mg.InputError, match="weighted particles"):
        smc.run(process, everything_masked(process, 4))

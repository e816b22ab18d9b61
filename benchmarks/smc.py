"""Weighted particles: exact and measured variance of the normalizer's estimate, by weight, length and proposal."""

from __future__ import annotations

import itertools
import time
from math import log

import numpy as np

import maskguide as mg
from maskguide.guidance.rules import RULES
from maskguide.guidance.tilted import log_tilted_table
from maskguide.problems.mixture import ProductMixture

from .terminal_law import random_problem

TABLES = ((2, 2), (2, 4), (2, 8), (4, 4))
WEIGHTS = (1.0, 2.0, 4.0)
PROPOSALS = (("product", 1.0), ("normalized", 1.0), ("product", 0.0))  # rule, share of the goal's weight
POPULATIONS, SIZE = 250, 64
THRESHOLDS = (0.0, 1.0, 0.5)
REWARD = (16, 4)  # D, N of the rows with a reward
VALUES = ("none", "seen", "completion")
LONG = (64, 32)
LONG_POPULATIONS, LONG_SIZE = 8, 512
UNKNOWN = {"variance": "–"}
NOTES = [
    "Never, at every reveal, threshold 0.5 (when the particles are resampled): n Var(Z-hat) / Z^2, n particles a "
    "population; so many particles have a relative error of one. Exact, never: E W^2 / Z^2 - 1, by a sweep over the "
    "lattice. Exact, at every reveal: the limit for many particles and multinomial resampling. Measured: over {} "
    "populations of {} particles, systematic resampling.",
    "Tables: Dirichlet laws with full support, two classes. Proposal: rule and weight.",
    "Reward, D = {}, N = {}: p_z, two product components, times exp(number of tokens 0), Z known. Value: none, the "
    "number among the tokens seen, or that in the likeliest completion.",
    "D = {}, N = {}: three product components in the target class against a single one, so that Z is known: a sum over "
    "tuples of components; {} populations of {} particles, too few to measure a variance to more than a digit.",
    "At the threshold 0.5: error of log Z-hat from all particles, smallest ESS / n (mean over populations, least over "
    "the reveals), mean number of resamplings, CPU seconds.",
]


def run(tables=TABLES, weights=WEIGHTS, long=LONG, populations: int = POPULATIONS, long_size: int = LONG_SIZE):
    """Rows (tables, rewards, long sequences), notes, rounds."""
    rows = [
        _table_row(size, length, weight, rule, share, populations)
        for (size, length), weight, (rule, share) in itertools.product(tables, weights, PROPOSALS)
    ]
    rows += [_reward_row(*REWARD, value, populations) for value in VALUES]
    rows += [_long_row(*long, weight, share, long_size) for weight in (1, 2) for share in (1.0, 0.0)]
    numbers = (populations, SIZE), (), REWARD, (*long, LONG_POPULATIONS, long_size), ()
    return rows, [note.format(*given) for note, given in zip(NOTES, numbers, strict=True)], 1


def exact_variances(process: mg.GuidedProcess, goal: float) -> tuple[float, float]:
    """n Var(Z-hat) / Z^2 without resampling, and its limit with multinomial resampling after every reveal.

    A reveal x -> y has probability q/R_q and the factor f = R_q/|M| r/q. The second moment of the weight on the way,

        S(y) = sum over parents x of S(x) r^2 R_q / (q |M|^2),

    has the sum E W^2 over completed states. With H(x) the sum of G over the completions of x, the mean of all factors
    yet to come is H(x)/G(x); the limit is the sum over reveals of E (f H(y)/G(y))^2 / (E f H(y)/G(y))^2 - 1, where x
    follows the weighted law before the reveal.
    """
    length, mask = process.length, process.vocab_size
    masks = (np.indices(process.shape) == mask).sum(axis=0)
    potential = _potential(process.problem, goal)
    future = np.divide(np.exp(log_tilted_table(process.problem, goal)), potential, out=np.zeros(process.shape),
                       where=potential > 0)  # fmt: skip
    factors = [_factor(process, goal, masks, i) for i in range(length)]
    never, resampled = np.where(masks == length, 1.0, 0.0), 0.0
    for k in range(length):
        law = np.where(masks == length - k, potential, 0.0)
        law /= law.sum()
        after = _stepped(law, factors, mask)
        resampled += (after * future**2).sum() / (law * future).sum() ** 2 - 1
        never = _stepped(never, factors, mask)
    total = np.exp(log_tilted_table(process.problem, goal).flat[-1])
    return float(never.sum() / total**2 - 1), float(resampled)


def exact_log_normalizer(problem: ProductMixture, weight: int) -> float:
    """log sum_y p_z(y)^(1+w) p_neg(y)^(-w): a sum over 1 + w components of the target, products over coordinates."""
    *target, negative = problem.probs
    tuples = itertools.product(target, repeat=1 + weight)
    sums = [np.log((np.prod(chosen, axis=0) * negative**-weight).sum(axis=1)).sum() for chosen in tuples]
    return float(np.logaddexp.reduce(sums) - (1 + weight) * log(len(target)))


def contrast(length: int, vocab_size: int, seed: int = 0, concentration: float = 20.0) -> ProductMixture:
    """Three components in the target class, near a single one in the other."""
    rng = np.random.default_rng(seed)
    negative = rng.dirichlet(np.ones(vocab_size), length) * 0.9 + 0.1 / vocab_size
    target = [[rng.dirichlet(concentration * vocab_size * row) for row in negative] for _ in range(3)]
    return ProductMixture([*target, negative], [0.25] * 4, [0, 0, 0, 1])


def _table_row(size: int, length: int, weight: float, rule: str, share: float, populations: int) -> dict:
    problem = random_problem(size, length)
    process = mg.GuidedProcess(problem, mg.Guidance(rule, share * weight))
    log_z, exact = float(log_tilted_table(problem, weight).flat[-1]), exact_variances(process, weight)
    measured = [_measured(process, weight, log_z, populations, SIZE, threshold) for threshold in THRESHOLDS]
    return _row(f"N = {size}, D = {length}", weight, process, log_z, exact, measured)


def _long_row(length: int, vocab_size: int, weight: int, share: float, size: int) -> dict:
    problem = contrast(length, vocab_size)
    process = mg.GuidedProcess(problem, mg.Guidance("contrastive", share * weight, negative=1))
    log_z = exact_log_normalizer(problem, weight)
    usual = _measured(process, weight, log_z, LONG_POPULATIONS, size, 0.5)
    return _row(f"N = {vocab_size}, D = {length}", weight, process, log_z, ("–", "–"), [UNKNOWN, UNKNOWN, usual])


def _reward_row(length: int, vocab_size: int, value: str, populations: int) -> dict:
    """p_z(y) exp(number of tokens 0 in y): Z = sum_c pi_c prod_i (1 + (e - 1) probs[c, i, 0]), c in the target."""
    from maskguide.samplers.smc import completion_value

    problem = ProductMixture.random(length, vocab_size, 4)
    process = mg.GuidedProcess(problem, mg.Guidance("product", 0.0))
    values = {"none": None, "seen": zeros, "completion": completion_value(process, zeros)}
    sums = (1 + (np.e - 1) * problem.probs[..., 0]).prod(axis=1)
    log_z = log(float(problem.class_weights[problem.target] @ sums))
    options = {"reward": zeros, "value": values[value]}
    measured = [_measured(process, 0.0, log_z, populations, SIZE, threshold, **options) for threshold in THRESHOLDS]
    row = _row(f"reward, N = {vocab_size}, D = {length}", 0.0, process, log_z, ("–", "–"), measured)
    return row | {"proposal": f"product 0, value: {value}"}


def zeros(tokens: np.ndarray) -> np.ndarray:
    """The number of tokens 0, (n,)."""
    return (tokens == 0).sum(axis=1)


def _row(name, weight, process, log_z, exact, measured) -> dict:
    never, always, usual = measured
    return {
        "problem": name,
        "w": float(weight),
        "proposal": f"{process.guidance.rule.name} {process.guidance.weight:g}",
        "log Z": log_z,
        "error of log Z-hat, all particles": usual["error"],
        "never resampled: exact": exact[0],
        "never: measured": never["variance"],
        "at every reveal: exact": exact[1],
        "at every reveal: measured": always["variance"],
        "threshold 0.5: measured": usual["variance"],
        "smallest ESS / n": usual["ess"],
        "resamplings": usual["resamplings"],
        "CPU s": usual["seconds"],
    }


def _measured(process, weight, log_z, populations, size, threshold, **options) -> dict[str, float]:
    from maskguide.samplers import smc

    start, before = np.full((populations * size, process.length), process.vocab_size), time.process_time()
    found = smc.run(process, start, weight=weight, populations=populations, threshold=threshold, **options)
    seconds = time.process_time() - before
    estimates = np.exp(found.log_normalizers - log_z)
    return {
        "variance": size * float(np.mean((estimates - 1) ** 2)),
        "error": found.log_normalizer - log_z,
        "ess": float(found.ess.mean(axis=1).min()) / size,
        "resamplings": float(found.resamplings.mean()),
        "seconds": seconds,
    }


def _potential(problem: mg.TableProblem, goal: float) -> np.ndarray:
    """G on the lattice: p_z^(1+w) p^(-w) of the revealed tokens."""
    target, unconditional = problem.target_table, problem.unconditional_table
    return target ** (1 + goal) * unconditional**-goal


def _factor(process: mg.GuidedProcess, goal: float, masks: np.ndarray, axis: int) -> np.ndarray:
    """r^2 R_q / (q |M|^2) by child, for one coordinate."""
    rates, last = process.rates(), process.vocab_size
    needed = np.moveaxis(RULES["product"].edges(process.problem, goal, axis), -1, axis)
    parent = [np.take(array, [last], axis=axis) for array in (rates.exit, masks)]
    q = rates.edges[axis]
    return np.divide(needed**2 * parent[0], q * parent[1] ** 2, out=np.zeros_like(q), where=q > 0)


def _stepped(law: np.ndarray, factors: list[np.ndarray], mask: int) -> np.ndarray:
    after = np.zeros_like(law)
    for axis, factor in enumerate(factors):
        child = tuple(slice(mask) if i == axis else slice(None) for i in range(law.ndim))
        after[child] += np.take(law, [mask], axis=axis) * factor
    return after

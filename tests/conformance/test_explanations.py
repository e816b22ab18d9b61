"""The laws of explanations against the formulas of their faults, written out state by state."""

from __future__ import annotations

import itertools
from math import factorial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskguide import Guidance, GuidedProcess, InputError, stepped_law, terminal_law, uniform_grid
from maskguide.conformance.bank import SamplingCase, default_cases
from maskguide.conformance.claim import Claim
from maskguide.conformance.explanations import EXPLANATIONS, Explanation, explained_laws, leaps, precision, register
from maskguide.conformance.explanations.setup import Setup
from maskguide.conformance.large_vocabulary import large_vocabulary_cases
from maskguide.problems.table import TableProblem

CLAIMS = [Claim("normalized", "ancestral"), Claim("product", "tau-leaping"), Claim("product", "euler"),
          Claim("product", "limit"), Claim("normalized", "limit")]  # fmt: skip
TARGET = [[0.10, 0.25, 0.05], [0.20, 0.02, 0.18], [0.05, 0.05, 0.10]]
OTHER = [[0.05, 0.05, 0.25], [0.00, 0.20, 0.10], [0.15, 0.10, 0.10]]
TABLE = TableProblem([TARGET, OTHER], [0.5, 0.5])
EXACT = 1e-12


def case(w=2.0, steps: int | None = 3, table=TABLE, plain=False) -> SamplingCase:
    return SamplingCase(table, w, steps, "", plain=plain)


def law_of(name: str, claim: Claim, where: SamplingCase | None = None) -> np.ndarray:
    return EXPLANATIONS[name].law(where or case(), claim)


def tokens(table: TableProblem, weight: float, state, axis: int) -> np.ndarray:
    """p_z^(1+w) p^(-w) of a coordinate in a state, from the tables' entries."""
    pair = []
    for law in (table.target_table, table.unconditional_table):
        line = law[tuple(slice(None) if i == axis else v for i, v in enumerate(state))]
        pair.append(line[:-1] / line[-1] if line[-1] > 0 else 0 * line[:-1])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where((pair[0] > 0) & (pair[1] > 0), pair[0] ** (1 + weight) * pair[1] ** -weight, 0.0)


def by_hand(table: TableProblem, steps: int, row) -> np.ndarray:
    """The law of K uniform steps from row(state, axis, a, last) -> law of token or mask, all coordinates at once."""
    size, length = table.vocab_size, table.length
    law = np.zeros((size + 1,) * length)
    law[(size,) * length] = 1.0
    for k in range(steps):
        after = np.zeros_like(law)
        for state in itertools.product(range(size + 1), repeat=length):
            if law[state] > 0:
                rows = [row(state, i, 1 / (steps - k), k == steps - 1) for i in range(length)]
                for ahead in itertools.product(range(size + 1), repeat=length):
                    after[ahead] += law[state] * np.prod([r[v] for r, v in zip(rows, ahead, strict=True)])
        law = after
    return law


def keep(state, axis):
    return np.eye(TABLE.vocab_size + 1)[state[axis]]


def masked_only(row):
    return lambda state, i, a, last: row(state, i, a, last) if state[i] == TABLE.vocab_size else keep(state, i)


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
@pytest.mark.parametrize("w", [-1.0, 0.0, 2.0])
def test_without_a_change_the_law_is_the_claims(claim, w):
    where = case(w, None if claim.is_limit else 3)
    assert np.abs(Setup.of(where, claim).law() - where.law(claim)).max() < EXACT


@pytest.mark.parametrize("claim", CLAIMS, ids=str)
def test_every_alternative_is_a_law_and_changes_nothing_that_is_kept(claim):
    for where in default_cases(claim, quick=True):
        first = {name: law.copy() for name, law in explained_laws(where, claim).items()}
        for name, law in first.items():
            assert law.shape == where.law(claim).shape and law.min() > -1e-14 and abs(law.sum() - 1) < 1e-11, name
            again = EXPLANATIONS[name].law(where, claim)
            np.testing.assert_array_equal(again, law, err_msg=name)


def test_names_and_sentences_are_unique_and_plain():
    names, sentences = zip(*((a.name, a.sentence) for a in EXPLANATIONS.values()), strict=True)
    assert len(set(names)) == len(names) and len(set(sentences)) == len(sentences)
    assert all(len(s) < 140 and not s.endswith(".") for s in sentences)


@pytest.mark.parametrize(
    ("name", "weight"),
    [("gamma for w", 1.0), ("w + 1", 3.0), ("2 w", 4.0), ("guidance ignored", 0.0), ("label ignored", -1.0)],
)
def test_wrong_weights_are_the_law_at_that_weight(name, weight):
    found = law_of(name, Claim("product", "tau-leaping"))
    right = stepped_law(GuidedProcess(TABLE, Guidance("product", weight)), "tau-leaping", uniform_grid(3))
    assert np.abs(found - right.probs).max() < EXACT


def test_swapped_conditionals_are_the_formula_with_branches_exchanged():
    full = TableProblem([TARGET, np.array(OTHER)[::-1]], [0.5, 0.5])
    assert (full.class_laws[1] > 0).sum() == 8 and (full.target_law > 0).all()

    def row(state, i, a, last):
        pair = tokens(full, 0.0, state, i), tokens(full, -1.0, state, i)  # p_z, p
        r = pair[1] ** 3 * pair[0] ** -2.0
        return np.append(a * r / r.sum(), 1 - a)

    found = law_of("conditionals swapped", Claim("normalized", "ancestral"), case(table=full))
    assert np.abs(found - by_hand(full, 3, masked_only(row))).max() < EXACT


def test_product_declared_ancestral_is_the_row_divided_by_its_sum():
    def row(state, i, a, last):
        r = np.append(a * tokens(TABLE, 2.0, state, i), 1 - a)
        return r / r.sum()

    found = law_of("product rule", Claim("normalized", "ancestral"))
    assert np.abs(found - by_hand(TABLE, 3, masked_only(row))).max() < EXACT


@pytest.mark.parametrize("name", ["entries clipped", "row cut off", "several Poisson jumps discarded"])
def test_clipped_rows(name):
    def row(state, i, a, last):
        jumps = a * tokens(TABLE, 2.0, state, i)
        if name == "entries clipped":
            r = np.append(np.minimum(jumps, 1), max(0.0, 1 - np.minimum(jumps, 1).sum()))
            return r / r.sum()
        if name == "row cut off":
            edges = np.minimum(1, np.append(0, np.cumsum(jumps)))
            return np.append(np.diff(edges), 1 - edges[-1])
        one = jumps * np.exp(-jumps.sum())
        return np.append(one, 1 - one.sum())

    found = law_of(name, Claim("product", "euler"))
    assert np.abs(found - by_hand(TABLE, 3, masked_only(row))).max() < EXACT


def test_poisson_jumps_are_added_and_clamped():
    jumps = np.array([0.3, 0.9, 0.4])
    law = np.zeros(4)
    for numbers in itertools.product(range(14), repeat=3):
        chance = np.prod([np.exp(-m) * m**k / factorial(k) for m, k in zip(jumps, numbers, strict=True)])
        law[max(0, 3 - sum(k * (3 - v) for v, k in enumerate(numbers)))] += chance
    assert np.abs(leaps.jumps_added(jumps) - law).max() < 1e-8  # the loop stops at 13 jumps
    assert np.abs(leaps.tokens_ranked(jumps) - [1 - np.exp(-0.3), np.exp(-0.3) - np.exp(-1.2),
                                                np.exp(-1.2) - np.exp(-1.6), np.exp(-1.6)]).max() < EXACT  # fmt: skip


@pytest.mark.parametrize("name", ["argmax finish", "conditional finish", "unconditional argmax finish"])
def test_last_steps(name):
    def row(state, i, a, last):
        r = tokens(TABLE, 2.0, state, i)
        if last:
            r = tokens(TABLE, {"a": 2.0, "c": 0.0, "u": -1.0}[name[0]], state, i)
            r = np.eye(3)[r.argmax()] if "argmax" in name else r
        return np.append(a * r / r.sum(), 1 - a)

    found = law_of(name, Claim("normalized", "ancestral"))
    assert np.abs(found - by_hand(TABLE, 3, masked_only(row))).max() < EXACT


@pytest.mark.parametrize(("name", "remask"), [("revealed tokens redrawn", False), ("revealed tokens not kept", True)])
def test_tokens_that_are_not_kept(name, remask):
    def row(state, i, a, last):
        r = tokens(TABLE, 2.0, state, i)
        kept = np.eye(4)[3] if remask else keep(state, i)
        return a * np.append(r / r.sum(), 0) + (1 - a) * kept

    found = law_of(name, Claim("normalized", "ancestral"), case(plain=True))
    assert np.abs(found - by_hand(TABLE, 3, row)).max() < EXACT


def test_a_denoiser_that_repeats_revealed_tokens_hides_that_they_are_redrawn():
    assert law_of("revealed tokens redrawn", Claim("normalized", "ancestral")) is None


def test_stale_states_are_independent_marginals():
    found = law_of("stale state", Claim("product", "limit"), case(steps=None))[:3, :3]
    marginals = [tokens(TABLE, 2.0, (3, 3), i) for i in (0, 1)]
    assert np.abs(found - np.outer(*(m / m.sum() for m in marginals))).max() < EXACT


def test_orders_are_chain_rules():
    first, claim = tokens(TABLE, 2.0, (3, 3), 0), Claim("product", "limit")
    rows = np.array([tokens(TABLE, 2.0, (v, 3), 1) for v in range(3)])
    chain = (first / first.sum())[:, None] * rows / rows.sum(axis=1, keepdims=True)
    assert np.abs(law_of("left to right", claim, case(steps=None))[:3, :3] - chain).max() < EXACT


def test_first_hitting_with_the_wrong_positions_has_the_other_rules_limit():
    for rule, name, other in (("product", "uniform positions", "normalized"),
                              ("normalized", "positions by hazard", "product")):  # fmt: skip
        claim = Claim(rule, "limit")
        right = terminal_law(GuidedProcess(TABLE, Guidance(other, 2.0))).probs
        assert np.abs(law_of(name, claim, case(steps=None))[:3, :3] - right).max() < EXACT


@pytest.mark.parametrize("name", ["cosine", "polynomial", "geometric"])
def test_other_noise_on_the_claimed_times(name):
    found = law_of(f"{name} noise", Claim("product", "tau-leaping"))
    right = stepped_law(GuidedProcess(TABLE, Guidance("product", 2.0)), "tau-leaping", uniform_grid(3), name)
    assert np.abs(found - right.probs).max() < EXACT


@pytest.mark.parametrize(
    ("name", "fraction"),
    [
        ("alpha of the wrong end", lambda t, s: min(1.0, (t - s) / s) if s > 0 else 1.0),
        ("stay for reveal", lambda t, s: s / t),
        ("sigma for its derivative", lambda t, s: (t - s) * -np.log(1 - t) * (1 - t) / t if t < 1 else 0.0),
    ],
)
def test_wrong_formulas_of_a_step(name, fraction):
    def row(state, i, a, last):
        k = round(4 - 1 / a)
        chance = fraction((4 - k) / 4, (3 - k) / 4)
        r = tokens(TABLE, 2.0, state, i)
        return np.append(chance * r / r.sum(), 1 - chance)

    found = law_of(name, Claim("normalized", "ancestral"), case(steps=4))
    assert np.abs(found - by_hand(TABLE, 4, masked_only(row))).max() < EXACT


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("method", ["tau-leaping", "euler"])
def test_rates_frozen_in_t(schedule, method):
    """Probability 1 - exp(-Z dt m'(t)/m(t)), m' by differences; the last step reveals all."""
    level = {"linear": lambda t: t, "cosine": lambda t: np.sin(np.pi * t / 2)}[schedule]

    def row(state, i, a, last):
        t, r = a_to_time[round(1 / a)], tokens(TABLE, 2.0, state, i)
        slope = (level(t + 1e-6) - level(t - 1e-6)) / 2e-6
        chance = 1.0 if last else -np.expm1(-r.sum() * 0.25 * slope / level(t))
        return np.append(chance * r / r.sum(), 1 - chance)

    a_to_time = {k: k / 4 for k in range(1, 5)}  # by_hand gives 1/k, k steps left of four
    found = law_of("rates frozen in t", Claim("product", method, schedule=schedule), case(steps=4))
    assert np.abs(found - by_hand(TABLE, 4, masked_only(row))).max() < 1e-9


def test_masks_that_clipped_entries_leave_are_set_to_the_argmax():
    def row(state, i, a, last):
        r = np.minimum(a * tokens(TABLE, -0.5, state, i), 1)
        return np.append(r, max(0.0, 1 - r.sum())) / max(1.0, r.sum())

    def end(state, i, a, last):
        return np.eye(4)[tokens(TABLE, -0.5, state, i).argmax()]

    claim = Claim("product", "euler")
    left = by_hand(TABLE, 3, masked_only(row))
    filled = np.zeros_like(left)
    for state in itertools.product(range(4), repeat=2):
        rows = [masked_only(end)(state, i, 1.0, True) for i in (0, 1)]
        filled += left[state] * np.multiply.outer(*rows)
    assert left[3].sum() > 0.01
    assert np.abs(law_of("entries clipped, argmax finish", claim, case(-0.5)) - filled).max() < EXACT


def test_nan_tokens():
    table = TableProblem([[0.0, 0.3, 0.5, 0.0, 0.2], [0.2, 0.4, 0.4, 0.0, 0.0]], [0.5, 0.5])  # token 3: no class
    claim = Claim("normalized", "ancestral")
    for name, token in (("NaN selected", 3), ("NaN fills the row", 0)):
        assert np.abs(law_of(name, claim, case(1.0, 2, table)) - np.eye(6)[token]).max() < EXACT


def test_temperatures():
    line = tokens(TABLE, 2.0, (3, 3), 0)
    single = TableProblem([np.sum(TARGET, axis=1), np.sum(OTHER, axis=1)], [0.5, 0.5])
    hot = line**0.5
    claim, where = Claim("normalized", "limit"), case(steps=None, table=single)
    assert np.abs(law_of("temperature 2 on tokens", claim, where)[:3] - hot / hot.sum()).max() < EXACT
    target, unconditional = (tokens(single, w, (3,), 0) for w in (0.0, -1.0))
    cool = (target**2 / (target**2).sum()) ** 3 * unconditional**-2.0
    found = law_of("temperature 0.5 on the conditional branch", claim, where)[:3]
    assert np.abs(found - cool / cool.sum()).max() < EXACT
    assert np.abs(law_of("greedy tokens", claim, where)[:3] - np.eye(3)[line.argmax()]).max() < EXACT


@given(st.integers(0, 10**6))
def test_races_are_right_at_any_resolution(seed):
    """The race with coarse numbers, against all its outcomes: three light tokens, one exact one."""
    rng = np.random.default_rng(seed)
    resolution, p = 2.0**-5, rng.uniform(0.01, 0.04)
    sizes, masses = np.array([3, 1]), np.array([3 * p, 1 - 3 * p])
    values = np.sort(-np.log(np.arange(1, 32) * resolution))  # of one light token; 0 gives infinity
    survivors = (31 - np.arange(32)) + 1  # values later than the j-th, and infinity
    smallest = -np.diff((survivors / 32.0) ** 3)
    won = (smallest * np.exp(-values * (1 - 3 * p) / p)).sum()
    assert abs(precision.raced(masses, sizes, resolution, light=0.05)[0] - won) < 1e-9


def test_the_published_race():
    """V = 50,257 and a reveal of 1e-3: hardly any is left. Each token has a value j 2^-24 with probability 2^-24."""
    found = precision.raced(np.array([1e-3, 0.999]), np.array([50257, 1]))
    first_levels = 50257 * 2**-24 * np.exp(-(2.0**-24) * 50257 / 1e-3 * np.arange(1, 9)).sum()
    assert found[0] == pytest.approx(first_levels, rel=2e-3) and found[0] < 2e-4


def test_the_large_vocabulary_shows_a_race_in_float32_only():
    (large,) = large_vocabulary_cases(CLAIMS[0])
    right, raced = large.law(CLAIMS[0]), large.explained_laws(CLAIMS[0])["float32 race"]
    assert abs(raced.sum() - 1) < 1e-9 and 0.5 * np.abs(raced - right).sum() > 0.1
    assert large.explained_laws(Claim("product", "limit")) == {}
    assert large_vocabulary_cases(Claim("normalized", "random-order")) == []


def test_bins_of_the_large_vocabulary_have_the_sums_of_its_laws():
    (large,) = large_vocabulary_cases(CLAIMS[0])
    found = np.exp(large.problem.log_conditionals(np.array([[50_000, 3]]), 0)[0])
    row = found[0]
    assert found[1, 3] == 1 and found[1].sum() == 1
    assert large.bins(np.array([[0, 9, 10, 32_767, 32_768, 49_999, 50_000]])).tolist() == [[0, 0, 1, 1, 2, 2, 3]]
    sums = np.add.reduceat(row, [0, 10, 32_768])
    assert np.abs(sums - large.coordinates[0].target_law).max() < EXACT


def test_an_explanation_that_gives_no_law_is_refused():
    for wrong in (np.ones((4, 4)), np.eye(3) / 3, np.full((4, 4), np.nan)):
        with pytest.raises(InputError, match="a law on the lattice"):
            Explanation("wrong", "it is wrong", lambda setup, wrong=wrong: wrong).law(case(), CLAIMS[0])
    with pytest.raises(InputError, match="a second explanation named"):
        register(Explanation("2 w", "another one", lambda setup: None))

"""The discrete counterpart of the stages: one bit in closed form, brute force, samples, schedules as steps."""

import itertools

import numpy as np
import pytest

import maskguide as mg
from maskguide import InputError
from maskguide.comparison.comparison import compare
from maskguide.gaussian import schedules
from maskguide.papers.stages.discrete import MaskedModes, piecewise

MODES = MaskedModes()
EARLY, LATE = schedules.early_late(9, 1), schedules.early_late(1, 9)


def one_bit(w: float, prior: float = 0.1) -> float:
    """P(0) of a single bit, the tilted law: modes (0.8, 0.2) at weight 1/4 and (0.2, 0.8) at 3/4, a uniform rest."""
    class_law = np.array([0.25 * 0.8 + 0.75 * 0.2, 0.25 * 0.2 + 0.75 * 0.8])
    tilted = class_law ** (1 + w) * (prior * class_law + (1 - prior) / 2) ** -w
    return float(tilted[0] / tilted.sum())


def test_one_bit_is_tilted():
    modes = MaskedModes(1, prior=0.1)
    for rule in ("normalized", "product"):
        assert modes.final(2.5, rule).mass[0] == pytest.approx(one_bit(2.5), rel=1e-12)
    changing = modes.final(EARLY).mass[0]
    assert changing == pytest.approx((one_bit(8) + one_bit(0)) / 2, rel=1e-10)  # docs/theory.md section 2.5
    assert modes.final(3.0).within == 0 and (modes.final(0.0).mass != modes.final(3.0).mass).all()


@pytest.mark.parametrize("weak", [0.25, 0.4])
def test_masses_and_entropies_by_brute_force(weak):
    modes = MaskedModes(3, weak, 0.7, 0.2)
    law = mg.terminal_law(modes.process(1.5)).probs
    groups = {0: [], 1: []}
    for x in itertools.product(range(2), repeat=3):
        own = [w * np.prod([f if b == k else 1 - f for b in x]) for k, w, f in ((0, weak, 0.7), (1, 1 - weak, 0.7))]
        groups[int(own[1] > own[0])].append(law[x])
    found = modes.final(1.5)
    for k, p in groups.items():
        share = np.array(p) / np.sum(p)
        assert found.mass[k] == pytest.approx(np.sum(p), rel=1e-12)
        assert found.entropy[k] == pytest.approx(-(share * np.log(share)).sum(), rel=1e-12)
    assert found.within == pytest.approx(found.mass @ found.entropy, rel=1e-12)


def test_told_and_locked_by_brute_force():
    modes = MaskedModes(3)
    for state in itertools.product(range(3), repeat=3):
        ends = [
            x for x in itertools.product(range(2), repeat=3) if all(s in (2, b) for s, b in zip(state, x, strict=True))
        ]
        assert modes.locked[state] == (len({int(modes.basin[x]) for x in ends}) == 1)
        weak = 0.25 * np.prod([0.8 if b == 0 else 0.2 for b in state if b < 2])
        strong = 0.75 * np.prod([0.2 if b == 0 else 0.8 for b in state if b < 2])
        assert modes.posterior[(0, *state)] == pytest.approx(weak / (weak + strong), rel=1e-12)


def test_stages_begin_and_end_as_they_must():
    for rule in ("normalized", "product"):
        found = MODES.stages(4.0, rule)
        assert found.levels[0] == 1 and found.levels[-1] == 0
        assert found.revealed[0] == pytest.approx(0) and found.revealed[-1] == pytest.approx(1)
        assert found.locked[0] == 0 and found.locked[-1] == pytest.approx(1)
        assert (np.diff(found.locked) >= -1e-9).all() and (found.told >= 0).all()
    np.testing.assert_allclose(MODES.stages(4.0).revealed, 1 - np.linspace(1, 0, 21), atol=1e-9)
    assert (MODES.stages(4.0, "product").revealed[1:-1] > 1.2 * (1 - np.linspace(1, 0, 21))[1:-1]).any()


@pytest.mark.parametrize("rule", ["normalized", "product"])
def test_samples_follow_the_laws_of_the_schedules(rule):
    law = mg.terminal_law(MODES.process(LATE, rule))
    found = compare(mg.sample(MODES.process(LATE, rule), 20_000, "gillespie", seed=5), law)
    assert found.passed, found.sentence
    assert not compare(mg.sample(MODES.process(EARLY, rule), 20_000, "gillespie", seed=5), law).passed


def test_schedules_become_steps():
    assert piecewise(EARLY) == mg.WeightSchedule([0.5], [8.0, 0.0])
    assert piecewise(schedules.interval(5)).edges == (0.78, 0.15)
    assert piecewise(schedules.constant(3)) == mg.WeightSchedule([], [2.0])
    triangle = piecewise(schedules.triangle(5), 8)
    assert triangle.weights == pytest.approx([1, 3, 5, 7, 5, 3, 1])  # the two steps at the top are one
    masses = [MODES.final(piecewise(schedules.triangle(5), n)).mass[0] for n in (10, 20, 40)]
    first, second = np.diff(masses)
    assert np.log2(first / second) == pytest.approx(2, abs=0.02) and abs(second) < 1e-3  # steps are of order 2


def test_what_the_page_says():
    """Late guidance keeps the masses; constant guidance costs the most entropy; the rate product turns early round."""
    none, constant, early, late = (MODES.final(w) for w in (0.0, 4.0, EARLY, LATE))
    assert early.mass[0] < 1.01 * constant.mass[0] < 0.2 * none.mass[0] and late.mass[0] > 0.8 * none.mass[0]
    assert constant.within < 0.1 * late.within and late.within < early.within < 0.7 * none.within
    product = [MODES.final(w, "product") for w in (EARLY, 4.0, LATE)]
    assert product[0].within < product[1].within < product[2].within and product[0].mass[0] < 0.2 * early.mass[0]
    np.testing.assert_allclose(product[1].mass, constant.mass, rtol=1e-9)  # exchangeable bits: one law for both rules


@pytest.mark.parametrize("bad", [
    {"length": 4}, {"length": 0}, {"weak": 0.0}, {"weak": 1.0}, {"fidelity": 0.5}, {"fidelity": 1.0}, {"prior": 0.0},
    {"prior": float("nan")},
])  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(InputError):
        MaskedModes(**bad)
    with pytest.raises(InputError):
        MODES.final(-2.0)

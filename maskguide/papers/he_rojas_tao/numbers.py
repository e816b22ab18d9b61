"""Numbers of guided masked diffusion: 5D cubes, decay of TV in the weight, identities."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from ...guidance import Guidance, WeightSchedule
from ...laws.decay import tv_decay
from ...laws.law import Law
from ...laws.regime import decay_regime, log_minus_log
from ...laws.terminal import terminal_law
from ...laws.transient import transient_law
from ...problems import zoo
from ...problems.table import TableProblem
from ...process import GuidedProcess
from ..register import Number, gap, group

PAPER = "He, Rojas, Tao, arXiv:2506.10971"


def law_of(name: str, rule: str, weight: float | WeightSchedule) -> Law:
    """The final law of a zoo problem under a rule."""
    return terminal_law(GuidedProcess(zoo.get(name), Guidance(rule, weight)))


def _tv(name: str, rule: str, weight: float, clock: float | np.ndarray) -> np.ndarray:
    return tv_decay(GuidedProcess(zoo.get(name), Guidance(rule, weight)), clock)


def tilted_law(problem: TableProblem, weight: float) -> np.ndarray:
    """p_z^(1+w) p^(-w) / Z."""
    p, q = problem.target_law, problem.unconditional_law
    tilt = np.where(p > 0, p * np.divide(p, q, out=np.ones_like(p), where=p > 0) ** weight, 0.0)
    return tilt / tilt.sum()


@group
def five_dimensional_cubes() -> Iterator[Number]:
    """Mean probability x 10^3 per state by the number k of coordinates equal to 2."""
    source = f"{PAPER}, section on 5D cubes (setting); exact values: docs/theory.md section 3"
    table = {
        1.0: (4.9383, 4.5432, 4.0296, 3.3264, 2.2771, 0.3200),
        2.0: (5.4870, 4.7554, 3.9018, 2.8857, 1.6393, 0.0169),
    }
    for weight, row in table.items():
        for rule in ("product", "normalized"):
            means = _means_by_shared_coordinates(law_of("cubes-5d", rule, weight).probs)
            for k, (expected, got) in enumerate(zip(row, means, strict=True)):
                yield Number(f"cubes-5d, {rule}, w={weight:g}: 10^3 mean P, k={k}", expected, 1e3 * got, 5.1e-5, source)
    tilted = _means_by_shared_coordinates(tilted_law(zoo.get("cubes-5d"), 1.0))
    for k, expected in enumerate((4.1237,) * 5 + (2.0619,)):
        yield Number(f"cubes-5d, tilted law, w=1: 10^3 mean P, k={k}", expected, 1e3 * tilted[k], 5.1e-5, source)


def _means_by_shared_coordinates(law: np.ndarray) -> list[float]:
    states = np.indices(law.shape).reshape(law.ndim, -1)
    support, twos = (states >= 2).all(axis=0), (states == 2).sum(axis=0)
    return [float(law.ravel()[support & (twos == k)].mean()) for k in range(law.ndim + 1)]


@group
def decay_at_large_weight() -> Iterator[Number]:
    """TV(u = 1) of the rate product in the regimes of section 2.3."""
    source = "docs/theory.md section 2.3"
    rows = {
        "no-blind-2d": {0: "0.6004", 8: "0.1208", 16: "4.893e-3", 24: "1.747e-6", 28: "8.16e-10"},
        "fading-blind-2d": {0: "0.6004", 4: "0.1998", 8: "0.0558", 12: "0.00638"},
        "small-squares-2d": {0: "0.6004", 2: "0.3980", 4: "0.3679", 12: "0.3679"},
    }
    for name, row in rows.items():
        for weight, expected in row.items():
            got = float(_tv(name, "product", weight, 1.0))
            yield Number(f"{name}, w={weight}: TV at u=1", float(expected), got, _last_digit(expected), source)
    yield Number("squares-2d, w=8: TV at u=2", 0.1355, float(_tv("squares-2d", "product", 8, 2.0)), 5.1e-5, source)
    limit = float(_tv("small-squares-2d", "product", 60, 1.0))
    yield Number("small-squares-2d: TV at u=1 saturates at e^-1", float(np.exp(-1)), limit, 1e-12, source)


def _last_digit(printed: str) -> float:
    """Half a unit of the last digit that is printed, and a hair."""
    return 0.501 * 10.0 ** int(Decimal(printed).as_tuple().exponent)


@group
def decay_regimes() -> Iterator[Number]:
    """One problem of each regime is recognised, and its exponent is the slope that TV shows."""
    source = "docs/theory.md section 2.3"
    expected = {"identical-2d": "flat", "no-blind-2d": "double-exponential", "fading-blind-2d": "exponential",
                "small-squares-2d": "saturating"}  # fmt: skip
    for name, regime in expected.items():
        found = decay_regime(GuidedProcess(zoo.get(name), Guidance("product")))
        yield Number(f"{name}: regime is {regime}", 1.0, float(found.regime == regime), 0.0, source)
    logs = [tv_decay(GuidedProcess(zoo.get("no-blind-2d"), Guidance("product", w)), 1.0, log=True) for w in (99, 100)]
    slope = float(np.diff(log_minus_log(np.array(logs)))[0])
    yield Number("no-blind-2d: slope of log(-log TV) in w", 0.1141, slope, 5.1e-5, source)
    fading = np.log(_tv("fading-blind-2d", "product", 41, 1.0) / _tv("fading-blind-2d", "product", 40, 1.0))
    yield Number("fading-blind-2d: slope of log TV in w", -1.1285, float(fading), 5.1e-5, source)


@group
def identities() -> Iterator[Number]:
    """Formulas that hold at every weight."""
    clocks = np.geomspace(1e-2, 30, 13)
    for name in ("squares-2d", "cubes-5d"):
        process = GuidedProcess(zoo.get(name), Guidance("normalized", 3.0))
        curve = -np.expm1(process.length * np.log1p(-np.exp(-clocks)))
        masked = transient_law(process, clocks).masked_probability  # tv_decay would return the formula itself
        yield gap(f"{name}, normalized: TV = 1 - (1-m)^D", "docs/theory.md section 2.3", masked, curve, 1e-11)
    overlap = zoo.get("overlap-1d")
    partition = float(GuidedProcess(overlap, Guidance("product", 2.5)).exit_rates()[-1])
    got = _tv("overlap-1d", "product", 2.5, clocks) / np.exp(-partition * clocks)
    yield gap("overlap-1d: TV = m^Z, relative", f"{PAPER}; docs/theory.md section 2.3", got, np.ones(13))
    disjoint = zoo.get("disjoint-1d")
    partition = float(GuidedProcess(disjoint, Guidance("product", 3.0)).exit_rates()[-1])
    expected = float(disjoint.prior[disjoint.target]) ** -3
    yield Number("disjoint-1d, w=3: Z = p(z)^-w", expected, partition, 1e-12 * expected, "docs/theory.md section 2.3")
    for name in ("overlap-1d", "squares-2d", "wine-2d"):
        problem = zoo.get(name)
        for rule in ("product", "normalized"):
            yield gap(f"{name}, {rule}: w=0 is the class law", PAPER, law_of(name, rule, 0).probs, problem.target_law)
            yield gap(f"{name}, {rule}: w=-1 is p", PAPER, law_of(name, rule, -1).probs, problem.unconditional_law)
    tilted = tilted_law(overlap, 4.0)
    for rule in ("product", "normalized"):
        yield gap(f"overlap-1d, {rule}, w=4: 1D is the tilted law", PAPER, law_of("overlap-1d", rule, 4).probs, tilted)

"""Published and derived numbers of guided masked diffusion."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import numpy as np

from ...guidance import Guidance, WeightSchedule
from ...laws.completion import completion_time
from ...laws.convergence import measured_order
from ...laws.decay import tv_decay
from ...laws.law import Law
from ...laws.regime import decay_regime, log_minus_log
from ...laws.terminal import terminal_law
from ...laws.transient import transient_law
from ...methods import METHODS
from ...problems import zoo
from ...problems.table import TableProblem
from ...process import GuidedProcess
from ..register import Number, group

PAPER = "He, Rojas, Tao, arXiv:2506.10971"


def _law(name: str, rule: str, weight: float | WeightSchedule) -> Law:
    return terminal_law(GuidedProcess(zoo.get(name), Guidance(rule, weight)))


def _tv(name: str, rule: str, weight: float, clock: float | np.ndarray) -> np.ndarray:
    return tv_decay(GuidedProcess(zoo.get(name), Guidance(rule, weight)), clock)


def _gap(name: str, source: str, left: np.ndarray, right: np.ndarray, tolerance: float = 1e-12) -> Number:
    return Number(name, 0.0, float(np.abs(left - right).max()), tolerance, source)


def _tilted(problem: TableProblem, weight: float) -> np.ndarray:
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
            means = _means_by_shared_coordinates(_law("cubes-5d", rule, weight).probs)
            for k, (expected, got) in enumerate(zip(row, means, strict=True)):
                yield Number(f"cubes-5d, {rule}, w={weight:g}: 10^3 mean P, k={k}", expected, 1e3 * got, 5.1e-5, source)
    tilted = _means_by_shared_coordinates(_tilted(zoo.get("cubes-5d"), 1.0))
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
        yield _gap(f"{name}, normalized: TV = 1 - (1-m)^D", "docs/theory.md section 2.3", masked, curve, 1e-11)
    overlap = zoo.get("overlap-1d")
    partition = float(GuidedProcess(overlap, Guidance("product", 2.5)).exit_rates()[-1])
    got = _tv("overlap-1d", "product", 2.5, clocks) / np.exp(-partition * clocks)
    yield _gap("overlap-1d: TV = m^Z, relative", f"{PAPER}; docs/theory.md section 2.3", got, np.ones(13))
    disjoint = zoo.get("disjoint-1d")
    partition = float(GuidedProcess(disjoint, Guidance("product", 3.0)).exit_rates()[-1])
    expected = float(disjoint.prior[disjoint.target]) ** -3
    yield Number("disjoint-1d, w=3: Z = p(z)^-w", expected, partition, 1e-12 * expected, "docs/theory.md section 2.3")
    for name in ("overlap-1d", "squares-2d", "wine-2d"):
        problem = zoo.get(name)
        for rule in ("product", "normalized"):
            yield _gap(f"{name}, {rule}: w=0 is the class law", PAPER, _law(name, rule, 0).probs, problem.target_law)
            yield _gap(f"{name}, {rule}: w=-1 is p", PAPER, _law(name, rule, -1).probs, problem.unconditional_law)
    tilted = _tilted(overlap, 4.0)
    for rule in ("product", "normalized"):
        yield _gap(f"overlap-1d, {rule}, w=4: 1D is the tilted law", PAPER, _law("overlap-1d", rule, 4).probs, tilted)


@group
def changing_weights() -> Iterator[Number]:
    """Piecewise-constant weights, rule normalized: the explicit segment averages of section 2.5."""
    source, lengths, weights = "docs/theory.md section 2.5", (0.4, 0.35, 0.25), (0.0, 4.0, 1.5)
    schedule = WeightSchedule([0.6, 0.25], weights)
    line = np.tensordot(lengths, [_tilted(zoo.get("overlap-1d"), w) for w in weights], axes=1)
    yield _gap("overlap-1d, three segments: 1D average", source, _law("overlap-1d", "normalized", schedule).probs, line)
    problem = zoo.get("fading-blind-2d")
    plane = np.sum([_two_reveals(problem, lengths, weights, i, j) for i in range(3) for j in range(i, 3)], axis=0)
    yield _gap("fading-blind-2d, three segments: 2D", source, _law(problem.name, "normalized", schedule).probs, plane)


def _two_reveals(problem, lengths, weights, i: int, j: int) -> np.ndarray:
    share = lengths[i] ** 2 if i == j else 2 * lengths[i] * lengths[j]
    first = GuidedProcess(problem, Guidance("normalized", weights[i])).rates().edges
    second = GuidedProcess(problem, Guidance("normalized", weights[j])).rates().edges
    rows = first[0][:, -1:] * second[1][:-1, :]
    columns = first[1][-1:, :] * second[0][:, :-1]
    return share * 0.5 * (rows + columns)


@group
def convergence_orders() -> Iterator[Number]:
    """Declared orders, from exact K-step laws: no randomness."""
    source, special = "docs/theory.md section 2.6", ("theta-trapezoidal", "normalized")
    for rule in ("product", "normalized"):
        process = GuidedProcess(zoo.get("no-blind-2d"), Guidance(rule, 1.0))
        for method in METHODS.values():
            if method.order and (method.name, rule) != ("ancestral", "product"):
                expected = 3.0 if (method.name, rule) == special else float(method.order)
                order = measured_order(process, method.name)
                yield Number(f"no-blind-2d, {rule}: order of {method.name}", expected, order, 0.02, source)
    clipping = GuidedProcess(zoo.get("wine-2d"), Guidance("product", 1.0))
    order = measured_order(clipping, "theta-trapezoidal")
    yield Number("wine-2d, product: order of theta-trapezoidal where it clips", 1.0, order, 0.02, source)


@group
def tilted_by_doob() -> Iterator[Number]:
    """The rule "tilted" has the tilted law as its terminal law at every D; the two established rules have not."""
    source = "docs/theory.md section 2.4"
    for name in ("overlap-1d", "squares-2d", "wine-2d", "cubes-5d"):
        tilted = _tilted(zoo.get(name), 2.0)
        yield _gap(f"{name}, tilted, w=2: tilted law", source, _law(name, "tilted", 2.0).probs, tilted)


@group
def completion() -> Iterator[Number]:
    """Completion time of rules of unit hazards: the largest of D unit exponentials."""
    for name in ("squares-2d", "cubes-5d"):
        time = completion_time(GuidedProcess(zoo.get(name), Guidance("normalized", 3.0)))
        harmonic = sum(1 / k for k in range(1, zoo.get(name).length + 1))
        source = "docs/theory.md section 2.3"
        yield Number(
            f"{name}, normalized: mean completion clock is 1 + ... + 1/D", harmonic, time.mean(), 1e-12, source
        )

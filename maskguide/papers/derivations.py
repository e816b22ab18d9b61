"""Numbers of docs/theory.md that are in no paper: changing weights, orders of samplers, Doob's rule, completion."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..guidance import Guidance, WeightSchedule
from ..laws.completion import completion_time
from ..laws.convergence import measured_order
from ..methods import METHODS
from ..problems import zoo
from ..process import GuidedProcess
from .he_rojas_tao.numbers import law_of, tilted_law
from .register import Number, gap, group


@group
def changing_weights() -> Iterator[Number]:
    """Piecewise-constant weights, rule normalized: the explicit segment averages of section 2.5."""
    source, lengths, weights = "docs/theory.md section 2.5", (0.4, 0.35, 0.25), (0.0, 4.0, 1.5)
    schedule = WeightSchedule([0.6, 0.25], weights)
    line = np.tensordot(lengths, [tilted_law(zoo.get("overlap-1d"), w) for w in weights], axes=1)
    yield gap(
        "overlap-1d, three segments: 1D average", source, law_of("overlap-1d", "normalized", schedule).probs, line
    )
    problem = zoo.get("fading-blind-2d")
    plane = np.sum([_two_reveals(problem, lengths, weights, i, j) for i in range(3) for j in range(i, 3)], axis=0)
    yield gap("fading-blind-2d, three segments: 2D", source, law_of(problem.name, "normalized", schedule).probs, plane)


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
        tilted = tilted_law(zoo.get(name), 2.0)
        yield gap(f"{name}, tilted, w=2: tilted law", source, law_of(name, "tilted", 2.0).probs, tilted)


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

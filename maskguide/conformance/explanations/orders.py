"""Other ways through the positions: other methods, decoding orders, the wrong position of first hitting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...guidance.formulas import quotient
from ...laws.kernels import one_step
from ...laws.kernels.independent import reveal
from ...laws.lattice.sweep import all_masked
from ...methods import METHODS, Step
from ...methods.method import Reveal
from ...process import Rates
from .explanation import Explanation, Prediction
from .setup import LIMIT, Setup, absorbed, rates_of, steps_at, tokens_last, unit_hazards

STEPPED = {
    "product": ("tau-leaping", "euler", "posterior-product", "theta-trapezoidal", "theta-rk2", "predictor-corrector"),
    "normalized": ("ancestral", "theta-trapezoidal", "theta-rk2", "predictor-corrector", "remdm"),
}
ORDERS = {
    "random-order": "in random order",
    "confidence": "most confident first (low-confidence remasking)",
    "margin": "largest margin of the two best tokens first",
    "entropy": "lowest entropy first",
}


def by_method(rule: str, method: str) -> Prediction:
    """Another method, with the rule that its users have."""
    return lambda setup: setup.changed(rule=rule, method=method).law() if setup.stepped else None


def to_the_limit(rule: str) -> Prediction:
    """Exact sampling of a rule, no discretisation."""
    return lambda setup: setup.changed(rule=rule, method=LIMIT).law()


def decoded(order: str, one_by_one: bool, temperature: float = 1.0) -> Prediction:
    """A fixed number of positions a step, or one; in K steps as even as can be."""
    method = METHODS[order].with_parameters(counts="even", temperature=temperature)

    def law(setup: Setup) -> np.ndarray | None:
        if not (setup.stepped or one_by_one):
            return None
        rates = setup.rates()
        law = all_masked(rates)
        for step in _counted(setup.problem.length if one_by_one else setup.num_steps or 1):
            law = one_step(method, rates, law, step)
        return law

    return law


def _counted(total: int) -> Iterator[Step]:
    return steps_at(np.append(np.arange(total), np.inf))


def from_the(side: str, one_by_one: bool) -> Prediction:
    """Positions from left to right, or from right to left; one a step, or as even as can be in K steps."""

    def law(setup: Setup) -> np.ndarray | None:
        if not (setup.stepped or one_by_one):
            return None
        positions = list(range(setup.problem.length))[:: 1 if side == "left" else -1]
        chunks = len(positions) if one_by_one else min(len(positions), setup.num_steps or 1)
        rates = setup.rates()
        law = all_masked(rates)
        for chunk in np.array_split(positions, chunks):
            law = reveal(_only(rates, set(chunk.tolist())), law, lambda hazard, _: np.sign(hazard), Step(0, np.inf, 0))
        return law

    return law


def _only(rates: Rates, positions: set[int]) -> Rates:
    edges = tokens_last(rates)
    return rates_of([edge if i in positions else 0 * edge for i, edge in enumerate(edges)])


def uniform_positions(setup: Setup) -> np.ndarray | None:
    """One by one, every mask equally likely to be next."""
    if setup.stepped:
        return None
    edges = tokens_last(setup.rates())
    return absorbed(rates_of([quotient(edge, edge.sum(axis=-1, keepdims=True), 0.0) for edge in edges]))


def by_hazard(setup: Setup) -> np.ndarray | None:
    """One by one, positions in proportion to the Z_i of the rate product."""
    return None if setup.stepped or not unit_hazards(setup.rates()) else setup.changed(rule="product").law()


def stale(setup: Setup) -> np.ndarray:
    """Every reveal uses the conditionals of the fully masked state."""
    return setup.law_of(rates_of([_everywhere(edge) for edge in tokens_last(setup.rates())]))


def _everywhere(edge: np.ndarray) -> np.ndarray:
    return np.broadcast_to(edge[(-1,) * (edge.ndim - 1)], edge.shape).copy()


def redrawn(remask: bool) -> Prediction:
    """Revealed positions are drawn again in every step, from what the denoiser says of them.

    That is their own token, unless the case is plain: then the guided conditional given the others. With `remask` every
    position becomes a token with the chance of a reveal, and a mask otherwise: the row of a mask applied to all.
    Without, a revealed position keeps its token otherwise.
    """

    def law(setup: Setup) -> np.ndarray | None:
        rates = setup.rates()
        law, chance = all_masked(rates), setup.stepper(rates).reveal if setup.stepped else None
        if chance is None:
            return None
        for step in setup.steps():
            law = _all_at_once(law, [_redraw(setup, i, chance, step, remask) for i in range(law.ndim)])
        return law

    return law


def _redraw(setup: Setup, axis: int, probability: Reveal, step: Step, remask: bool) -> np.ndarray:
    """Rows of a coordinate in every state, (N+1,)*D + (N+1,)."""
    rates = setup.rates()
    edge = tokens_last(rates)[axis]
    hazard = edge.sum(axis=-1, keepdims=True)
    size, own = rates.vocab_size, np.eye(rates.vocab_size + 1)
    kept = own if not remask else own[[size] * (size + 1)]
    drawn = np.concatenate([quotient(edge, hazard, 0.0), 0 * hazard], axis=-1)[..., None, :]
    chance = probability(hazard, step)[..., None]
    rows = chance * drawn + (1 - chance) * kept
    if not setup.plain:
        sure = probability(np.ones(1), step)
        rows[..., :size, :] = (sure * own + (1 - sure) * kept)[:size]
    return np.moveaxis(rows, -2, axis)


def _all_at_once(law: np.ndarray, rows: list[np.ndarray]) -> np.ndarray:
    """All coordinates change at once, each by its own row in the state before."""
    joint = law.reshape(law.size)
    for row in rows:
        flat = row.reshape(law.size, *(1,) * (joint.ndim - 1), row.shape[-1])
        joint = joint[..., None] * flat
    return joint.sum(axis=0)


def _orders() -> Iterator[Explanation]:
    for order, said in ORDERS.items():
        count = "a fixed number of positions is revealed in every step"
        yield Explanation(f"{order} decoding", f"{count}, {said}", decoded(order, False))
        yield Explanation(f"{order}, one a step", f"positions are revealed one a step, {said}", decoded(order, True))
    greedy = "a fixed number of argmax tokens is kept in every step, most confident first"
    yield Explanation("greedy confidence decoding", greedy, decoded("confidence", False, 0.0))
    yield Explanation("greedy confidence, one a step", "one argmax token a step is kept, the most confident one",
                      decoded("confidence", True, 0.0))  # fmt: skip
    for side, name in (("left", "left to right"), ("right", "right to left")):
        yield Explanation(name, f"positions are revealed one by one from {name}", from_the(side, True))
        yield Explanation(f"{name} in K blocks", f"positions are revealed from {name}, a block a step",
                          from_the(side, False))  # fmt: skip


EXPLANATIONS = (
    *(Explanation(f"{rule} rule, {method}", f"it is {method} under the rule {rule!r}", by_method(rule, method))
      for rule, methods in STEPPED.items() for method in methods),
    *(Explanation(f"{rule} rule, limit", f"it has the limit law of the rule {rule!r}, no discretisation",
                  to_the_limit(rule)) for rule in ("product", "normalized", "tilted")),
    *_orders(),
    Explanation("uniform positions", "the next position is uniform over the masks, not in proportion to the hazards "
                "Z_i", uniform_positions),
    Explanation("positions by hazard", "the next position is drawn in proportion to the hazards Z_i of the rate "
                "product, not uniformly", by_hazard),
    Explanation("stale state", "every position is drawn given masks only: the denoiser never sees revealed tokens",
                stale),
    Explanation("revealed tokens redrawn", "revealed tokens are drawn again in later steps (a plain network shows it)",
                redrawn(False)),
    Explanation("revealed tokens not kept", "revealed positions are treated as masks in every step: drawn again or "
                "masked again", redrawn(True)),
)  # fmt: skip

"""What is wrong with draws, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..laws.convergence import tv_error
from .sequential import IndependenceTest, LawTest
from .settings import Setting

REVEAL_RULES = {
    "reveal times": "reveal times do not follow the law of the claim (a step from t to t' < t: t' <= reveal_time < t)",
    "reveal order": "positions are not revealed in the order of the chain's law",
}


def dependence(pairs: IndependenceTest, law: np.ndarray) -> str:
    """How many pairs of a batch are equal, and how many were to be expected."""
    shown = [f"{test.counts[1]} of {test.n} {name}" for name, test in pairs.collisions.items()]
    expected = float((law**2).sum())
    return f"draws of one batch are not independent: {' and '.join(shown)} are equal pairs, {expected:.3g} expected"


def of_law(test: LawTest, law: np.ndarray, saw_nan: bool) -> tuple[str, str]:
    """The kind of finding that counts are, and the state that shows it best."""
    counts = test.counts.reshape(law.shape)
    masked = masked_mass(counts)
    if masked and not masked_mass(law):
        return "masks", f"{masked} of {test.n} draws hold a mask; the law has none"
    if counts.max() == test.n and law.max() < 1:
        state, exact = state_name(int(counts.argmax()), counts.shape), law.flat[counts.argmax()]
        return "constant", f"every one of {test.n} draws is {state}; the law gives it {exact:.3g}"
    nan = "; NaN came up inside the sampler (-inf + inf, or 0 * inf)" if saw_nan else ""
    return "law", f"TV {test.tv:.3g} to the exact law after {test.n:,} draws; {_worst(counts, law)}{nan}"


def _worst(counts: np.ndarray, law: np.ndarray) -> str:
    impossible = np.where(law == 0, counts, 0)
    share = counts / counts.sum()
    index = int((impossible if impossible.any() else np.abs(share - law)).argmax())
    exact = "which is impossible" if impossible.any() else f"exact {law.flat[index]:.4g}"
    return f"{state_name(index, counts.shape)} seen {share.flat[index]:.4g}, {exact}"


def of_marginals(tests: Sequence[LawTest]) -> str:
    """The coordinate whose law is off most clearly."""
    worst = max(range(len(tests)), key=lambda i: tests[i].log_e)
    return f"the law of coordinate {worst} is off by TV {tests[worst].tv:.3g}"


def state_name(index: int, shape: tuple[int, ...]) -> str:
    """A lattice state in words: (x0=1, x1=mask)."""
    tokens = (
        "mask" if v == size - 1 else str(v) for v, size in zip(np.unravel_index(index, shape), shape, strict=True)
    )
    return "(" + ", ".join(f"x{i}={token}" for i, token in enumerate(tokens)) + ")"


def masked_mass(array: np.ndarray) -> Any:
    """Sum over the lattice states with a mask."""
    return array[(np.indices(array.shape) == array.shape[0] - 1).any(axis=0)].sum()


def discretisation_bias(setting: Setting) -> str:
    """For a limit claim: how far the K steps of a plain sampler are from the limit, in words."""
    process = setting.claim.process(setting.case.problem, setting.case.weight)
    method = "ancestral" if process.guidance.rule.normalises else "tau-leaping"
    error = float(tv_error(process, method, setting.num_steps, setting.claim.schedule))
    return f"; {method} with {setting.num_steps} steps would be at TV {error:.2g} from this limit"

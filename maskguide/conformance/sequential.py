"""Anytime-valid tests: their false-alarm rate holds at every stopping time, so one may look after every batch.

Each test keeps counts and an e-value; it rejects for good when the e-value reaches 1/alpha (docs/conformance-tests.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import log

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..laws.law import Law
from .evidence import bernoulli_interval, law_log_e, log_mean, tv_width, visible_bias

PAIR_STATES = 40  # up to so many states, pairs of draws are tested by their joint law too


def shares(alpha: float, names: Iterable[str] | Mapping[str, float]) -> dict[str, float]:
    """alpha divided among tests: evenly, or by weight when a mapping name -> positive weight is given."""
    weights = dict(names) if isinstance(names, Mapping) else dict.fromkeys(names, 1.0)
    if not weights or min(weights.values()) <= 0:
        _checks.fail("no tests, or a weight <= 0", "each test has a positive weight", "name at least one test")
    total = sum(weights.values())
    return {name: _level(alpha) * weight / total for name, weight in weights.items()}


class _Test:
    """An e-value that is looked at after every update."""

    def __init__(self, alpha: float) -> None:
        self.alpha = _level(alpha)
        self._largest = 0.0

    @property
    def log_e(self) -> float:
        """Natural log of the e-value of all draws so far; inf after an impossible one."""
        raise NotImplementedError

    @property
    def rejected(self) -> bool:
        """Whether the e-value has reached 1/alpha at any look: probability at most alpha if the null holds."""
        return self._largest >= log(1 / self.alpha)

    def _look(self) -> None:
        self._largest = max(self._largest, self.log_e)


class _CountTest(_Test):
    """Counts of independent draws against a known law p on S states.

    Attributes
    ----------
    p : (S,) array
    counts : (S,) int array
    """

    def __init__(self, p: ArrayLike, alternatives: Mapping[str, ArrayLike] | None, alpha: float) -> None:
        super().__init__(alpha)
        self.p = _flat(p, "the law")
        self.explanations = tuple(alternatives or ())
        self._ratios = np.array([_flat(q, f"alternative {name!r}") for name, q in (alternatives or {}).items()])
        if self.explanations and self._ratios.shape[1:] != self.p.shape:
            _checks.fail(
                f"alternatives of {self._ratios.shape[1:]} states", f"the law has {self.p.shape}", "match them"
            )
        self.counts = np.zeros(self.p.size, dtype=np.int64)
        self._tv_upper = 1.0

    @property
    def n(self) -> int:
        """Number of draws."""
        return int(self.counts.sum())

    @property
    def log_e(self) -> float:
        """Natural log of the e-value: the mean of the families of docs/conformance-tests.md; inf if p(draw) = 0."""
        return float(law_log_e(self.counts, self.p, self._ratios if self.explanations else None))

    @property
    def tv(self) -> float:
        """TV(empirical law, p), 0 before the first draw."""
        return 0.5 * float(np.abs(self.counts / self.n - self.p).sum()) if self.n else 0.0

    @property
    def tv_upper(self) -> float:
        """TV(true law, p) is below this, at all looks at once, with probability at least 1 - alpha."""
        return self._tv_upper

    @property
    def smallest_visible_bias(self) -> float:
        """A law at this TV from p or further has been rejected by now with probability at least 1 - alpha.

        For every such law, whatever its shape: most are seen much earlier. A function of n, S and alpha only.
        """
        families = 3 if self.explanations else 2
        return visible_bias(self.n, int((self.p > 0).sum()), self.alpha, families)

    def certified(self, tolerance: float) -> bool:
        """Whether TV(true law, p) <= tolerance is sure, at error alpha, and the law is not rejected."""
        return not self.rejected and self.tv_upper <= tolerance

    def _add(self, counts: np.ndarray) -> None:
        self.counts += counts
        self._look()
        self._tv_upper = min(self._tv_upper, self.tv + tv_width(self.n, self.alpha))


class LawTest(_CountTest):
    """Independent draws against an exact law.

    Parameters
    ----------
    law : Law, or array of any shape (a law on its entries)
    alternatives : mapping of name -> law of the same shape
        Laws of suspected faults: each is found sooner than an unsuspected one. The false-alarm rate does not depend
        on which are given.
    alpha : float
        Bound on P(ever rejected | right), and on P(tv_upper ever below the true TV), in (0, 1).

    Raises
    ------
    InputError
        For a law that does not sum to one, another shape, states out of range, negative or fractional counts.
    """

    def __init__(
        self, law: Law | ArrayLike, alternatives: Mapping[str, Law | ArrayLike] | None = None, *, alpha: float = 1e-7
    ) -> None:
        self.shape = np.shape(_probs(law))
        super().__init__(_probs(law), {k: _probs(v) for k, v in (alternatives or {}).items()}, alpha)

    def update(self, states: ArrayLike | None = None, *, counts: ArrayLike | None = None) -> None:
        """Add draws: flat state indices (n,), tokens (n, D) for a law with D axes, or `counts` of the law's shape."""
        if (states is None) == (counts is None):
            _checks.fail("states and counts, or neither", "give one of the two", "update(states) or update(counts=...)")
        self._add(_whole(counts, self.shape).ravel() if counts is not None else self._tally(states))

    def _tally(self, states: ArrayLike | None) -> np.ndarray:
        return np.bincount(_flat_states(states, self.shape), minlength=self.p.size)


class BernoulliTest(_CountTest):
    """Independent trials of known success probability p in [0, 1], two-sided: a cell, a match, a collision."""

    def __init__(self, p: float, *, alpha: float = 1e-7) -> None:
        if not 0 <= p <= 1:
            _checks.fail(f"success probability {p}", "0 <= p <= 1", "give a probability")
        super().__init__([1 - p, p], None, alpha)

    def update(self, successes: int, trials: int) -> None:
        """Add trials and how many of them succeeded."""
        trials = _checks.integer(trials, "trials", 0)
        successes = _checks.integer(successes, "successes", 0)
        if successes > trials:
            _checks.fail(f"{successes} successes", f"at most {trials} trials", "count again")
        self._add(np.array([trials - successes, successes]))

    @property
    def interval(self) -> tuple[float, float]:
        """Limits of the true success probability, at all looks at once with probability at least 1 - alpha."""
        return bernoulli_interval(int(self.counts[1]), self.n, self.alpha)


class UniformTest(_CountTest):
    """Independent values that should be uniform on [0, 1): reveal times through their exact distribution function.

    Counts in equal bins; 1.0 (rounding) falls into the last, and a value outside [0, 1], or NaN, is impossible.
    """

    def __init__(self, *, alpha: float = 1e-7, bins: int = 16) -> None:
        self.bins = _checks.integer(bins, "bins", 2)
        super().__init__([*[1 / self.bins] * self.bins, 0.0], None, alpha)

    def update(self, values: ArrayLike) -> None:
        """Add values, of any shape."""
        values = np.asarray(values, dtype=float).ravel()
        inside = (values >= 0) & (values <= 1)
        bins = np.minimum((values[inside] * self.bins).astype(np.int64), self.bins - 1)
        counts = np.bincount(bins, minlength=self.bins + 1)
        counts[-1] = (~inside).sum()
        self._add(counts)


class IndependenceTest(_Test):
    """Draws of a batch against independent draws of a law: what pairs of them do.

    Pairs are disjoint: neighbours (0, 1), (2, 3), ..., and halves (0, m), (1, m+1), ... with m = n // 2. For both,
    the number of equal pairs, P = sum p^2, and up to PAIR_STATES states the joint counts, p x p; the e-value is the
    mean of theirs. It rejects a wrong law too: read it beside a LawTest that does not.

    Parameters
    ----------
    law : Law, or array of any shape
    alpha : float
        Bound on P(ever rejected | independent draws of the law).
    """

    def __init__(self, law: Law | ArrayLike, *, alpha: float = 1e-7) -> None:
        super().__init__(alpha)
        self.shape, p = np.shape(_probs(law)), _flat(_probs(law), "the law")
        self._states = p.size
        equal = min(1.0, float(p @ p))
        self.collisions = {name: BernoulliTest(equal, alpha=alpha) for name in ("neighbours", "halves")}
        small = p.size <= PAIR_STATES
        self.pairs = {name: LawTest(np.outer(p, p), alpha=alpha) for name in self.collisions} if small else {}

    def update(self, states: ArrayLike) -> None:
        """Add a batch, in the order the sampler returned it: (n,) flat states or (n, D) tokens. Any odd one is left."""
        flat = _flat_states(states, self.shape)
        half = len(flat) // 2
        halves = {
            "neighbours": (flat[: 2 * half : 2], flat[1 : 2 * half : 2]),
            "halves": (flat[:half], flat[half:][:half]),
        }
        for name, (first, second) in halves.items():
            self.collisions[name].update(int((first == second).sum()), half)
            if self.pairs:
                self.pairs[name].update(first * self._states + second)
        self._look()

    @property
    def log_e(self) -> float:
        """Natural log of the mean of the e-values."""
        return float(log_mean(np.array([test.log_e for test in (*self.collisions.values(), *self.pairs.values())])))


def _level(alpha: float) -> float:
    if not 0 < alpha < 1:
        _checks.fail(f"alpha = {alpha}", "0 < alpha < 1", "1e-6 for a whole suite; shares() divides it")
    return float(alpha)


def _probs(law: Law | ArrayLike) -> ArrayLike:
    return law.probs if isinstance(law, Law) else law


def _flat(law: ArrayLike, name: str) -> np.ndarray:
    return _checks.law(np.asarray(law, dtype=float).ravel(), name)


def _whole(counts: ArrayLike, shape: tuple[int, ...]) -> np.ndarray:
    counts = np.asarray(counts)
    if counts.shape != shape or counts.dtype.kind not in "iu" or (counts < 0).any():
        _checks.fail(_checks.short(counts), f"whole numbers >= 0 of shape {shape}", "count the draws of each state")
    return counts.astype(np.int64)


def _flat_states(states: ArrayLike | None, shape: tuple[int, ...]) -> np.ndarray:
    """Flat indices (n,) from themselves or from tokens (n, D)."""
    states = np.asarray(states)
    sizes = np.array(shape) if states.ndim == 2 else np.array([np.prod(shape, dtype=int)])
    table = states if states.ndim == 2 else states.reshape(-1, 1)
    good = states.ndim in (1, 2) and states.dtype.kind in "iu" and table.shape[1] == len(sizes)
    if not good or (table < 0).any() or (table >= sizes).any():
        rule = f"whole numbers: (n,) below {np.prod(shape, dtype=int)}, or tokens (n, {len(shape)}) below {shape}"
        _checks.fail(f"states are {_checks.short(states)}", rule, "check shape, dtype and range first")
    return np.ravel_multi_index(tuple(table.astype(np.int64).T), tuple(sizes))

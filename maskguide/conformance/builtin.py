"""maskguide's own samplers in the form of anyone's: `sample` behind the same callable."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..problems.conditionals import Denoiser
from ..sampling import sample
from .claim import Claim
from .denoiser import ServedDenoiser
from .guard import Sampler


def builtin_sampler(claim: str | Claim, engine: str | None = None) -> Sampler:
    """The package's sampler of a claim, to run through :func:`.check` itself.

    It looks up the problem behind the denoiser, as its engines compute conditionals in their own way. "limit" is
    sampled by "gillespie". Reveal times and given tokens (`start`) are supported.

    Parameters
    ----------
    claim : str or Claim
        As in :func:`.check`.
    engine : str, optional
        "numba" or "torch", as in `maskguide.sample`.

    Returns
    -------
    callable
        (denoiser, n, *, weight, num_steps, seed, dtype) -> tokens (n, D), and a dict of reveal times (n, D).

    Raises
    ------
    InputError
        A claim that is not understood.

    Examples
    --------
    >>> draw = builtin_sampler("normalized, ancestral, uniform t, log-linear")
    >>> from maskguide import zoo
    >>> draw(ServedDenoiser(zoo.get("no-blind-2d")), 3, weight=1.0, num_steps=4, seed=0, dtype=np.float64)[0].shape
    (3, 2)
    """
    claim = Claim.parse(claim)
    method = claim.stepper or "gillespie"

    def sampler(
        denoiser: ServedDenoiser,
        n: int,
        *,
        weight: float,
        num_steps: int,
        seed: int,
        dtype: Any,
        start: np.ndarray | None = None,
    ) -> Any:
        process = claim.process(_complete(denoiser._problem), weight)
        grid = None if claim.is_limit else claim.times(num_steps)
        drawn = sample(
            process, n, method, seed, engine, grid, start=start, schedule=claim.schedule, record=True,
        )  # fmt: skip
        return drawn.tokens, {"reveal_time": _times(drawn.info.reveal_clock, claim)}

    sampler.__qualname__ = f"builtin_sampler({str(claim)!r})"
    return sampler


class _Complete:
    """A problem that knows its conditionals only, with what else a Denoiser says of itself: even prior, plain names."""

    def __init__(self, problem: Any):
        self.length, self.vocab_size, self.num_classes = problem.length, problem.vocab_size, problem.num_classes
        self.target, self.name = problem.target, getattr(problem, "name", "")
        self.log_conditionals = problem.log_conditionals
        self.class_names = tuple(f"class {k}" for k in range(self.num_classes))
        self.prior = np.full(self.num_classes, 1 / self.num_classes)


def _complete(problem: Any) -> Any:
    return problem if isinstance(problem, Denoiser) else _Complete(problem)


def _times(clock: np.ndarray | None, claim: Claim) -> np.ndarray:
    """t of reveal clocks; nan stays."""
    from ..schedules import noise_schedule

    assert clock is not None
    missing = np.isnan(clock)
    times = noise_schedule(claim.schedule).inverse(np.exp(-np.where(missing, 0.0, clock)))
    return np.where(missing, np.nan, times)

"""check(): run a sampler against the exact laws of its claim, until sure either way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any

from .. import _checks
from .budget import Budget
from .callers import caller_of
from .claim import Claim
from .conclusions import conclude
from .design import Extent, experiments
from .experiment import Experiment
from .guard import Sampler
from .large_experiment import LargeVocabularyExperiment
from .law_experiment import LawExperiment
from .report import Report
from .settings import Seeds
from .weights import Weights

BACKENDS = ("numpy", "torch")
DIAGNOSIS_SECONDS = 3.0  # spent on more counts once the sampler has failed
HANGS = 2  # calls that hang before the suite gives up


def check(
    sampler: Sampler | str,
    claim: str | Claim,
    *,
    seed: int = 0,
    alpha: float = 1e-6,
    quick: bool = False,
    time_limit: float = 60.0,
    max_seconds: float = 900.0,
    tolerance: float | None = None,
    backend: str = "numpy",
    plain: bool = True,
    fail_fast: bool = False,
    large_seconds: float | None = None,
    cases: Sequence[Any] | None = None,
    weights: str | Sequence[float] | None = None,
    least_weight: float = -1.0,
    progress: Callable[[int], None] | None = None,
    in_process: bool | None = None,
) -> Report:
    """Hold a sampler against the law it claims to draw from.

    Parameters
    ----------
    sampler : callable (denoiser, n, *, weight, num_steps, seed, dtype) -> tokens (n, D), or its name
        By name, "module:function", it runs in a process of its own, and whatever it does there is a finding.
        `denoiser(tokens, label_or_None)` -> log-probabilities (n, D, N), numpy for numpy and torch for torch; see
        :class:`.denoiser.ServedDenoiser`. Tokens are integers in 0..N-1. It may return (tokens, extras), with extras a
        dict of "reveal_time" (n, D), in t, and "reveal_order" (n, D), ranks. With an argument `start` (D,), tokens
        given beforehand and masks, prompts are tested too.
    claim : str or Claim
        "normalized, ancestral, uniform t, log-linear", or "product, limit": rule, method, time grid, noise schedule.
    seed : int
        The seeds that the sampler is given follow from it.
    alpha : float
        Bound on the probability that a sampler which is right has any finding, over the whole suite.
    quick : bool
        A shorter run: fewer cases, fewer draws, and a wider tolerance.
    time_limit : float
        Seconds a call may take. Calls are kept near one second; a call over the limit is a finding, "hangs".
    max_seconds : float
        Of the whole suite; what is not certified by then is undecided.
    tolerance : float, optional
        TV to the exact law below which a law is certified; by default 0.03, more on cases of many states.
    backend : "numpy" or "torch"
        Whose dtype the sampler is given; the denoiser answers both.
    plain : bool
        Whether to hand out, in one case, a denoiser that does not carry over revealed tokens.
    fail_fast : bool
        Stop at the first finding, without collecting counts for a diagnosis.
    large_seconds : float, optional
        At most, for the case of 50,000 tokens; by default what is left of two minutes, and 20 s at least. A sampler
        too slow to be judged in that time is not, and the report says so.
    cases : sequence of SamplingCase, optional
        Instead of the default ones of :mod:`.bank`.
    weights : sequence of float, or "0, 1, 2", optional
        The only weights that the sampler is asked for: (0,) where it has no guidance. Cases of other weights are run at
        the nearest of these, and the report says what was not judged.
    least_weight : float
        The same for all weights from this one on: 0 for a sampler that refuses w < 0.
    progress : callable, optional
        Called with the number of experiments finished so far.
    in_process : bool, optional
        Whether the sampler runs in this process: by default a callable does, and a name does not. Of use with a
        debugger; what ends the interpreter or holds its lock then ends or stops the suite too.

    Returns
    -------
    Report
        ``.passed``, ``.findings``, ``.diagnosis``, ``.checks``; print it, or ``.to_html()``.

    Raises
    ------
    InputError
        A claim that is not understood, or an argument out of range; never for what the sampler does.

    Source: docs/conformance-tests.md.
    """
    begun = perf_counter()
    extent = Extent(Claim.parse(claim), Weights.of(weights, least_weight), plain, quick, cases)
    until, budget = begun + _positive(max_seconds, "max_seconds"), _budget(quick, tolerance, large_seconds)
    limit, seeds = _positive(time_limit, "time_limit"), Seeds(seed)
    caller = caller_of(sampler, limit, _checks.choice(backend, BACKENDS, "backend"), in_process)
    try:
        made = experiments(extent, caller, seeds, budget, alpha)
        _run(made, until, fail_fast, progress or (lambda done: None))
    finally:
        caller.close()
    return conclude(
        made, extent.claim, sampler=caller.name, false_alarm=alpha, n_draws=caller.draws, n_calls=caller.calls,
        seconds=perf_counter() - begun, seed=seed, left_out=extent.weights.left_out,
    )  # fmt: skip


def planned(
    sampler: Sampler | str,
    claim: str | Claim,
    *,
    plain: bool = True,
    quick: bool = False,
    cases: Sequence[Any] | None = None,
    weights: str | Sequence[float] | None = None,
    least_weight: float = -1.0,
    in_process: bool | None = None,
) -> list[str]:
    """Names of the checks that :func:`check` would make, in the order of the report; nothing is run.

    Parameters
    ----------
    sampler : callable or str
        As in :func:`check`.
    claim : str or Claim
        As in :func:`check`.
    plain, quick : bool
        As in :func:`check`.
    cases : sequence of SamplingCase, optional
        As in :func:`check`.
    weights : sequence of float, or "0, 1, 2", optional
        As in :func:`check`.
    least_weight : float
        As in :func:`check`.
    in_process : bool, optional
        As in :func:`check`.

    Returns
    -------
    list of str
        Case and check, a name each.

    Raises
    ------
    InputError
        As :func:`check`.
    """
    extent = Extent(Claim.parse(claim), Weights.of(weights, least_weight), plain, quick, cases)
    caller = caller_of(sampler, 1.0, BACKENDS[0], in_process)
    try:
        made = experiments(extent, caller, Seeds(0), Budget(), 0.5)
    finally:
        caller.close()
    return [f"{experiment.setting.name}: {what}" for experiment in made for what in experiment.CHECKS]


def _budget(quick: bool, tolerance: float | None, large_seconds: float | None) -> Budget:
    budget = Budget(
        tolerance=None if tolerance is None else _positive(tolerance, "tolerance"),
        large_seconds=None if large_seconds is None else _positive(large_seconds, "large_seconds"),
    )
    return budget.quick() if quick else budget


def _run(experiments: list[Experiment], until: float, fail_fast: bool, progress: Callable[[int], None]) -> None:
    """Round after round, a few calls of each experiment; once a law is rejected, only what the diagnosis needs.

    The large vocabulary comes last, where nothing else was found.
    """
    failing = False
    while live := [experiment for experiment in experiments if not experiment.done]:
        small = [experiment for experiment in live if not isinstance(experiment, LargeVocabularyExperiment)]
        if failing and not small:
            return
        for experiment in small or live:
            if perf_counter() > until or _hopeless(experiments):
                return
            experiment.advance()
            progress(sum(experiment.done for experiment in experiments))
            if experiment.rejected and not failing:
                failing, until = True, min(until, perf_counter() + DIAGNOSIS_SECONDS)
                for other in experiments:
                    if isinstance(other, LawExperiment):
                        other.collect()
            if fail_fast and (failing or experiment.fault is not None):
                return


def _hopeless(experiments: list[Experiment]) -> bool:
    """Whether calls hang, or the sampler cannot be called at all: then nothing else is tried."""
    kinds = [experiment.fault.kind for experiment in experiments if experiment.fault is not None]
    if "signature" in kinds:
        for experiment in experiments:
            experiment.reason = experiment.reason or "not run"
    return "signature" in kinds or kinds.count("hangs") >= HANGS


def _positive(value: float, name: str) -> float:
    number = _checks.real(value, name)
    if not number > 0:
        _checks.fail(f"{name} = {number:g}", f"{name} > 0", "give a positive number")
    return number

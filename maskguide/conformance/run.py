"""check(): run a sampler against the exact laws of its claim, until sure either way."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

from .. import _checks
from .claim import Claim
from .findings import Finding, Picture, Report
from .guard import Caller, Sampler
from .sequential import shares
from .settings import Seeds, Setting, settings
from .side_tasks import BatchTask, PromptTask, SeedTask, SevensTask, SinglesTask, StepsTask, takes_start
from .tasks import NEED_INDEPENDENCE, NEED_SEEDS, LargeTask, LawTask, Plan, Task
from .weights import Weights

BACKENDS = ("numpy", "torch")
DIAGNOSIS_SECONDS = 3.0  # spent on more counts once the sampler has failed
QUICK_STATES = 100  # lattice states up to which the laws of all alternatives take well under a second
DEAR = 20.0  # share of the law of a large vocabulary, where draws are dear, in those of the other checks
HANGS = 2  # calls that hang before the suite gives up


def check(
    sampler: Sampler,
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
) -> Report:
    """Hold a sampler against the law it claims to draw from.

    Parameters
    ----------
    sampler : callable (denoiser, n, *, weight, num_steps, seed, dtype) -> tokens (n, D)
        `denoiser(tokens, label_or_None)` -> log-probabilities (n, D, N), numpy for numpy and torch for torch; see
        :class:`.denoiser.Model`. Tokens are integers in 0..N-1. It may return (tokens, extras), with extras a dict of
        "reveal_time" (n, D), in t, and "reveal_order" (n, D), ranks. With an argument `start` (D,), tokens given
        beforehand and masks, prompts are tested too.
    claim : str or Claim
        "normalized, ancestral, uniform t, log-linear", or "product, limit": rule, method, time grid, noise schedule.
    seed : int
        Of the seeds that the sampler is given.
    alpha : float
        Bound on the probability that a sampler which is right has any finding, over the whole suite.
    quick : bool
        Fewer cases, fewer draws, a wider tolerance.
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
    cases : sequence of Case, optional
        Instead of the default ones of :mod:`.bank`.
    weights : sequence of float, or "0, 1, 2", optional
        The only weights that the sampler is asked for: (0,) where it has no guidance. Cases of other weights are run at
        the nearest of these, and the report says what was not judged.
    least_weight : float
        The same for all weights from this one on: 0 for a sampler that refuses w < 0.
    progress : callable, optional
        Called with the number of tasks finished so far.

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
    begun, claim = perf_counter(), Claim.parse(claim)
    caller = Caller(
        _callable(sampler), _positive(time_limit, "time_limit"), _checks.choice(backend, BACKENDS, "backend")
    )
    plan = Plan(tolerance=None if tolerance is None else _positive(tolerance, "tolerance"))
    if large_seconds is not None:
        plan = replace(plan, large_seconds=_positive(large_seconds, "large_seconds"))
    plan = plan.quick() if quick else plan
    asked = Weights.of(weights, least_weight)
    tasks = list(_tasks(caller, claim, Seeds(seed), plan, alpha, plain, quick, cases, asked))
    _run(tasks, begun + _positive(max_seconds, "max_seconds"), fail_fast, progress or (lambda done: None))
    for task in tasks:
        task.settle()
    _void(tasks)
    _not_constant(tasks)
    return _report(tasks, claim, caller, alpha, seed, perf_counter() - begun, asked.left_out)


def planned(
    sampler: Sampler, claim: str | Claim, *, plain: bool = True, quick: bool = False, cases=None, weights=None,
    least_weight: float = -1.0,
) -> list[str]:  # fmt: skip
    """Names of the checks that :func:`check` would make, in the order of the report; nothing is run."""
    caller, asked = Caller(_callable(sampler), 1.0), Weights.of(weights, least_weight)
    tasks = _tasks(caller, Claim.parse(claim), Seeds(0), Plan(), 0.5, plain, quick, cases, asked)
    return [f"{task.setting.name}: {what}" for task in tasks for what in task.CHECKS]


def _tasks(caller, claim, seeds, plan, alpha, plain, quick, cases, weights) -> Iterator[Task]:
    """Laws of every setting, and the other tasks on the case whose draws are least often equal."""
    given = list(_default_cases(claim, quick) if cases is None else cases)
    found = settings(given, claim, weights, plain=plain, quick=quick)
    wide = _large_cases(claim) if cases is None and not quick else []
    large = [Setting(weights.moved(case), claim, "float32") for case in wide]
    main = min(found, key=lambda setting: (setting.case.problem.length == 1, (setting.law**2).sum()))
    sides = list(_sides(caller.sampler, claim, main))
    levels = _levels(alpha, found + large, sides)
    for setting in found + large:
        kind = LargeTask if setting.is_large else LawTask
        yield kind(setting, caller, seeds, plan, levels[setting.name], alternatives=_alternatives())
    for kind in sides:
        yield kind(main, caller, seeds, plan, levels[""])


def _sides(sampler: Sampler, claim: Claim, setting: Setting) -> Iterator[type[Task]]:
    yield from (SeedTask, SinglesTask, SevensTask)
    if takes_start(sampler) and setting.case.problem.length > 1 and not _counts_coordinates(claim):
        yield PromptTask
    if claim.is_limit:
        yield StepsTask


def _counts_coordinates(claim: Claim) -> bool:
    """Whether a method's steps depend on D, so that a given token changes those of the others."""
    from ..methods import METHODS, FixedCount

    return not claim.is_limit and isinstance(METHODS[claim.method_name], FixedCount)


def _levels(alpha: float, found: list[Setting], sides: list[type[Task]]) -> dict[str, dict[str, float]]:
    """The share of the false-alarm rate of each check: by setting, and those of the other tasks under ""."""
    names = {setting.name: LawTask.CHECKS for setting in found}
    names[""] = tuple(what for kind in sides for what in kind.CHECKS)
    weights = {f"{where}: {what}": 1.0 for where, checks in names.items() for what in checks}
    weights |= {f"{setting.name}: law": DEAR for setting in found if setting.is_large}
    divided = shares(alpha, weights)
    return {where: {what: divided[f"{where}: {what}"] for what in checks} for where, checks in names.items()}


def _run(tasks: list[Task], until: float, fail_fast: bool, progress: Callable[[int], None]) -> None:
    """Round after round, a few calls of each task; once a law is rejected, only what the diagnosis needs.

    The large vocabulary comes last, where nothing else was found.
    """
    failing = False
    while live := [task for task in tasks if not task.done]:
        small = [task for task in live if not isinstance(task, LargeTask)]
        if failing and not small:
            return
        for task in small or live:
            if perf_counter() > until or _hangs(tasks) >= HANGS:
                return
            task.advance()
            progress(sum(task.done for task in tasks))
            if task.rejected and not failing:
                failing, until = True, min(until, perf_counter() + DIAGNOSIS_SECONDS)
                for other in tasks:
                    if isinstance(other, LawTask):
                        other.collect()
            if fail_fast and (failing or task.fault is not None):
                return


def _void(tasks: list[Task]) -> None:
    """Take back what only follows from another finding: from draws that repeat or depend, and from a wrong law."""
    seed = {what for task in tasks if isinstance(task, SeedTask) for what in task.wrong}
    large = any(task.wrong for task in tasks if isinstance(task, LawTask))
    depend = any("independence" in task.wrong for task in tasks)
    for task in tasks:
        if "other seed" in seed and not isinstance(task, SeedTask):
            task.void("the seed is not used", NEED_SEEDS)
        elif isinstance(task, BatchTask) and (seed or large):
            task.void("follows from another finding", NEED_SEEDS)
        elif depend and not isinstance(task, SeedTask):
            task.void("void: draws of a batch depend on each other", NEED_INDEPENDENCE)


def _not_constant(tasks: list[Task]) -> None:
    """Output is constant where no case has two different draws; otherwise a case of one state is just a wrong law."""
    varied = any(isinstance(task, LawTask) and task.is_varied for task in tasks)
    for task in tasks if varied else ():
        if task.wrong.get("law", ("", ""))[0] == "constant":
            task.wrong["law"] = "law", task.wrong["law"][1]


def _hangs(tasks: list[Task]) -> int:
    return sum(task.fault is not None and task.fault.kind == "hangs" for task in tasks)


def _report(tasks, claim, caller, alpha, seed, seconds, left_out) -> Report:
    pictures = tuple(p for task in tasks if isinstance(task, LawTask) and (p := task.picture))
    findings = [finding for task in tasks for finding in task.findings()]
    failed = {finding.case for finding in findings if finding.kind in LAWS}
    diagnosis = _diagnosis(pictures, failed, claim) if failed else None
    return Report(
        sampler=_name(caller.sampler), claim=claim, checks=tuple(row for task in tasks for row in task.rows()),
        findings=tuple(_explained(finding, diagnosis) for finding in findings), diagnosis=diagnosis,
        false_alarm=alpha, n_draws=caller.draws, n_calls=caller.calls, seconds=seconds, seed=seed, pictures=pictures,
        left_out=left_out,
    )  # fmt: skip


LAWS = ("law", "masks", "constant", "marginals", "reveal order")  # findings that a diagnosis can explain


def _explained(finding: Finding, diagnosis: Any) -> Finding:
    if diagnosis is None or finding.kind not in LAWS:
        return finding
    return replace(finding, diagnosis=diagnosis.sentence)


def _default_cases(claim: Claim, quick: bool) -> Sequence[Any]:
    from .bank import default_cases

    return default_cases(claim, quick)


def _large_cases(claim: Claim) -> Sequence[Any]:
    from .large_vocabulary import large_vocabulary_cases

    return large_vocabulary_cases(claim)


def _alternatives() -> Callable[[Any, Claim], Any]:
    from .alternatives import alternative_laws

    return alternative_laws


def _diagnosis(pictures: Sequence[Picture], failed: set[str], claim: Claim) -> Any:
    """From the cases that failed, and from others where the alternatives are quickly computed."""
    from .diagnosis import diagnose

    used = [picture for picture in pictures if picture.name in failed or picture.law.size <= QUICK_STATES]
    return diagnose([(picture.case, picture.counts) for picture in used], claim)


def _callable(sampler: Any) -> Sampler:
    if not callable(sampler):
        _checks.fail(f"the sampler is {_checks.short(sampler)}", "a callable (denoiser, n, *, weight, num_steps, seed, "
                     "dtype) -> tokens (n, D)", "give the function itself")  # fmt: skip
    return sampler


def _positive(value: float, name: str) -> float:
    number = _checks.real(value, name)
    if not number > 0:
        _checks.fail(f"{name} = {number:g}", f"{name} > 0", "give a positive number")
    return number


def _name(sampler: Any) -> str:
    module, name = getattr(sampler, "__module__", None), getattr(sampler, "__qualname__", type(sampler).__qualname__)
    return f"{module}:{name}" if module else str(name)

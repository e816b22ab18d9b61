"""The main job: derive, solve, simulate on every engine, compare. Its result feeds the report."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

import numpy as np

from . import _checks
from .comparison.comparison import ALPHA, Comparison, DecayComparison, compare, compare_decay
from .guidance import Guidance
from .guidance.rules import RULES
from .laws import symbolic
from .laws.decay import tv_decay
from .laws.law import Law
from .laws.regime import DecayRegime, decay_regime
from .laws.stepped import stepped_law
from .laws.terminal import terminal_law
from .problems.table import TableProblem
from .process import GuidedProcess
from .sampling import engine_names, sample
from .schedules import uniform_grid

WEIGHTS = (0.0, 1.0, 2.0, 4.0, 8.0)
CLOCKS = np.geomspace(1e-2, 20.0, 32)
REGIME_CLOCK = 4.0  # late enough for a fading blind context to show its straight line by w = 28
REGIME_WEIGHTS = np.linspace(0.0, 28.0, 29)
SYMBOLIC_STATES = 64
SYMBOLIC_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Plan:
    """What to run: rules, weights, engines, sample size, steps of tau-leaping, seed."""

    rules: tuple[str, ...] = ("product", "normalized")
    weights: tuple[float, ...] = WEIGHTS
    engines: tuple[str, ...] = ("numba", "torch")
    n: int = 100_000
    steps: int = 16
    seed: int = 0
    clocks: np.ndarray = field(default_factory=lambda: CLOCKS)

    def __post_init__(self):
        for name in ("rules", "weights", "engines"):
            if not getattr(self, name):
                _checks.fail(f"no {name} given", f"at least one of the {name}", "leave the option out for the default")
        for rule in self.rules:
            Guidance.parse(rule)
        for engine in self.engines:
            _checks.choice(engine, engine_names(), "engine")
        for weight in self.weights:
            _checks.weight(weight)
        _checks.integer(self.n, "n", 1)
        _checks.integer(self.steps, "steps", 1)
        _checks.seed(self.seed)

    def quick(self) -> Plan:
        """A short version: two weights, one rule, fewer samples and clocks."""
        return replace(self, rules=self.rules[:1], weights=(0.0, 2.0), n=min(self.n, 20_000), clocks=self.clocks[::4])

    def num_cases(self, problems: Sequence[TableProblem]) -> int:
        """How many cases :func:`validate` will report."""
        return len(problems) * len(self.rules) * len(self.weights)


@dataclass(frozen=True)
class Check:
    """One verdict: what was checked, the figure and its bound, and how often chance alone fails it."""

    problem: str
    rule: str
    weight: float
    engine: str
    method: str
    what: str
    value: float
    bound: float
    passed: bool
    false_alarm: float
    sentence: str


@dataclass(frozen=True)
class Run:
    """One simulation of a case, compared."""

    engine: str
    method: str
    comparison: Comparison
    decay: DecayComparison
    largest_hazard_step: float | None


@dataclass(frozen=True)
class Case:
    """One problem under one rule and weight: its exact law and TV curve, and the runs beside them."""

    problem: TableProblem
    rule: str
    weight: float
    law: Law
    clocks: np.ndarray
    tv: np.ndarray
    runs: tuple[Run, ...]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class RegimeCurve:
    """A problem's decay regime under the rate product, and log TV at one clock over weights."""

    problem: TableProblem
    regime: DecayRegime
    clock: float
    weights: np.ndarray
    log_tv: np.ndarray

    @property
    def tv(self) -> np.ndarray:
        """TV at the clock; 0 below the range of float64, where `log_tv` goes on."""
        return np.exp(self.log_tv)


@dataclass(frozen=True)
class Validation:
    """Everything the main job found."""

    plan: Plan
    cases: tuple[Case, ...]
    regimes: tuple[RegimeCurve, ...]

    @property
    def checks(self) -> tuple[Check, ...]:
        """All checks of all cases."""
        return tuple(check for case in self.cases for check in case.checks)

    def cases_of(self, problem: TableProblem) -> tuple[Case, ...]:
        """The cases of one problem, which is known by its identity: two may have one name."""
        return tuple(case for case in self.cases if case.problem is problem)

    def checks_of(self, problem: TableProblem) -> tuple[Check, ...]:
        """The checks of one problem."""
        return tuple(check for case in self.cases_of(problem) for check in case.checks)

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def false_alarm(self) -> float:
        """Bound on the probability that correct samplers fail any check."""
        return sum(check.false_alarm for check in self.checks)


def validate(
    problems: Sequence[TableProblem], plan: Plan | None = None, on_case: Callable[[int], None] | None = None
) -> Validation:
    """Derive, solve, simulate and compare every problem under every rule and weight.

    Parameters
    ----------
    problems : sequence of TableProblem
        What is to be checked.
    plan : Plan, optional
        Rules, weights, sizes of the simulations.
    on_case : callable, optional
        Called after each case with the number done, for progress.

    Returns
    -------
    Validation
        Every case with its checks; ``.passed``.

    Raises
    ------
    InputError
        A name in the plan that is not known, or a value out of range.
    """
    plan = plan or Plan()
    cases = []
    for problem, rule in product(problems, plan.rules):
        derived = _derived(problem, rule)
        for weight in plan.weights:
            cases.append(_case(problem, rule, weight, plan, derived))
            if on_case:
                on_case(len(cases))
    return Validation(plan, tuple(cases), tuple(regime_curve(problem) for problem in problems))


def regime_curve(problem: TableProblem) -> RegimeCurve:
    """The decay regime under the rate product and TV(u = 1) for w = 0..28."""
    processes = [GuidedProcess(problem, Guidance("product", float(w))) for w in REGIME_WEIGHTS]
    log_tv = np.array([float(tv_decay(process, REGIME_CLOCK, log=True)) for process in processes])
    return RegimeCurve(problem, decay_regime(processes[0]), REGIME_CLOCK, REGIME_WEIGHTS, log_tv)


def _case(problem: TableProblem, rule: str, weight: float, plan: Plan, derived) -> Case:
    process = GuidedProcess(problem, Guidance.parse(rule, weight))
    law, tv = terminal_law(process), tv_decay(process, plan.clocks)
    runs = tuple(_runs(process, law, tv, plan))
    checks = [*_symbolic_checks(problem, rule, weight, law, derived)]
    for run in runs:
        checks += _run_checks(problem, rule, weight, run, plan)
    return Case(problem, rule, weight, law, plan.clocks, tv, runs, tuple(checks))


def _runs(process: GuidedProcess, law: Law, tv: np.ndarray, plan: Plan) -> Iterator[Run]:
    stepped = stepped_law(process, "tau-leaping", uniform_grid(plan.steps), every_step=True)
    last = Law(stepped.probs[-1], stepped.problem, stepped.clock[-1], stepped.method)
    inside = slice(1, -1) if plan.steps > 1 else slice(1)
    grid_clocks, grid_tv = stepped.clock[inside], stepped.masked_probability[inside]
    for engine in plan.engines:
        exact = sample(process, plan.n, "gillespie", plan.seed, engine)
        yield Run(engine, "gillespie", compare(exact, law), compare_decay(exact, plan.clocks, tv), None)
        leaps = sample(process, plan.n, "tau-leaping", plan.seed, engine, plan.steps)
        yield Run(engine, "tau-leaping", compare(leaps, last), compare_decay(leaps, grid_clocks, grid_tv),
                  leaps.info.largest_hazard_step)  # fmt: skip


def _run_checks(problem: TableProblem, rule: str, weight: float, run: Run, plan: Plan) -> Iterator[Check]:
    found, head = run.comparison, (problem.name, rule, weight, run.engine, run.method)
    yield Check(*head, "final law: TV", found.tv, found.tv_bound, found.checks["TV"], ALPHA, found.sentence)
    yield Check(*head, "final law: states (smallest tail)", found.worst_state_p, _cell_level(found, problem),
                found.checks["states"], ALPHA, found.sentence)  # fmt: skip
    if found.covariance is not None and found.exact_covariance is not None and found.covariance_bound is not None:
        gap = np.abs(found.covariance - found.exact_covariance)
        worst = np.unravel_index(int((gap - found.covariance_bound).argmax()), gap.shape)
        yield Check(*head, "covariance", float(gap[worst]), float(found.covariance_bound[worst]),
                    found.checks["covariance"], ALPHA, found.sentence)  # fmt: skip
        level = ALPHA / len(found.regions)
        yield Check(*head, "region weights (smallest tail)", found.worst_region_p or 0.0, level,
                    found.checks["regions"], ALPHA, found.sentence)  # fmt: skip
    yield Check(*head, "TV decay", run.decay.largest_gap, run.decay.band, run.decay.passed, ALPHA, run.decay.sentence)


def _cell_level(found: Comparison, problem: TableProblem) -> float:
    return ALPHA / (problem.vocab_size + 1) ** problem.length


def _derived(problem: TableProblem, rule: str):
    """The closed form as sympy expressions, where the problem is small enough for one."""
    small = problem.length <= 2 and problem.vocab_size**problem.length <= SYMBOLIC_STATES
    if not small or not RULES.named(rule).in_closed_form:
        return None
    return symbolic.terminal_law(problem, rule)


def _symbolic_checks(problem: TableProblem, rule: str, weight: float, law: Law, derived) -> Iterator[Check]:
    if derived is None:
        return
    values = derived.subs({symbolic.w: weight})
    closed = np.array([float(values[state]) for state in np.ndindex(law.probs.shape)]).reshape(law.probs.shape)
    gap = float(np.abs(closed - law.probs).max())
    ok, head = gap <= SYMBOLIC_TOLERANCE, (problem.name, rule, weight, "exact", "closed form")
    sentence = f"{'agrees' if ok else 'fails'}: largest difference {gap:.2g}"
    yield Check(*head, "closed form = numeric law", gap, SYMBOLIC_TOLERANCE, ok, 0.0, sentence)

"""What a sampler claims to draw: rule, method, time grid, noise schedule; and the exact law that follows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _checks, _settings
from ..guidance import Guidance, Rule
from ..guidance.rules import RULES
from ..laws.stepped import stepped_law
from ..laws.terminal import terminal_law
from ..laws.transient import transient_law
from ..methods import METHODS, Method
from ..problems.table import TableProblem
from ..process import GuidedProcess
from ..schedules import GRIDS, SCHEDULES, NoiseSchedule, TimeGrid, noise_schedule, time_grid

LIMIT = "limit"
SYNONYMS = {"normalised": "normalized", "first hitting": "first-hitting", "tau leaping": "tau-leaping"}
GRID_NAMES = {
    "uniform t": "time", "uniform in t": "time", "uniform time": "time", "time": "time",
    "uniform u": "clock", "uniform clock": "clock", "uniform in u": "clock", "clock": "clock",
}  # fmt: skip
SPELLED = {"time": "uniform t", "clock": "uniform clock"}  # other grids: "cosine grid"
LEVELS = 16  # bins of the masking level m that reveal times of a limit law are counted in


@dataclass(frozen=True)
class Claim:
    """The law that a sampler says it draws from.

    Attributes
    ----------
    rule : str or Rule
        A guidance rule, with its parameters as in "predictor:temperature=0.5"; a Guidance is taken for its rule, as the
        weight is for the suite to choose.
    method : str or Method
        A stepped method, judged by its exact K-step law, or "limit" (or an exact method): the terminal law of the
        chain. Parameters as in "confidence:temperature=0:counts=even".
    grid : str or TimeGrid
        K steps equal in t ("time"), in the clock ("clock"), or "cosine": `maskguide.time_grid`.
    schedule : str or NoiseSchedule
        The noise schedule m(t).

    Raises
    ------
    InputError
        A name that is not known, or a parameter out of range.

    Examples
    --------
    >>> Claim.parse("normalized, ancestral, uniform t, log-linear")
    Claim(rule='normalized', method='ancestral', grid='time', schedule='linear')
    >>> str(Claim.parse("product, limit"))
    'product, limit'
    """

    rule: str | Rule
    method: str | Method
    grid: str | TimeGrid = "time"
    schedule: str | NoiseSchedule = "linear"

    def __post_init__(self) -> None:
        if isinstance(self.rule, Guidance):
            object.__setattr__(self, "rule", self.rule.rule)
        if isinstance(self.schedule, str):
            object.__setattr__(self, "schedule", SCHEDULES.named(self.schedule).name)
        _ = self.guidance(1.0), self.stepper, GRIDS.named(self.grid), SCHEDULES.named(self.schedule)

    @classmethod
    def parse(cls, text: str | Claim) -> Claim:
        """A claim in words, parts in any order, separated by commas; rule and method must be named.

        A bare "cosine" is the noise schedule; "cosine grid" the grid.

        Parameters
        ----------
        text : str or Claim
            For example "normalized, ancestral, uniform t, log-linear". A claim is returned as it is.

        Returns
        -------
        Claim
            What the text says.

        Raises
        ------
        InputError
            A part that is not known, two of a kind, no rule or no method.
        """
        if isinstance(text, Claim):
            return text
        found: dict[str, str] = {}
        for part in (word.strip() for word in str(text).split(",")):
            kind, value = _part(part)
            if found.setdefault(kind, value) != value:
                _checks.fail(f"claim {text!r} names two {kind}s", "one of each", f"{found[kind]!r} or {value!r}?")
        if missing := {"rule", "method"} - set(found):
            example = '"normalized, ancestral, uniform t, log-linear", or "product, limit"'
            rule = "rule, method, grid, schedule; the last two may be left out"
            _checks.fail(f"claim {text!r} names no {' and no '.join(sorted(missing))}", rule, example)
        return cls(**found)

    @property
    def stepper(self) -> Method | None:
        """The method with its parameters; None for "limit"."""
        if not isinstance(self.method, str):
            return METHODS.named(self.method)
        name, parameters = _settings.named(self.method, "method")
        _checks.choice(name, (LIMIT, *METHODS), "method")
        return None if name == LIMIT else METHODS[name].with_parameters(**parameters)

    @property
    def method_name(self) -> str:
        """The method without its parameters; "limit" for the chain's own law."""
        return LIMIT if self.stepper is None else self.stepper.name

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters of the method that are claimed."""
        return _settings.named(self.method, "method")[1] if isinstance(self.method, str) else self.method.parameters

    @property
    def is_limit(self) -> bool:
        """Whether the law claimed is the chain's own, with no discretisation."""
        return self.stepper is None or self.stepper.is_exact

    @property
    def ranks(self) -> bool:
        """Whether positions are chosen by their scores, so that the law depends on how ties are broken."""
        return self.stepper is not None and self.stepper.ranks_positions

    def guidance(self, weight: float) -> Guidance:
        """The claim's rule at a weight.

        Parameters
        ----------
        weight : float
            w >= -1.

        Returns
        -------
        Guidance
            Rule, parameters and weight.
        """
        return Guidance.parse(self.rule, weight) if isinstance(self.rule, str) else Guidance(self.rule, weight)

    def process(self, problem: TableProblem, weight: float) -> GuidedProcess:
        """The guided chain of a problem at a weight.

        Parameters
        ----------
        problem : TableProblem
            What is sampled.
        weight : float
            w >= -1.

        Returns
        -------
        GuidedProcess
            Under the claim's rule.
        """
        return GuidedProcess(problem, self.guidance(weight))

    def times(self, num_steps: int) -> np.ndarray:
        """Times of the claim's grid.

        Parameters
        ----------
        num_steps : int
            K >= 1.

        Returns
        -------
        array, shape (K+1,)
            Decreasing from 1 to 0.

        Raises
        ------
        InputError
            K below 1.
        """
        return time_grid(self.grid, num_steps, self.schedule)

    def law(self, problem: TableProblem, weight: float, num_steps: int) -> np.ndarray:
        """The exact law that the claim makes of a problem: after K steps, or the terminal law of a limit claim.

        Parameters
        ----------
        problem : TableProblem
            What is sampled.
        weight : float
            w >= -1.
        num_steps : int
            K >= 1; not looked at for a limit claim.

        Returns
        -------
        array, shape (N+1,)*D
            Probabilities of the states; index N is a mask that is left.

        Raises
        ------
        InputError
            K below 1, or what the claim does not apply to.
        """
        process = self.process(problem, weight)
        if self.is_limit:
            return np.pad(terminal_law(process).probs, (0, 1))
        grid = self.times(num_steps)
        assert self.stepper is not None
        return stepped_law(process, self.stepper, grid, self.schedule).probs

    def history(self, problem: TableProblem, weight: float, num_steps: int) -> tuple[np.ndarray, np.ndarray]:
        """The exact law at every time of the claim's grid.

        The times of the K steps; for a limit claim LEVELS equal steps of the masking level m.

        Parameters
        ----------
        problem : TableProblem
            What is sampled.
        weight : float
            w >= -1.
        num_steps : int
            K >= 1; not looked at for a limit claim.

        Returns
        -------
        times : array, shape (L+1,)
            Decreasing from 1 to 0.
        laws : array, shape (L+1,) + (N+1,)*D
            The law on the lattice at each.

        Raises
        ------
        InputError
            K below 1, or what the claim does not apply to.
        """
        process = self.process(problem, weight)
        if not self.is_limit and self.stepper is not None:
            times = self.times(num_steps)
            return times, stepped_law(process, self.stepper, times, self.schedule, every_step=True).probs
        times = noise_schedule(self.schedule).inverse(np.linspace(1.0, 0.0, LEVELS + 1))
        return times, transient_law(process, noise_schedule(self.schedule).clock(times)).probs

    def __str__(self) -> str:
        rule, method, grid, schedule = map(_spelled, (self.rule, self.method, self.grid, self.schedule))
        if self.is_limit:
            return f"{rule}, {method}"
        return f"{rule}, {method}, {SPELLED.get(grid, f'{grid} grid')}, {schedule.replace('linear', 'log-linear')}"


def _spelled(part: Any) -> str:
    """A part of a claim in words: an object by its name and settings."""
    if isinstance(part, str):
        return part
    settings = dict(part.settings) if isinstance(part, Rule) else getattr(part, "parameters", {})
    return ":".join([part.name, *(f"{name}={value}" for name, value in settings.items())])


def _part(part: str) -> tuple[str, str]:
    """Which field a part of a claim names, and its value."""
    name, _, settings = part.partition(":")
    name = SYNONYMS.get(name.strip().lower(), name.strip().lower())
    if name in RULES:
        return "rule", f"{name}:{settings}" if settings else name
    if name == LIMIT or name in METHODS:
        return "method", f"{name}:{settings}" if settings else name
    if name in GRID_NAMES or (name.removesuffix(" grid") in GRIDS and name != "cosine"):
        return "grid", GRID_NAMES.get(name, name.removesuffix(" grid"))
    schedule = name.removesuffix(" schedule")
    if schedule in SCHEDULES:
        return "schedule", schedule
    names = (*RULES, LIMIT, *METHODS, *GRID_NAMES, *SCHEDULES)
    return "", _checks.choice(part, names, "part of a claim")

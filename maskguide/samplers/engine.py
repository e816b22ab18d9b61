"""Engines: who draws a method on a process. `sample` asks them in order and takes the first that supports both.

An engine of one's own is a subclass of :class:`Engine`; other packages add theirs by an entry point of the group
"maskguide.engines".
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from .. import _checks
from ..methods import Gillespie, Method, WeightedParticles
from ..process import GuidedProcess
from .task import Batch, Task


@dataclass(frozen=True)
class Engine:
    """What draws trajectories.

    Attributes
    ----------
    name : str
    package : str
        The library that it runs on; ``sample(engine=package)`` takes the first engine of it that supports the task.
    """

    name: str
    package: str

    def refusal(self, process: GuidedProcess, method: Method) -> str | None:
        """Why this engine does not draw a method on a process, as the end of a sentence; None where it does."""
        raise NotImplementedError

    def supports(self, process: GuidedProcess, method: Method) -> bool:
        """Whether this engine draws a method on a process."""
        return self.refusal(process, method) is None

    def device(self, wanted: str | None) -> str:
        """The device it runs on; an error for one it has not got."""
        if wanted not in (None, "cpu"):
            name = self.package
            _checks.fail(f"device {wanted!r} with engine {name}", f"{name} runs on the CPU", 'use engine="torch"')
        return "cpu"

    def run(self, task: Task, start: np.ndarray, first: int) -> Batch:
        """Draw trajectories first, ..., first + n - 1 of a task.

        Parameters
        ----------
        task : Task
        start : (n, D) int32
            Tokens at clock 0, N where one is to be drawn. Not to be written to.
        first : int
            Number of the first trajectory: with the seed it is the address of all random numbers.
        """
        raise NotImplementedError


class Tables(Engine):
    """Rates looked up in tables: Gillespie's chain, and steps of a declared form. The fastest."""

    def refusal(self, process: GuidedProcess, method: Method) -> str | None:
        """Tables; Gillespie, `freezes_rates` or `gain`."""
        if not process.on_lattice:
            return "it looks rates up in the tables of a TableProblem"
        declared = method.reveal is not None and (method.freezes_rates or method.gain is not None)
        return None if declared or type(method) is Gillespie else "it draws gillespie and methods of a declared form"

    def run(self, task: Task, start: np.ndarray, first: int) -> Batch:
        """See :meth:`Engine.run`."""
        from .tables import run

        return run(task, start, first)


class Compiled(Engine):
    """The package's own methods on tables, mixtures and chains, trajectory by trajectory in compiled code."""

    def refusal(self, process: GuidedProcess, method: Method) -> str | None:
        """Problems and methods that it has compiled."""
        from ..problems.chain import MarkovProblem
        from ..problems.mixture import ProductMixture

        if not (process.on_lattice or isinstance(process.problem, (ProductMixture, MarkovProblem))):
            return "numba knows tables, ProductMixture and MarkovProblem"
        if not process.on_lattice and process.guidance.rule.powers is None:
            return "away from tables it has compiled rules that are products of powers"
        from .compiled.plan import knows

        return None if knows(method) else "it has compiled the package's own methods, and steps of a declared form"

    def run(self, task: Task, start: np.ndarray, first: int) -> Batch:
        """See :meth:`Engine.run`."""
        from .compiled import run

        return run(task, start, first)


class Torch(Engine):
    """Every method on every problem, the trajectories of a batch side by side, on any device."""

    def refusal(self, process: GuidedProcess, method: Method) -> str | None:
        """All that has a formula, or a step that is registered."""
        if find_spec("torch") is None:
            return 'it needs PyTorch: pip install "maskguide[torch]"'
        from .torch import knows

        return None if knows(method) else "it draws methods with a reveal formula or a registered step"

    def device(self, wanted: str | None) -> str:
        """What is asked for, otherwise a GPU where torch sees one."""
        import torch

        chosen = wanted or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            torch.empty(1, device=chosen)
        except (RuntimeError, AssertionError) as error:
            fault = f"device {chosen!r}: {str(error).splitlines()[0][:80]}"
            _checks.fail(fault, "a device that torch sees", 'device="cpu"')
        return chosen

    def run(self, task: Task, start: np.ndarray, first: int) -> Batch:
        """See :meth:`Engine.run`."""
        from .torch import run

        return run(task, start, first)


class Particles(Torch):
    """Weighted particles in torch: all of them at once."""

    def refusal(self, process: GuidedProcess, method: Method) -> str | None:
        """Weighted particles only."""
        if find_spec("torch") is None:
            return 'it needs PyTorch: pip install "maskguide[torch]"'
        return None if isinstance(method, WeightedParticles) else "it draws weighted particles"

    def run(self, task: Task, start: np.ndarray, first: int) -> Batch:
        """Tokens with weights; reveals have no times."""
        from . import smc

        found = smc.run(
            task.process, start, seed=task.seed, first=first, antithetic=task.antithetic, device=task.device,
            **task.method.parameters,
        )  # fmt: skip
        jumps = (start == task.process.vocab_size).sum(axis=1).astype(np.int32)
        weighted = found.log_weights, found.log_normalizers
        return Batch(found.tokens, np.full(len(start), np.nan), jumps, None, None, None, *weighted)


TABLES, COMPILED, TORCH = Tables("tables", "numba"), Compiled("compiled", "numba"), Torch("torch", "torch")
PARTICLES = Particles("particles", "torch")

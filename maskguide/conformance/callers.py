"""How a sampler is called: in this process, or in one of its own."""

from __future__ import annotations

import os
from typing import Any, Protocol

from .. import _checks
from .denoiser import ServedDenoiser
from .guard import Caller, Draw, Sampler
from .outside import imported, parted


class Calls(Protocol):
    """What the experiments need: calls, their number, and the sampler's name and signature."""

    calls: int
    draws: int
    time_limit: float

    @property
    def name(self) -> str:
        """What the sampler is called in the report."""
        ...

    @property
    def takes_start(self) -> bool:
        """Whether the sampler has an argument named `start`."""
        ...

    def __call__(self, denoiser: ServedDenoiser, n: int, **given: Any) -> Draw:
        """One call; a :class:`.faults.Fault` for anything but whole tokens (n, D) in 0..N."""
        ...

    def close(self) -> None:
        """End the process of the sampler, if it has one."""
        ...


def caller_of(sampler: Sampler | str, time_limit: float, backend: str, in_process: bool | None) -> Calls:
    """A caller of a callable, or of "module:function"; `in_process` None: the one here, the other in a process."""
    if not isinstance(sampler, str):
        return Caller(_callable(sampler, in_process), time_limit, backend)
    parted(sampler)
    if in_process or os.name != "posix":
        return Caller(imported(sampler), time_limit, backend)
    from .child_caller import ChildCaller

    return ChildCaller(sampler, time_limit, backend)


def _callable(sampler: Any, in_process: bool | None) -> Sampler:
    if not callable(sampler):
        _checks.fail(f"the sampler is {_checks.short(sampler)}", "a callable (denoiser, n, *, weight, num_steps, seed, "
                     "dtype) -> tokens (n, D)", "give the function itself, or module:function")  # fmt: skip
    if in_process is False:
        _checks.fail("a callable for another process", "what runs there is imported there, by its name",
                     'give "module:function"')  # fmt: skip
    return sampler

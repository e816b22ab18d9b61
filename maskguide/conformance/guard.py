"""Calling somebody's sampler: what it is given, what it returns, exceptions, and a time limit in a thread."""

from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import TIMEOUT_MAX, Thread
from time import perf_counter
from typing import Any

import numpy as np

from .denoiser import ServedDenoiser
from .faults import KINDS, Fault, described, foreign_frames, printable, shortened
from .returned import EXTRAS, arrays

__all__ = ["EXTRAS", "KINDS", "Caller", "Draw", "Fault", "Sampler", "perform", "sampler_name", "takes_start"]

Sampler = Callable[..., Any]
GIVEN = ("length", "vocab_size", "num_classes", "mask_id", "label", "dtype", "carry_over")  # of a denoiser
CALLED = "sampler(denoiser, n, *, weight, num_steps, seed, dtype)"


@dataclass(frozen=True)
class Draw:
    """What one call returned, checked.

    Attributes
    ----------
    tokens : (n, D) int64, 0..N
    extras : dict of (n, D) float64
        "reveal_time", "reveal_order", where returned.
    seconds : float
    saw_nan : bool
        Whether numpy met an invalid operation (inf - inf, 0 * inf) in the call.
    """

    tokens: np.ndarray
    seconds: float
    extras: dict[str, np.ndarray] = field(default_factory=dict)
    saw_nan: bool = False


def perform(sampler: Sampler, denoiser: ServedDenoiser, n: int, backend: str, **given: Any) -> Draw:
    """One call, without a time limit; a :class:`Fault` for anything but whole tokens (n, D) in 0..N."""
    arguments = given | {"dtype": dtype_of(backend, denoiser.dtype)}
    before, begun, invalid = _fingerprint(denoiser, given), perf_counter(), []
    try:
        with np.errstate(all="ignore", invalid="call", call=lambda kind, _: invalid.append(kind)):
            returned = sampler(denoiser, n, **arguments)
    except BaseException as error:  # SystemExit and KeyboardInterrupt of a sampler are faults like any other
        raise _fault_of(error, sampler, arguments) from error
    seconds = perf_counter() - begun
    if _fingerprint(denoiser, given) != before:
        raise Fault("mutates", "it changes what it was given: the denoiser's attributes or the start tokens")
    tokens, extras = arrays(returned, n, denoiser)
    return Draw(tokens, seconds, extras, bool(invalid))


def dtype_of(backend: str, name: str) -> Any:
    """A dtype of numpy or torch."""
    if backend == "numpy":
        return getattr(np, name)
    import torch

    return getattr(torch, name)


@dataclass
class Caller:
    """Calls of one sampler in this process, each in a thread of its own with a time limit.

    A call over the limit is given up: an exception is raised in its thread, which ends Python code at its next
    instruction; a thread inside compiled code is left behind until that returns. What ends the interpreter, or holds
    its lock, ends or stops the suite: :class:`.child_caller.ChildCaller` survives both.

    Attributes
    ----------
    sampler : callable
    time_limit : float
        Seconds a call may take.
    backend : str
        "numpy" or "torch": whose dtypes the sampler is given.
    """

    sampler: Sampler
    time_limit: float
    backend: str = "numpy"
    calls: int = 0
    draws: int = 0

    def __post_init__(self) -> None:
        dtype_of(self.backend, "float64")  # torch is imported before any call is timed

    def __call__(self, denoiser: ServedDenoiser, n: int, **given: Any) -> Draw:
        """One call; a :class:`Fault` for anything but whole tokens (n, D) in 0..N."""
        self.calls += 1
        draw = self._timed(lambda: perform(self.sampler, denoiser, n, self.backend, **given))
        self.draws += n
        return draw

    @property
    def name(self) -> str:
        """What the sampler is called in the report."""
        return sampler_name(self.sampler)

    @property
    def takes_start(self) -> bool:
        """Whether the sampler has an argument named `start`."""
        return takes_start(self.sampler)

    def close(self) -> None:
        """Do nothing: no process was started."""

    def _timed(self, call: Callable[[], Draw]) -> Draw:
        answers: SimpleQueue[Draw | Fault] = SimpleQueue()
        thread = Thread(target=_answer, args=(call, answers), daemon=True)
        thread.start()
        try:
            answer = answers.get(timeout=min(self.time_limit, TIMEOUT_MAX))
        except Empty:
            _stop(thread)
            raise Fault("hangs", f"a call did not return within {self.time_limit:g} s") from None
        if isinstance(answer, Fault):
            raise answer
        return answer


def takes_start(sampler: Sampler) -> bool:
    """Whether a sampler has an argument named `start`; False where its signature cannot be read."""
    try:
        return "start" in inspect.signature(sampler).parameters
    except Exception:  # signatures ask objects for attributes, and these may do anything
        return False


def sampler_name(sampler: Any) -> str:
    """module:name, as far as the object says it."""
    module, name = (_attribute(sampler, attribute) for attribute in ("__module__", "__qualname__"))
    name = name or type(sampler).__qualname__
    return shortened(printable(f"{module}:{name}" if module else name))


def _attribute(thing: Any, name: str) -> str:
    try:
        value = getattr(thing, name, None)
    except Exception:
        return ""
    return value if isinstance(value, str) else ""


def _answer(call: Callable[[], Draw], answers: SimpleQueue) -> None:
    try:
        answers.put(call())
    except Fault as fault:
        answers.put(fault)
    except BaseException as error:  # the exception that ends a call over its time may come late
        answers.put(Fault("raises", described(error)))


def _stop(thread: Thread) -> None:
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))


def _fault_of(error: BaseException, sampler: Sampler, arguments: dict[str, Any]) -> Fault:
    if isinstance(error, TypeError) and (not foreign_frames(error) or not _fits(sampler, arguments)):
        return Fault("signature", f"it cannot be called as {CALLED}: {described(error).removeprefix('TypeError: ')}")
    return Fault("raises", described(error))


def _fits(sampler: Sampler, arguments: dict[str, Any]) -> bool:
    """Whether the signature, where there is one, takes the arguments."""
    try:
        signature = inspect.signature(sampler, follow_wrapped=False)
    except Exception:
        return True
    try:
        signature.bind(None, 1, **arguments)
    except TypeError:
        return False
    return True


def _fingerprint(denoiser: ServedDenoiser, given: dict[str, Any]) -> tuple[bytes, ...]:
    """What the sampler could have changed, as bytes: plain values of known types, and arrays."""
    attributes = (getattr(denoiser, name, None) for name in GIVEN)
    shown = tuple(
        repr(value).encode() if type(value) in (int, str, bool) else type(value).__name__.encode()
        for value in attributes
    )
    return *shown, *(np.array(value).tobytes() for value in given.values())

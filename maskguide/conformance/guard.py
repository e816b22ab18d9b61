"""Calling somebody's sampler: time limits, exceptions, and what it returns; every fault has a name."""

from __future__ import annotations

import ctypes
import inspect
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any

import numpy as np

from .denoiser import ServedDenoiser

Sampler = Callable[..., Any]
EXTRAS = ("reveal_time", "reveal_order")
KINDS = ("raises", "hangs", "type", "shape", "dtype", "nan", "range", "mutates")  # of faults
GIVEN = ("length", "vocab_size", "num_classes", "mask_id", "label", "dtype", "carry_over")  # of a denoiser


class Fault(Exception):
    """What a sampler did wrong besides its law.

    Attributes
    ----------
    kind : str
        One of KINDS.
    message : str
    """

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind, self.message = kind, message


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


@dataclass
class Caller:
    """Calls of one sampler, each in a thread of its own with a time limit.

    A call over the limit is given up: an exception is raised in its thread, which ends Python code at its next
    instruction; a thread inside compiled code is left behind until that returns. A crash of the interpreter is not
    survived.

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

    def __call__(self, model: ServedDenoiser, n: int, *, weight: float, num_steps: int, seed: int, **more: Any) -> Draw:
        """One call; a :class:`Fault` for anything but whole tokens (n, D) in 0..N."""
        self.calls += 1
        before, begun = _fingerprint(model, more), perf_counter()
        returned, saw_nan = self._timed(
            lambda: self.sampler(
                model, n, weight=weight, num_steps=num_steps, seed=seed, dtype=self._dtype(model.dtype), **more
            )
        )
        seconds = perf_counter() - begun
        if _fingerprint(model, more) != before:
            raise Fault("mutates", "it changes what it was given: the denoiser's attributes or the start tokens")
        tokens, extras = _parts(returned, n, model)
        self.draws += n
        return Draw(tokens, seconds, extras, saw_nan)

    @property
    def takes_start(self) -> bool:
        """Whether the sampler has an argument named `start`."""
        return takes_start(self.sampler)

    def _dtype(self, name: str) -> Any:
        if self.backend == "numpy":
            return getattr(np, name)
        import torch

        return getattr(torch, name)

    def _timed(self, call: Callable[[], Any]) -> tuple[Any, bool]:
        answers: SimpleQueue[tuple[Any, BaseException | None, bool]] = SimpleQueue()
        thread = Thread(target=_answer, args=(call, answers), daemon=True)
        thread.start()
        try:
            value, error, saw_nan = answers.get(timeout=self.time_limit)
        except Empty:
            _stop(thread)
            raise Fault("hangs", f"a call did not return within {self.time_limit:g} s") from None
        if error is not None:
            raise Fault("raises", _described(error)) from error
        return value, saw_nan


def takes_start(sampler: Sampler) -> bool:
    """Whether a sampler has an argument named `start`; False where its signature cannot be read."""
    try:
        return "start" in inspect.signature(sampler).parameters
    except Exception:  # signatures ask objects for attributes, and these may do anything
        return False


def _answer(call: Callable[[], Any], answers: SimpleQueue) -> None:
    invalid: list[str] = []
    try:
        with np.errstate(all="ignore", invalid="call", call=lambda kind, _: invalid.append(kind)):
            value = call()
        answers.put((value, None, bool(invalid)))
    except BaseException as error:  # SystemExit and KeyboardInterrupt of a sampler are faults like any other
        answers.put((None, error, bool(invalid)))


def _stop(thread: Thread) -> None:
    if thread.ident is not None:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit))


def _described(error: BaseException) -> str:
    """Type, first line, and where: the innermost frame, if the call got beyond this file."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    where = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0][:200] if lines else ''}{where}"


def _fingerprint(model: ServedDenoiser, more: dict[str, Any]) -> tuple[Any, ...]:
    given = [np.array(value).tobytes() for value in more.values()]
    return (*(getattr(model, name, None) for name in GIVEN), *given)


def _parts(returned: Any, n: int, model: ServedDenoiser) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    tokens, extras = returned if isinstance(returned, tuple) and len(returned) == 2 else (returned, {})
    if not isinstance(extras, dict):
        raise Fault("type", f"beside the tokens it returns a {type(extras).__name__}, not a dict of extras")
    shape = (n, model.length)
    return _tokens(_array(tokens), shape, model), {
        name: _extra(name, _array(extras[name]), shape) for name in EXTRAS if name in extras
    }


def _array(value: Any) -> np.ndarray:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy()
    if isinstance(value, np.ndarray):
        return value
    raise Fault("type", f"it returns a {type(value).__name__}, not an array of tokens")


def _tokens(tokens: np.ndarray, shape: tuple[int, int], model: ServedDenoiser) -> np.ndarray:
    if tokens.shape != shape:
        raise Fault("shape", f"tokens of shape {tokens.shape}; asked for (n, D) = {shape}")
    if tokens.dtype.kind == "f" and np.isnan(tokens).any():
        raise Fault("nan", f"{int(np.isnan(tokens).sum())} of {tokens.size} tokens are NaN")
    if tokens.dtype.kind not in "iu":
        raise Fault("dtype", f"tokens of dtype {tokens.dtype}; tokens are integers")
    if tokens.min() < 0 or tokens.max() > model.vocab_size:
        raise Fault("range", f"tokens run from {tokens.min()} to {tokens.max()}; the tokens are "
                    f"0..{model.vocab_size - 1} and {model.vocab_size} is the mask")  # fmt: skip
    return tokens.astype(np.int64)


def _extra(name: str, values: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if values.shape != shape:
        raise Fault("shape", f"{name} of shape {values.shape}; it is (n, D) = {shape}")
    return values.astype(float)

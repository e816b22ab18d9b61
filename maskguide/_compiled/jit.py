"""How functions are compiled: to a cache, where one can be kept, whatever NUMBA_DISABLE_JIT says.

The functions of the compiled engine do without the interpreter's lock and without reference counts: counting references
to the two dozen arrays of a model would take longer than the arithmetic. They allocate nothing: all memory comes from
Python, see :func:`maskguide.samplers.compiled.model.new_state`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from typing import Any

import numba
from numba.core import config as _config
from numba.core.caching import FunctionCache

config: Any = _config


def njit(function: Callable | None = None, *, cache: bool = False, **options: Any) -> Any:
    """`numba.njit`, of kernels that cannot run as Python; its cache is a help and never an error."""
    if function is None:
        return partial(njit, cache=cache, **options)
    with _enabled():
        compiled: Any = numba.njit(**options)(function)
    compile_for_args = compiled._compile_for_args

    def compile_enabled(*arguments: Any, **keywords: Any) -> Any:
        with _enabled():  # what numba compiles on the way, too
            return compile_for_args(*arguments, **keywords)

    compiled._compile_for_args = compile_enabled
    if cache:
        try:
            compiled._cache = _Cache(function)
        except RuntimeError:  # no directory that can be written
            _notice()
    return compiled


@contextmanager
def _enabled() -> Iterator[None]:
    """Compilation, even if NUMBA_DISABLE_JIT is set, as by those who debug functions of their own."""
    disabled, config.DISABLE_JIT = config.DISABLE_JIT, 0
    try:
        yield
    finally:
        config.DISABLE_JIT = disabled


class _Cache(FunctionCache):
    """A cache that a damaged file or a full disk costs a compilation, not the run."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is stored of a function, or None: it is compiled then."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:
            with suppress(Exception):
                self.flush()  # a damaged index would keep what follows from being stored
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Store a function, if that can be done."""
        try:
            super().save_overload(sig, data)
        except Exception:
            _notice()


@cache
def _notice() -> None:
    warnings.warn(
        "no place for compiled kernels that can be written: each process compiles anew; set NUMBA_CACHE_DIR to one",
        stacklevel=2,
    )


_compile = partial(njit, cache=True, nogil=True, error_model="numpy", _nrt=False)
compiled = _compile(fastmath=False)  # said, or else a function takes it over from the first that calls it
inlined = _compile(fastmath=False, forceinline=True)  # where passing the arguments would take longer than the work
# Sums in any order: vector code. A loop that sums stores nothing: one that did would take its order from where in
# memory its arrays happen to lie, and so would the last digit.
_ANY_ORDER = {"reassoc", "contract", "nsz", "nnan"}
summing = _compile(fastmath=_ANY_ORDER)
summing_inlined = _compile(fastmath=_ANY_ORDER, forceinline=True)


@compiled
def copy(source, out):
    """out = source; an assignment of slices would count references."""
    for i in range(out.size):
        out[i] = source[i]


@compiled
def fill(out, value):
    """Every entry of out = value."""
    for i in range(out.size):
        out[i] = value

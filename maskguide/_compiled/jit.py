"""How every function of this engine is compiled: to a cache, without the interpreter's lock or reference counts.

Counting references to the two dozen arrays of a model would take longer than the arithmetic. Kernels therefore
allocate nothing: all memory comes from Python, see :func:`.model.new_state`.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numba

_njit: Any = numba.njit
_compile = partial(_njit, cache=True, nogil=True, error_model="numpy", _nrt=False)
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

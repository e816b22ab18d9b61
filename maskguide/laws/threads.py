"""Compiled sweeps on several threads: kernels that release the interpreter's lock, each on its part of a range."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

MANY_STATES = 1_000_000  # from here on a second thread is worth its start


def idle(states: int) -> int:
    """Threads for so many states that would not have to share a core: waiting for a late one costs more than it brings.

    At most numba's number of threads (``NUMBA_NUM_THREADS``); one where the load average says that cores are busy.
    """
    if states < MANY_STATES:
        return 1
    import numba

    try:
        return max(1, min(numba.get_num_threads(), round((os.cpu_count() or 1) - os.getloadavg()[0])))
    except OSError:
        return 1


def in_parts(pool: ThreadPoolExecutor, threads: int, task: Callable[[int, int], Any], count: int) -> list:
    """task(begin, end) on `threads` consecutive parts of range(count); what they return, in order."""
    if threads == 1:
        return [task(0, count)]
    ends = [count * k // threads for k in range(threads + 1)]
    return list(pool.map(task, ends[:-1], ends[1:]))

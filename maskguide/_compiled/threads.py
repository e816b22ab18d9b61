"""Compiled sweeps on several threads: kernels that release the interpreter's lock, each on its part of a range."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

MANY_STATES = 1_000_000  # from here on a second thread is worth its start


def idle(states: int) -> int:
    """Threads for so many states that would not have to share a core: waiting for a late one costs more than it brings.

    At most numba's number of threads (``NUMBA_NUM_THREADS``).
    """
    if states < MANY_STATES:
        return 1
    import numba

    return max(1, min(numba.get_num_threads(), (os.cpu_count() or 1) - busy()))


def busy() -> int:
    """Cores that others use: the load average, or what runs beside this thread at the moment where that is less.

    The load average counts what this process did a minute ago, too. Every core is busy where a system does not say.
    """
    try:
        load = round(os.getloadavg()[0])
    except (AttributeError, OSError):
        return os.cpu_count() or 1
    if not (listed := Path("/proc/loadavg")).exists():
        return load
    return max(0, min(load, int(listed.read_text().split()[3].split("/")[0]) - 1))


def in_parts(pool: ThreadPoolExecutor, threads: int, task: Callable[[int, int], Any], count: int) -> list:
    """task(begin, end) on `threads` consecutive parts of range(count); what they return, in order."""
    if threads == 1:
        return [task(0, count)]
    ends = [count * k // threads for k in range(threads + 1)]
    return list(pool.map(task, ends[:-1], ends[1:]))

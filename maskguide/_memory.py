"""How much memory there is: of the machine, and of the container that the process runs in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = [Path("/sys/fs/cgroup"), Path("/sys/fs/cgroup/memory")]  # of version 2 and 1
LIMIT_FILES = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))


def available() -> int:
    """Bytes that can be allocated now.

    Linux: MemAvailable, and what the limits of the process's control groups (containers) leave; elsewhere all
    physical memory.
    """
    try:
        with open("/proc/meminfo") as lines:
            free = 1024 * next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([free, *_left_by_limits()])


def _left_by_limits() -> Iterator[int]:
    """What control groups leave: their limits less what is used without the files that can be dropped."""
    for folder in _control_groups():
        for limit, used in LIMIT_FILES:
            try:
                most = int((folder / limit).read_text())
                yield most - int((folder / used).read_text()) + _droppable(folder)
            except (OSError, ValueError):  # no such file, or "max"
                continue


def _droppable(folder: Path) -> int:
    try:
        rows = dict(row.split() for row in (folder / "memory.stat").read_text().splitlines())
        return int(rows.get("inactive_file", rows.get("total_inactive_file", 0)))
    except (OSError, ValueError):
        return 0


def _control_groups() -> Iterator[Path]:
    """The folders of the process's own groups and of those around them."""
    yield from CGROUPS
    try:
        rows = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for row in rows:
        _, kinds, path = row.split(":", 2)
        if not kinds or "memory" in kinds:
            own = CGROUPS[-1 if kinds else 0] / path.strip("/")
            yield from (own, *own.parents[: len(Path(path).parts) - 1])

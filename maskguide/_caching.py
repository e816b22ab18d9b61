"""Results remembered by the object they belong to: they die with it, and no module keeps anybody's object alive."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any, TypeVar
from weakref import ref

Result = TypeVar("Result")
_LOCK = Lock()


class _Memory(dict):
    """Results of one owner by function and arguments; empty in pickles, and not used by copies of the owner."""

    def __init__(self, owner: Any = None):
        self.owner = owner if owner is None else ref(owner)

    def __reduce__(self) -> tuple[type[_Memory], tuple[()]]:
        return _Memory, ()


def _memory(owner: Any, function: str) -> dict:
    memory = owner.__dict__.get("_memory")
    if memory is None or memory.owner is None or memory.owner() is not owner:
        memory = owner.__dict__["_memory"] = _Memory(owner)
    return memory.setdefault(function, {})


def cached_on_first(maxsize: int) -> Callable[[Callable[..., Result]], Callable[..., Result]]:
    """`functools.lru_cache` whose memory is a part of the first argument, an object with a ``__dict__``.

    The other arguments are hashable and positional; the last `maxsize` results are kept.

    >>> class Problem: pass
    >>> @cached_on_first(maxsize=1)
    ... def rates(problem, weight): return [weight]
    >>> problem = Problem()
    >>> rates(problem, 1.0) is rates(problem, 1.0), rates(problem, 1.0) is rates(Problem(), 1.0)
    (True, False)
    """

    def decorate(function: Callable[..., Result]) -> Callable[..., Result]:
        name = f"{function.__module__}.{function.__qualname__}"

        @wraps(function)
        def remembered(owner: Any, *arguments: Any) -> Result:
            with _LOCK:
                kept = _memory(owner, name)
                if arguments in kept:
                    kept[arguments] = found = kept.pop(arguments)  # the newest is the last
                    return found
            found = function(owner, *arguments)
            with _LOCK:
                kept[arguments] = found
                while len(kept) > maxsize:
                    del kept[next(iter(kept))]
            return found

        return remembered

    return decorate

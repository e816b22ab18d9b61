"""Samplers by name: module:function, from the working directory or installed."""

from __future__ import annotations

import sys
from functools import reduce
from importlib import import_module
from pathlib import Path

from .. import _checks
from .guard import Sampler


def imported(name: str) -> Sampler:
    """The callable behind "module:function" (or "module:object.method"); the working directory is searched first.

    Raises
    ------
    InputError
        No such module or function, a module that fails on import, or a thing that cannot be called.
    """
    module, _, path = name.partition(":")
    if not module or not path:
        _checks.fail(f"sampler {name!r}", "module:function", "for example mypackage.sampling:sample")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found = reduce(getattr, path.split("."), import_module(module))
    except Exception as error:  # whatever the module does on import
        first = (str(error).splitlines() or [""])[0]
        _checks.fail(f"cannot import {name!r}: {type(error).__name__}: {first}", "a module that imports, and a name in "
                     "it", "check the name and the working directory")  # fmt: skip
    if not callable(found):
        _checks.fail(f"{name!r} is {_checks.short(found)}", "a callable", "name the function itself")
    return found

"""Samplers by name: module:function, from the working directory or installed."""

from __future__ import annotations

import sys
from functools import reduce
from importlib import import_module
from pathlib import Path

from .. import _checks
from .faults import described
from .guard import Sampler


def imported(name: str) -> Sampler:
    """The callable behind "module:function" (or "module:object.method"); the working directory is searched first.

    Raises
    ------
    InputError
        No such module or function, a module that fails or exits on import, or a thing that cannot be called.
    """
    module, path = parted(name)
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        found = reduce(getattr, path.split("."), import_module(module))
    except (Exception, SystemExit) as error:  # whatever the module does on import
        _checks.fail(f"cannot import {name!r}: {described(error)}", "a module that imports, and a name in it",
                     "check the name and the working directory")  # fmt: skip
    if not callable(found):
        _checks.fail(f"{name!r} is {_checks.short(found)}", "a callable", "name the function itself")
    return found


def parted(name: str) -> tuple[str, str]:
    """Module and path within it; an error unless both are there."""
    module, _, path = name.partition(":")
    if not module or not path:
        _checks.fail(f"sampler {_checks.short(name)}", "module:function, or in Python a callable",
                     "for example mypackage.sampling:sample")  # fmt: skip
    return module, path

"""Old public names, kept for one version: they work, and warn."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any


def renamed(old: str, new: str) -> Any:
    """A read-only attribute `old` that gives the attribute `new` with a DeprecationWarning."""

    def read(owner: Any) -> Any:
        kind = type(owner).__name__
        warnings.warn(f"{kind}.{old} is called {kind}.{new} now", DeprecationWarning, stacklevel=2)
        return getattr(owner, new)

    return property(read, doc=f"Deprecated: use `{new}`.")


def moved(module: str, old: str, new: str) -> Any:
    """The attribute `new` of a module, for its ``__getattr__`` to give under the name `old` with a warning."""
    warnings.warn(f"{module}.{old} is called {module}.{new} now", DeprecationWarning, stacklevel=3)
    return getattr(import_module(module), new)

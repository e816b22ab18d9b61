"""Deprecated: what :mod:`.guard` has under this module's name in earlier versions."""

from .guard import takes_start

__all__ = ["takes_start"]

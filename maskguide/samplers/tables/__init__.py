"""Tables, fastest: Gillespie's chain and the methods whose coordinates reveal on their own, from looked-up rates."""

from .engine import run

__all__ = ["run"]

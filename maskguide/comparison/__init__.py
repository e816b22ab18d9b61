"""Samples against laws and against each other: verdicts, shared randomness, paths, grids that follow the chain."""

from .comparison import compare, compare_decay

__all__ = ["compare", "compare_decay"]

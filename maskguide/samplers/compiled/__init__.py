"""Every method on tables, product mixtures and Markov chains, compiled: conditionals are computed on the way."""

from .engine import run

__all__ = ["run"]

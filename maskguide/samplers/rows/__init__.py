"""Every method on tables, product mixtures and Markov chains, compiled: conditionals are computed on the way."""

from .run import run

__all__ = ["run"]

"""Denoiser: what a sampler needs of a problem, for tables, mixtures, chains and networks alike."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Denoiser(Protocol):
    """Conditionals of every coordinate given the revealed ones."""

    name: str
    length: int
    vocab_size: int
    num_classes: int
    target: int

    def log_conditionals(self, tokens: Any, label: int | None = None) -> Any:
        """log p(x_i = v | revealed tokens, label), (n, D, N) from tokens (n, D); label None: the mixture."""
        ...

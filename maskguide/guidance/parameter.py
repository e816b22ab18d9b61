"""The parameters of a guidance rule besides the weight: how a value is checked, and its default."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from enum import Enum
from typing import Any


class Required(Enum):
    """Stands where a default would: the parameter must be given."""

    NO_DEFAULT = "no default"


@dataclass(frozen=True)
class Parameter:
    """A parameter of a rule besides the weight: a number, or a class.

    Attributes
    ----------
    name : str
        The keyword of `Guidance`.
    check : callable
        (value) -> the value as it is kept, hashable; InputError for a bad one.
    default : hashable
        The value where none is given; without a default the parameter must be given.
    is_reference : bool
        The value is a class, by name or index, that takes the place of the unconditional law; the formula does not see
        it.
    """

    name: str
    check: Callable[[Any], Hashable]
    default: Hashable = Required.NO_DEFAULT
    is_reference: bool = False

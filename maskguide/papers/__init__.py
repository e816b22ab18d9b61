"""What reproduces a paper, a folder each, with everything in one place for someone who has the paper in hand.

A folder holds the mathematics (modules named after what they compute), `numbers` (what `maskguide verify` recomputes),
and where there is one, `study` (a run with a table, plain data and figures), `figures`, and `discrete` (the counterpart
in masked diffusion, by exact laws). Its docstring says what the paper claims and what was reproduced; its `PAPER` is
what the command line and the register of numbers go by. A folder that has both is found; no list has to be extended.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from inspect import signature
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Protocol

from .register import Group, groups_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Result(Protocol):
    """What a study found."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data: dicts, lists, numbers, arrays."""
        ...

    def text(self) -> str:
        """Tables, and sentences chosen by the numbers."""
        ...


@dataclass(frozen=True)
class Study:
    """A computation of a paper's findings; its modules are loaded when they are used.

    Attributes
    ----------
    name : str
        Its command: `maskguide gaussian NAME`.
    module : str
        Below `maskguide.papers`; has `study(..., seed, quick, advance)`, and `num_units` (calls of `advance`).
    drawing : str
        The module whose `figures(result)` gives (name, caption, figure) of each figure.
    """

    name: str
    module: str
    drawing: str

    def num_units(self, settings: Mapping[str, Any]) -> int:
        """How often a run with these settings reports progress."""
        count = self._load(self.module).num_units
        return count(**{key: settings[key] for key in signature(count).parameters if key in settings})

    def run(self, **settings: Any) -> Result:
        """The study's `study`."""
        return self._load(self.module).study(**settings)

    def figures(self) -> Callable[[Any], list[tuple[str, str, Figure]]]:
        """The function that draws a result."""
        return self._load(self.drawing).figures

    def _load(self, module: str) -> Any:
        return import_module(f".{module}", __name__)


@dataclass(frozen=True)
class Paper:
    """A paper that a folder reproduces.

    Attributes
    ----------
    name : str
        Of the folder.
    authors, title : str
    arxiv : str
        Its number, such as "2506.10971".
    page : str
        Derivations, numbers, and what was not reproduced.
    studies : tuple of Study
    """

    name: str
    authors: str
    title: str
    arxiv: str
    page: str
    studies: tuple[Study, ...] = ()

    def groups(self) -> list[Group]:
        """The functions that recompute the paper's numbers."""
        return groups_of(f"{__name__}.{self.name}.numbers")


@cache
def papers() -> dict[str, Paper]:
    """Every paper by the name of its folder."""
    folders = [module.name for module in iter_modules(__path__) if module.ispkg]
    return {name: import_module(f".{name}", __name__).PAPER for name in folders}


def study(name: str) -> Study:
    """The study of that name."""
    return {one.name: one for paper in papers().values() for one in paper.studies}[name]

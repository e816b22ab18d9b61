"""Registries of named objects, such as rules and methods. Other packages add theirs by an entry point."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from importlib.metadata import entry_points
from typing import Any, Generic, TypeVar

from . import _checks

T = TypeVar("T")


class Registry(Mapping[str, T], Generic[T]):
    """Objects by their `name`, in the order of registration; a mapping, and where a name or an object is resolved.

    Installed packages add objects by an entry point of the registry's group, whose value is one object or a sequence of
    them; they are loaded when a name is asked for that is not known yet, or when all are listed::

        [project.entry-points."maskguide.rules"]
        mine = "my_package.rules:MY_RULE"

    Parameters
    ----------
    what : str
        What an object is called in errors, such as "rule".
    kind : type
        The class of the objects.
    group : str
        The entry points' group, such as "maskguide.rules".
    objects : iterable
        The package's own.
    aliases : mapping, optional
        Other names of some objects; understood, not listed.
    """

    def __init__(
        self, what: str, kind: type[T], group: str, objects: Iterable[T], aliases: Mapping[str, str] | None = None
    ):
        self.what, self.kind, self.group = what, kind, group
        self._aliases, self._found, self._looked = dict(aliases or {}), {}, False
        for item in objects:
            self.register(item)

    def register(self, item: T) -> T:
        """Add an object under its name.

        Parameters
        ----------
        item : object of the registry's class
            Its `name` must be free, or taken by an equal object.

        Returns
        -------
        object
            The same object, so that a definition can be registered where it is written.

        Raises
        ------
        InputError
            An object of another class, or a name that is taken by another object.
        """
        if not isinstance(item, self.kind):
            needed = f"a {self.what} is an object of class {self.kind.__name__}"
            _checks.fail(f"{_checks.short(item)} as a {self.what}", needed, f"make it a {self.kind.__name__}")
        name: str = item.name  # type: ignore[attr-defined]
        if self._found.setdefault(name, item) != item:
            _checks.fail(f"a second {self.what} named {name!r}", "names are unique", "choose another name")
        return item

    def named(self, chosen: str | T) -> T:
        """The object of a name, or the object itself if one is given.

        Parameters
        ----------
        chosen : str or object of the registry's class
            A name, an alias of one, or an object, registered or not.

        Returns
        -------
        object
            Of the registry's class.

        Raises
        ------
        InputError
            An unknown name; the error lists the names there are.
        """
        if isinstance(chosen, self.kind):
            return chosen
        return (
            self[chosen]
            if isinstance(chosen, str) and chosen in self
            else self[_checks.choice(str(chosen), self, self.what)]
        )

    def __getitem__(self, name: str) -> T:
        name = self._aliases.get(name, name)
        if name not in self._found:
            self._load()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        self._load()
        return iter(self._found)

    def __len__(self) -> int:
        self._load()
        return len(self._found)

    def _load(self) -> None:
        """Objects of installed packages, once."""
        if self._looked:
            return
        self._looked = True
        for point in entry_points(group=self.group):
            try:
                loaded: Any = point.load()
            except Exception as error:  # a broken package of somebody's: the others' objects are there all the same
                warnings.warn(f"{self.what} {point.name!r} cannot be loaded from {point.value}: {error}", stacklevel=2)
                continue
            for item in loaded if isinstance(loaded, (list, tuple)) else (loaded,):
                self.register(item)

    def __repr__(self) -> str:
        return f"<{self.what}s: {', '.join(self)}>"

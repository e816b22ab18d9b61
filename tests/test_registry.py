"""Registries: objects by name, as given, or by another name; what cannot be registered."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from maskguide import InputError, _registry
from maskguide._registry import Registry


@dataclass(frozen=True)
class Fruit:
    name: str
    colour: str = "green"


@pytest.fixture
def fruits():
    return Registry(
        "fruit", Fruit, "maskguide.no-such-group", (Fruit("pear"), Fruit("plum", "blue")), {"prune": "plum"}
    )


def test_names_objects_and_aliases(fruits):
    assert list(fruits) == ["pear", "plum"] and len(fruits) == 2 and "prune" in fruits and "fig" not in fruits
    own = Fruit("fig")
    assert fruits.named("pear") is fruits["pear"] and fruits.named("prune") is fruits["plum"]
    assert fruits.named(own) is own  # as given, not registered
    with pytest.raises(InputError, match=r"unknown fruit 'plun'[\s\S]*did you mean 'plum'"):
        fruits.named("plun")
    with pytest.raises(InputError, match="unknown fruit '3'"):
        fruits.named(3)


def test_a_broken_package_leaves_the_others(fruits, monkeypatch):
    def broken():
        raise ImportError("no module named 'orchard'")

    points = [SimpleNamespace(name="bad", value="orchard:BAD", load=broken),
              SimpleNamespace(name="fig", value="garden:FIG", load=lambda: [Fruit("fig")])]  # fmt: skip
    monkeypatch.setattr(_registry, "entry_points", lambda group: points)
    with pytest.warns(UserWarning, match="fruit 'bad' cannot be loaded from orchard:BAD: no module named 'orchard'"):
        assert list(fruits) == ["pear", "plum", "fig"]


def test_what_cannot_be_registered(fruits):
    assert fruits.register(Fruit("pear")) == Fruit("pear")  # the same again
    with pytest.raises(InputError, match="a second fruit named 'pear'"):
        fruits.register(Fruit("pear", "yellow"))
    with pytest.raises(InputError, match="as a fruit"):
        fruits.register("apple")
    assert fruits.register(Fruit("fig")).name in fruits

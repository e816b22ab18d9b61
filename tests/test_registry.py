"""Registries: objects by name, as given, or by another name; what cannot be registered."""

from dataclasses import dataclass

import pytest

from maskguide import InputError
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


def test_what_cannot_be_registered(fruits):
    assert fruits.register(Fruit("pear")) == Fruit("pear")  # the same again
    with pytest.raises(InputError, match="a second fruit named 'pear'"):
        fruits.register(Fruit("pear", "yellow"))
    with pytest.raises(InputError, match="as a fruit"):
        fruits.register("apple")
    assert fruits.register(Fruit("fig")).name in fruits

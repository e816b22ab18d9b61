"""Settings written as text, name=value: one reader for rules, methods, claims and the command line."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from . import _checks

WORDS = {"true": True, "false": False, "none": None, "null": None}


def value(text: str) -> Any:
    """A number, true or false, none, or a list of these in brackets; anything else is the text itself.

    >>> value("0.5"), value("2"), value("True"), value("[1, 2]"), value("even")
    (0.5, 2, True, [1, 2], 'even')
    """
    text = text.strip()
    if text.lower() in WORDS:
        return WORDS[text.lower()]
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    if text.startswith("[") and text.find("[", 1) < 0 and text.endswith("]"):
        return [value(part) for part in text[1:-1].split(",") if part.strip()]
    return text


def read(settings: Iterable[str], where: str, example: str = "theta=0.4") -> dict[str, Any]:
    """`name=value` texts as a dictionary; `where` they stand is for the error."""
    found: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        if not (name and equals and text):
            _checks.fail(f"{where} {_checks.short(setting)}", "name=value", f"for example {example}")
        if name in found:
            _checks.fail(f"{where} {_checks.short(name)} twice", "each name once", "leave one out")
        found[name] = value(text)
    return found


def named(text: str, what: str) -> tuple[str, dict[str, Any]]:
    """A name and its settings: "predictor:temperature=0.5" -> ("predictor", {"temperature": 0.5})."""
    name, *settings = text.split(":")
    return name.strip(), read(settings, f"{what} {_checks.short(name)}:", "temperature=0.5")

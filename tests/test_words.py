"""One word for one thing, and it is the field's: homemade words do not come back."""

import ast
import re
from collections import Counter
from pathlib import Path

import pytest

import maskguide

ROOT = Path(maskguide.__file__).parent
FILES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in sorted(ROOT.rglob("*.py"))}
WORDS = {  # homemade, in prose and in identifiers -> the field's
    r"lanes?": "SIMD vectors",
    r"settled": "absorbed",
    r"decades?": "shared contour",
    r"tiles": "blocks",
    r"packed": "rate tables",
    r"walkers?": "trajectory",
    r"stretch(es)?": "segment",
    r"ask(ed)?_for": "prefetch",
    r"twins?": "discrete counterpart",
    r"crowds?": "competing classes",
    r"way_out": "hint",
    r"mixture_(law|table)": "unconditional law",
    r"dear|LIFT|(?<!types\.)void": "what it is",
}
DEFINITIONS = {  # ordinary words that name nothing -> what the thing is called
    "Origin": "Provenance",
    "Scaled": "ExtendedExponent",
    "own": "builtin_sampler",
    "positive": "subtraction_free",
    "stand": "set_state",
    "turn": "switch_weight",
    "enter": "initialize",
    "room": "batch_size",
}
PAGES = {
    page.name: page.read_text(encoding="utf-8") for page in [*ROOT.parent.glob("*.md"), *ROOT.parent.glob("docs/*.md")]
}
OLD_NAMES = re.compile(r"renamed\(|moved\(|hidden=True")  # kept for one version, declared as such
OLD_KEYS = {  # of files and attributes that readers of earlier versions know
    "gaussian/__init__.py": {"twins"},
    "cli/papers.py": {"crowd"},
    "papers/stages/results.py": {"twin"},
    "papers/angle/study.py": {"twin"},
}
ONE_EACH = ("Claim", "Check", "Case", "Plan", "Rates", "Chain", "Task", "Model", "Denoiser")


def homemade(name: str, text: str) -> list[str]:
    """Lines with a word that the field does not know."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for match in () if OLD_NAMES.search(line) else re.finditer(rf"\b(?:{'|'.join(WORDS)})\b", line):
            if match.group() not in OLD_KEYS.get(name, ()):
                found.append(f"{name}:{number}: {match.group()}")
    return found


def defined(tree: ast.AST) -> list[str]:
    """Names of functions, classes and imports under another name."""
    kinds = (ast.FunctionDef, ast.ClassDef)
    imported = [alias.asname for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names]
    return [*(node.name for node in ast.walk(tree) if isinstance(node, kinds)), *(name for name in imported if name)]


@pytest.mark.parametrize("name", FILES)
def test_words_are_the_fields(name):
    assert not homemade(name, FILES[name])
    assert not [word for word in defined(ast.parse(FILES[name])) if word in DEFINITIONS]


@pytest.mark.parametrize("name", sorted(PAGES.keys() - {"CHANGELOG.md"}))  # which tells what things were called
def test_words_of_pages_are_the_fields(name):
    of_time = "decade"  # of clocks: a factor of ten, as everywhere
    assert not [found for found in homemade(name, PAGES[name]) if of_time not in found]


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith(("guidance/", "laws/"))])
def test_a_law_that_classes_make_is_not_called_a_mixture(name):
    named = {node.id for node in ast.walk(ast.parse(FILES[name])) if isinstance(node, ast.Name)}
    named |= {node.arg for node in ast.walk(ast.parse(FILES[name])) if isinstance(node, ast.arg)}
    assert "mixture" not in named


def test_a_class_name_means_one_thing():
    count = Counter(name for text in FILES.values() for name in re.findall(r"^class (\w+)", text, re.MULTILINE))
    assert not [name for name in ONE_EACH if count[name] > 1]


def test_homemade_words_are_seen():
    assert homemade("a.py", "for walker in lanes:  # one packed") == [
        "a.py:1: walker",
        "a.py:1: lanes",
        "a.py:1: packed",
    ]
    assert not homemade("a.py", 'twin = renamed("twin", "discrete")') and homemade("a.py", "twin = 1")
    assert "own" in defined(ast.parse("def own(): ...")) and "positive" in defined(
        ast.parse("from a import b as positive")
    )

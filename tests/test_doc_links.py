"""What the documents point to is there: files, links, modules and public names."""

import importlib
import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/**/*.md")])
PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]  # tells what has been
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FILE = re.compile(r"(?<![\w/.])((?:maskguide|tests|notebooks|benchmarks|docs)/[\w./*-]*[\w*])|`([\w/]+\.py)`")
MODULE = re.compile(r"\bmaskguide(?:\.[A-Za-z_]\w*)+")
ROOM = re.compile(r"`((?:gaussian|laws|papers|plots|samplers|symbolic|zoo)(?:\.\w+)+)(?:\([^`]*\))?`")
ELSEWHERE = {
    "calculate_lookup.py",
    "generate_images.py",
    "method/ADG_SD3.py",
    "mysampler.py",
}  # other people's, and yours

DOCUMENT = re.compile(r"docs/[\w/-]+\.md")


def text_of(page: Path) -> str:
    if page.suffix != ".ipynb":
        return page.read_text(encoding="utf-8")
    return "\n".join("".join(cell["source"]) for cell in json.loads(page.read_text(encoding="utf-8"))["cells"])


def there(path: str) -> bool:
    """Whether a file exists: from the root, with * or without .py, or below the package or the tests."""
    at_root = any(ROOT.glob(path)) or any(ROOT.glob(f"{path}.py"))
    return at_root or (path.endswith(".py") and any(any((ROOT / room).rglob(path)) for room in ("maskguide", "tests")))


def sources() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in ROOT.glob("maskguide/**/*.py")]


def entry_point_groups() -> set[str]:
    """Groups are named like modules, in quotes in the package."""
    return {name for text in sources() for name in re.findall(r'"(maskguide\.\w+)"', text)}


def importable(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute reached from one."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


@pytest.mark.parametrize("page", [*PAGES, *NOTEBOOKS], ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_points_to_is_there(page):
    text = text_of(page)
    links = [link for link in LINK.findall(text) if "://" not in link]
    missing = [link for link in links if not (page.parent / link).exists()]
    files = {path for pair in FILE.findall(text) for path in pair if path} - ELSEWHERE
    missing += [path for path in files if not there(path)]
    names = {*MODULE.findall(text), *(f"maskguide.{name}" for name in ROOM.findall(text))}
    missing += [name for name in names - entry_point_groups() if not importable(name)]
    assert not missing


def test_pages_that_the_code_points_to_are_there():
    found = {page for text in sources() for page in DOCUMENT.findall(text)}
    missing = [page for page in found if not (ROOT / page).exists()]
    assert len(found) > 10 and not missing


def test_what_is_not_there_would_be_seen():
    assert there("maskguide/process.py") and there("tests/laws/test_*.py") and not there("maskguide/rules.py")
    assert importable("maskguide.guidance.Rule") and not importable("maskguide.guidance.Role")
    assert not importable("maskguide.rules")

"""Imports run one way: no module reaches itself, imports inside functions and for type checking included."""

import ast
from pathlib import Path

import maskguide

ROOT = Path(maskguide.__file__).parent.parent


def imports() -> dict[str, set[str]]:
    """The modules that each module imports, anywhere in its text."""
    paths = {path.relative_to(ROOT).with_suffix("").parts: path for path in (ROOT / "maskguide").rglob("*.py")}
    modules = {".".join(parts).removesuffix(".__init__"): (parts[:-1], path) for parts, path in paths.items()}
    return {name: {t for t in _targets(*where, set(modules)) if t != name} for name, where in modules.items()}


def _targets(package, path, modules):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            found = {f"{base}.{alias.name}" for alias in node.names}
            yield from found & modules or {base} & modules
        elif isinstance(node, ast.Import):
            yield from {alias.name for alias in node.names} & modules


def reached(graph: dict[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = graph[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def test_no_module_reaches_itself():
    graph = imports()
    assert len(graph) > 200 and "maskguide.gaussian.steps" in graph["maskguide.gaussian.samplers"]
    circular = {name.removeprefix("maskguide.") for name in graph if name in reached(graph, name)}
    assert not circular, sorted(circular)


def test_a_circle_would_be_seen():
    assert "a" in reached({"a": {"b"}, "b": {"c"}, "c": {"a"}}, "a")
    assert "a" not in reached({"a": {"b", "c"}, "b": {"c"}, "c": set()}, "a")

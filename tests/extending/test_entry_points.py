"""An installed package of somebody's own: its rule, method and grid are known by name, on the command line too."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
MODULE = """
import numpy as np
import maskguide as mg
RULE = mg.Rule("halved", lambda a, b, w: a + w / 2 * (a - b), formula="p_z^(1+w/2) p^(-w/2) / Z", normalises=True)
METHOD = mg.Method(name="lazy", order=1, reveal=lambda z, step: (z * step.fraction).clip(0.0, 1.0) * 0.5,
                   use="never", keeps="nothing", source="here")
GRID = mg.TimeGrid("two-halves", "t = 1, 1/2, 0", lambda steps, noise: np.array([1.0, 0.5, 0.0]))
"""
ENTRY_POINTS = """
[maskguide.rules]
halved = stranger:RULE
[maskguide.methods]
lazy = stranger:METHOD
[maskguide.grids]
two-halves = stranger:GRID
"""


@pytest.fixture
def installed(tmp_path):
    """A folder on the path with the package and its entry points, as pip leaves them."""
    (tmp_path / "stranger.py").write_text(MODULE)
    about = tmp_path / "stranger-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}


def run(environment, *arguments):
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=120)


def test_the_command_line_finds_a_rule(installed):
    solve = ("-m", "maskguide.cli", "solve", "no-blind-2d", "--json", "--weight")
    theirs = run(installed, *solve, "3", "--rule", "halved")
    ours = run(installed, *solve, "1.5", "--rule", "normalized")
    assert theirs.returncode == ours.returncode == 0, theirs.stderr + ours.stderr
    laws = [json.loads(found.stdout)["weights"][0]["terminal_law"] for found in (theirs, ours)]
    np.testing.assert_allclose(*laws, rtol=1e-13)
    unknown = run(installed, *solve, "3", "--rule", "halve")
    assert unknown.returncode == 2 and "did you mean 'halved'" in unknown.stderr


def test_python_finds_all_by_name(installed):
    code = (
        "import maskguide as mg\n"
        "p = mg.GuidedProcess(mg.zoo.get('no-blind-2d'), mg.Guidance('halved', 3.0))\n"
        "q = mg.GuidedProcess(mg.zoo.get('no-blind-2d'), mg.Guidance('normalized', 1.5))\n"
        "assert abs(mg.terminal_law(p).probs - mg.terminal_law(q).probs).max() < 1e-14\n"
        "law = mg.stepped_law(p, 'lazy', mg.time_grid('two-halves', 2))\n"
        "assert abs(law.probs[-1, -1] - 0.375**2) < 1e-14, law.probs[-1, -1]\n"
    )
    found = run(installed, "-c", code)
    assert found.returncode == 0, found.stderr


def test_the_page_shows_what_the_recipes_run():
    """Every Python block of docs/extending.md stands in a recipe, word by word."""
    recipes = "\n".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs/extending.md").read_text(), re.DOTALL)
    assert len(blocks) == 5
    for block in blocks:
        for piece in block.strip().split("\n\n\n"):
            assert piece in recipes, piece

"""The README's Python runs as it stands."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_readme_code_runs(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.S)
    assert len(code.strip().splitlines()) <= 11
    exec(compile(code, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "point shared" in printed
    assert "saturating" in printed
    assert "agrees" in printed


def test_linked_files_exist():
    links = re.findall(r"\]\(([^)#]+)\)", README.read_text())
    assert all((README.parent / link).exists() for link in links), links


@pytest.mark.parametrize("page", ["sampling.md", "time-grids.md"])
def test_code_on_the_pages_runs(page):
    for code in re.findall(r"```python\n(.*?)```", (README.parent / "docs" / page).read_text(), flags=re.S):
        exec(compile(code, page, "exec"), {})

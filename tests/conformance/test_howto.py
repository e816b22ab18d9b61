"""The guide's code runs as it stands, its claims parse, and the template passes and fails as it says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from maskguide.conformance import Claim, check

HOWTO = Path(__file__).parents[2] / "docs" / "howto"
PAGE = HOWTO / "test-your-sampler.md"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), flags=re.S)


@pytest.fixture(scope="module")
def names():
    found = {}
    for code in blocks("python"):
        exec(compile(code, PAGE.name, "exec"), found)
    return found


def test_code_runs_and_its_samplers_pass(names):
    assert names["report"].passed and "mdlm_style" in names["report"].sampler


def test_the_verdict_quoted_is_the_one_given(names):
    def sample(denoiser, n, *, weight, **given):
        return names["sample"](denoiser, n, weight=weight - 1, **given)

    report = check(sample, "normalized, ancestral, uniform t, log-linear", quick=True)
    quoted = re.sub(r"\n> ?", " ", PAGE.read_text())
    assert report.diagnosis.sentence.partition(" (TV")[0] in quoted


def test_claims_of_the_table_parse():
    table = PAGE.read_text().partition("## 2.")[2].partition("## 3.")[0]
    claims = re.findall(r"`(\w+, [^`]+)`", table)
    assert len(claims) == 8
    assert all(Claim.parse(claim) for claim in claims)


def test_links():
    links = re.findall(r"\]\(([^)#]+)\)", PAGE.read_text())
    assert all((HOWTO / link).exists() for link in links), links


@pytest.mark.parametrize("right", [True, False])
def test_template(tmp_path, right):
    code = next(code for code in blocks("python") if "def sample" in code)
    (tmp_path / "mysampler.py").write_text(code if right else code.replace("1 / k", "0.5 / k"))
    (tmp_path / "test_sampler.py").write_text((HOWTO / "template" / "test_sampler.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = slow\npythonpath = .\n")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "not slow", "test_sampler.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == (0 if right else 1), done.stdout
    assert right or "does not draw what it claims" in done.stdout

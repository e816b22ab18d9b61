"""The pytest plugin: an item for each check, and the fixture."""

import subprocess
import sys
from pathlib import Path

import pytest

CLAIM = "normalized, ancestral, uniform t, log-linear"
TESTS = """
import maskguide_samplers as wild

def test_mine(maskguide_check):
    report = maskguide_check(wild.ancestral, "normalized, ancestral", quick=True)
    assert report.n_draws > 1000

def test_wrong(maskguide_check):
    maskguide_check(wild.raises, "normalized, ancestral", quick=True)
"""


def run_pytest(cwd, *arguments):
    """In its own process, with no other plugin than ours."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:randomly", "-rA", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


@pytest.fixture
def here(tmp_path):
    (tmp_path / "maskguide_samplers.py").write_text(Path(__file__).with_name("samplers.py").read_text())
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def test_items_for_a_right_sampler(here):
    done = run_pytest(here, "--maskguide-sampler", "maskguide_samplers:ancestral", "--maskguide-claim", CLAIM,
                      "--maskguide-quick")  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert ": law" in done.stdout and ": batches of 7" in done.stdout and " failed" not in done.stdout


def test_items_for_a_wrong_sampler(here):
    done = run_pytest(here, "--maskguide-sampler", "maskguide_samplers:raises", "--maskguide-claim", CLAIM,
                      "--maskguide-quick")  # fmt: skip
    assert done.returncode == 1 and "no such layer" in done.stdout


def test_weights_that_are_asked_for(here):
    done = run_pytest(here, "--maskguide-sampler", "maskguide_samplers:ancestral", "--maskguide-claim", CLAIM,
                      "--maskguide-quick", "--maskguide-least-weight", "0", "--collect-only")  # fmt: skip
    assert done.returncode == 0 and "w = 3" in done.stdout and "w = 0" in done.stdout and "w = -1" not in done.stdout


def test_fixture(here):
    (here / "test_mine.py").write_text(TESTS)
    done = run_pytest(here)
    assert "1 failed, 1 passed" in done.stdout and "does not draw what it claims" in done.stdout


def test_bad_use(here):
    assert "go together" in run_pytest(here, "--maskguide-sampler", "maskguide_samplers:ancestral").stderr
    done = run_pytest(here, "--maskguide-sampler", "maskguide_samplers:ancestral", "--maskguide-claim", "normalized")
    assert "names no method" in done.stderr and done.returncode == 4

"""`maskguide conform` as its user meets it: output, files, exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

MODULE = """
import numpy as np
from maskguide_samplers import ancestral

def off_by_one(denoiser, n, *, weight, **given):
    return ancestral(denoiser, n, weight=weight + 1, **given)

def refuses(denoiser, n, *, weight, **given):
    assert weight in (0, 2)
    return ancestral(denoiser, n, weight=weight, **given)

number = 3
"""
CLAIM = "normalized, ancestral, uniform t, log-linear"


def conform(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "maskguide.cli", "conform", *map(str, arguments)],
                          capture_output=True, text=True, cwd=cwd, timeout=300)  # fmt: skip


@pytest.fixture
def here(tmp_path):
    (tmp_path / "maskguide_samplers.py").write_text(Path(__file__).with_name("samplers.py").read_text())
    (tmp_path / "mine.py").write_text(MODULE)
    return tmp_path


def test_a_right_sampler(here):
    files = ("--junit", "junit.xml", "--report", "out", "--badge", "badge.svg")
    done = conform("maskguide_samplers:ancestral", "--claim", CLAIM, "--quick", *files, cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "draws what it claims" in done.stdout and "out/index.html" in done.stdout
    assert ElementTree.parse(here / "junit.xml").getroot().get("failures") == "0"
    assert "conforms" in (here / "badge.svg").read_text()
    assert "draws what it claims" in (here / "out" / "index.html").read_text()


def test_a_wrong_sampler(here):
    done = conform("mine:off_by_one", "--claim", CLAIM, "--quick", "--json", "--seed", 3, cwd=here)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert not found["passed"] and found["seed"] == 3 and {f["kind"] for f in found["findings"]} == {"law"}
    assert "w + 1" in found["diagnosis"]["name"]


def test_a_sampler_of_some_weights(here):
    asked = ("mine:refuses", "--claim", CLAIM, "--quick", "--no-plain", "--json", "--weights", "0, 2")
    done = conform(*asked, cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["left_out"] == "weights other than 0, 2"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("mine", "--claim", CLAIM), "module:function"),
        (("mine:nothing", "--claim", CLAIM), "cannot import"),
        (("nowhere:f", "--claim", CLAIM), "cannot import"),
        (("mine:number", "--claim", CLAIM), "callable"),
        (("maskguide_samplers:ancestral", "--claim", "normalized"), "names no method"),
        (("maskguide_samplers:ancestral", "--claim", CLAIM, "--time-limit", "0"), "time_limit"),
        (("maskguide_samplers:ancestral", "--claim", CLAIM, "--weights", "0, much"), "weight is ' much'"),
        (("maskguide_samplers:ancestral", "--claim", CLAIM, "--least-weight", "-2"), "w >= -1"),
        (("maskguide_samplers:ancestral", "--claim", CLAIM, "--junit", "no/such/junit.xml"), "cannot write"),
    ],
)
def test_bad_use(here, arguments, said):
    done = conform(*arguments, cwd=here)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr

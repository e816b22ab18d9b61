"""Command lines with odd values: an answer or one error and exit code 2; no file unless it is whole."""

import contextlib
import io
import random
import sys
import warnings

import numpy as np
import pytest

from maskguide.cli import app

from .harness import Hang, tally, time_limit

ODD = [
    "", " ", ",", ",,", "0,,1", "²", "٣", "é", "nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "1e400", "0", "-0",
    "-1", "-1.0000001", "1.5", "1e3", "0x10", "1_000", "1/3", "1/0", "9" * 5000, "1e99999999", "1e-99999999", "a" * 300,
    "[" * 5000, "18446744073709551616", "-5", "true", "none", "=", "=1", "x=", "x=1", ":", "a:b", "height=4",
    "height=1:0", "height=0:1:2", "height=", "process=1", "record=1", "self=1", "n=1", "theta=0.4", "theta=[1,2]",
    "theta=1e400", "theta=" + "9" * 5000, "predictor:temperature=0", "predictor:temperature=nan",
    "predictor:temperature", "predictor:weight=1", "rectified:gamma0=1e308", "contrastive", "contrastive:negative=9",
    "contrastive:negative=high", "product:weight=1", "tilted", "normalized,", "../x", "/", ".", "..", "~", "/dev/null",
    "nowhere/s.npz", "s.csv", "s.npz", "s.parquet", "s.prism", "s.drn", "class", "height", "colour", "colour,height",
    "yes", "time", "clock", "cosine", "guided", "linear", "tau-leaping", "euler", "theta-trapezoidal", "ancestral",
    "remdm", "uniformization", "confidence", "smc", "exact", "numba", "torch", "cuda", "cpu", "overlap-1d",
    "squares-2d", "spherical:cap=-1", "0,_", "_", "_,_,_", "1,2", "99999999999",
]  # fmt: skip
SAMPLES = ["--label", "--target", "--columns", "--bins", "--smoothing"]
COMMANDS = {
    ("solve", "overlap-1d"): ["--rule", "--weight", "--clock", "--target"],
    ("solve", "survey.csv"): ["--rule", "--weight", "--clock", *SAMPLES],
    ("derive", "overlap-1d"): ["--rule", "--weight", "--target", "--latex"],
    ("sample", "overlap-1d", "--n", "5", "--out", "out.npz"): [
        "--rule", "--weight", "--method", "--set", "--steps", "--grid", "--schedule", "--start", "--seed", "--engine",
        "--device", "--target", "--out", "--n",
    ],
    ("steps", "overlap-1d", "--weight", "1"): ["--method", "--rule", "--weight", "--schedule", "--target"],
    ("export", "overlap-1d", "--out", "out.drn"): ["--rule", "--weight", "--out", "--target"],
}  # fmt: skip
FLAGS = {"--latex"}


def command_line(seed):
    rng = random.Random(seed)
    base = rng.choice(list(COMMANDS))
    words = list(base)
    if base[1] == "survey.csv":
        words += ["--label", "class", "--bins", "2"]
    for option in rng.sample(COMMANDS[base], rng.randint(1, 2)):
        value = rng.choice(ODD) if rng.random() < 0.8 else "".join(chr(rng.randrange(33, 700)) for _ in range(5))
        words += [option] if option in FLAGS else [f"{option}={value}"]
    if rng.random() < 0.1:
        words[1] = rng.choice(ODD)
    return words


def end(words, folder):
    said, errors = io.StringIO(), io.StringIO()
    code = None
    sys.argv[1:] = words
    try:
        with time_limit(), contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
            app.main()
    except SystemExit as stopped:
        code = stopped.code or 0
    except Hang:
        return f"hang: {' '.join(words)[:150]}"
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(words)[:150]}: {str(error)[:80]}"
    left = [path for path in folder.iterdir() if path.name not in ("survey.csv",)]
    half = [path.name for path in left if path.name.startswith(".")]
    if code not in (0, 2) or half or (code == 2 and (left or not errors.getvalue())):
        return f"code {code}, {[path.name for path in left]}: {' '.join(words)[:150]}"
    for path in left:
        path.unlink()
    return "answered" if code == 0 else "refused"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    rows = [f"{rng.choice(['r', 'g'])},{rng.normal():.3f},{'yn'[i % 2]}" for i in range(20)]
    (tmp_path / "survey.csv").write_text("\n".join(["colour,height,class", *rows]) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["maskguide"])
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    return tmp_path


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("count", [500, pytest.param(7_000, marks=pytest.mark.verify)])
def test_odd_command_lines(count, folder):
    found = tally(end(command_line(seed), folder) for seed in range(count))
    assert min(found["refused"], found["answered"]) > count / 50, found

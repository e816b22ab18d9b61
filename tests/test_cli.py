"""The command line as a user meets it: a process, its output, its exit code."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest


def run(*arguments, cwd=None):
    return subprocess.run([sys.executable, "-m", "maskguide.cli", *map(str, arguments)],
                          capture_output=True, text=True, cwd=cwd, timeout=300)  # fmt: skip


@pytest.fixture
def survey(tmp_path):
    rng = np.random.default_rng(0)
    words, sizes = rng.choice(list("ab"), 300), rng.integers(3, size=300)
    draw = zip(words, sizes, rng.normal(size=300), rng.choice(["yes", "no"], 300), strict=True)
    rows = [f"{colour},{size},{height:.4f},{label}" for colour, size, height, label in draw]
    path = tmp_path / "survey.csv"
    path.write_text("\n".join(["colour,size,height,class", *rows]) + "\n")
    return path


@pytest.fixture
def wide(tmp_path):
    header = ",".join([*(f"x{i}" for i in range(40)), "class"])
    rows = [",".join(str((i + k) % 2) for i in range(41)) for k in range(9)]
    (tmp_path / "wide.csv").write_text("\n".join([header, *rows]) + "\n")


def test_help_lists_the_commands():
    done = run("--help")
    assert done.returncode == 0
    assert all(name in done.stdout for name in ("derive", "solve", "sample", "validate", "verify"))
    for command in ("derive", "solve", "sample", "validate", "verify", "problems"):
        assert "Example: maskguide" in run(command, "--help").stdout


def test_import_loads_nothing_heavy():
    heavy = ("numpy", "torch", "numba", "sympy", "scipy", "matplotlib", "pyarrow", "sklearn")
    code = f"import maskguide, maskguide.cli, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_list_of_problems_loads_little():
    code = "import sys; from maskguide.cli import main; sys.argv[1:] = ['problems', '--json']; main()"
    heavy = "[m for m in ('torch', 'numba', 'sympy', 'scipy', 'matplotlib', 'pyarrow') if m in sys.modules]"
    code = f"import atexit, sys; atexit.register(lambda: print({heavy}, file=sys.stderr)); {code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.strip() == "[]" and "squares-2d" in json.loads(done.stdout)


def test_two_files_with_one_stem_are_told_apart(tmp_path):
    for folder, extra in (("a", 0), ("b", 1)):
        (tmp_path / folder).mkdir()
        rows = [f"{i % (2 + extra)},{'xy'[i % 3 == 0]}" for i in range(60)]
        (tmp_path / folder / "s.csv").write_text("\n".join(["v,k", *rows]))
    done = run("validate", "a/s.csv", "b/s.csv", "--label", "k", "--quick", "--engine", "numba", cwd=tmp_path)
    one, other = done.stdout.splitlines()[:2]
    assert one.startswith("a/s.csv ") and other.startswith("b/s.csv ")
    total = int(done.stdout.splitlines()[-1].split(" of ")[1].split()[0])
    shares = [int(line.split(" of ")[1].split()[0]) for line in (one, other)]
    assert sum(shares) == total, done.stdout


def test_derive_text_latex_json():
    assert "TV" in run("derive", "overlap-1d").stdout
    assert "\\" in run("derive", "overlap-1d", "--latex").stdout
    assert json.loads(run("derive", "overlap-1d", "--weight", "1/2", "--json").stdout)


def test_solve_json_against_the_library():
    import maskguide as mg

    found = json.loads(run("solve", "squares-2d", "--weight", "0,8", "--clock", "2", "--json").stdout)
    process = mg.GuidedProcess(mg.zoo.get("squares-2d"), mg.Guidance("product", 8.0))
    assert found["weights"][1]["tv"][0] == pytest.approx(0.1355, abs=5e-5)
    assert np.allclose(found["weights"][1]["terminal_law"], mg.terminal_law(process).probs)
    assert found["regime"]["regime"] == "saturating"
    assert "saturating" in run("solve", "squares-2d").stdout


def test_steps_against_the_library():
    import maskguide as mg

    (row,) = json.loads(run("steps", "small-squares-2d", "--method", "euler", "--weight", 4, "--json").stdout)
    process = mg.GuidedProcess(mg.zoo.get("small-squares-2d"), mg.Guidance("product", 4.0))
    assert row["tv_error"]["16"] == pytest.approx(float(mg.tv_error(process, "euler", 16)))
    needed = row["steps_needed"]
    assert mg.tv_error(process, "euler", needed) <= 0.01 < mg.tv_error(process, "euler", needed - 1)
    assert "steps for TV" in run("steps", "small-squares-2d").stdout


def test_export_and_rules_with_parameters(tmp_path):
    done = run("export", "squares-2d", "--rule", "predictor:temperature=0.5", "--out", tmp_path / "m.drn")
    assert done.returncode == 0, done.stderr
    assert "@type: CTMC" in (tmp_path / "m.drn").read_text()
    assert "temperature" in run("solve", "squares-2d", "--rule", "predictor:temperature=-1").stderr


def test_sample_writes_a_file(tmp_path):
    done = run("sample", "squares-2d", "--out", tmp_path / "s.npz", "--n", 500, "--weight", 2, "--seed", 3)
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "s.npz")["tokens"].shape == (500, 2)


def test_validate_a_csv_of_ones_own(survey, tmp_path):
    done = run("validate", survey, "--label", "class", "--bins", 2, "--weight", "0,2", "--n", 5000,
               "--report", tmp_path / "report")  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    page = (tmp_path / "report" / "index.html").read_text()
    assert "survey" in page
    assert (
        "http" not in page.replace("http://www.w3.org", "").replace("https://www.w3.org", "") or 'src="http' not in page
    )


def test_validate_json(survey):
    done = run("validate", survey, "--label", "class", "--bins", 2, "--quick", "--engine", "numba", "--json")
    found = json.loads(done.stdout)
    assert found["passed"] is True
    assert {"final law: TV", "TV decay", "covariance"} <= {check["what"] for check in found["checks"]}


def test_verify_json():
    done = run("verify", "--json")
    rows = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(rows) > 50
    assert all(set(row) == {"name", "expected", "got", "tolerance", "source", "passed"} for row in rows)


@pytest.mark.parametrize("size", [("--n", 100, "--steps", 1), ("--n", 1, "--steps", 2)])
def test_small_validations(size):
    done = run("validate", "disjoint-1d", "--quick", "--engine", "numba", "--weight", "2,1", *size, "--json")
    assert done.returncode == 0, done.stderr
    assert {"TV decay"} <= {check["what"] for check in json.loads(done.stdout)["checks"]}


def test_a_failed_check_exits_with_one(monkeypatch, capsys):
    """A broken law must not pass: the same command, one number changed."""
    from maskguide import verification
    from maskguide.cli import app as cli

    monkeypatch.setattr(sys, "argv", ["maskguide", "verify"])
    broken = verification.Number("broken", 1.0, 2.0, 0.1, "test")
    monkeypatch.setattr(verification, "groups", lambda: [lambda: iter([broken])])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    assert stopped.value.code == 1
    assert "FAIL broken" in capsys.readouterr().out


BAD = {
    "unknown problem": (["solve", "squares"], "squares-2d"),
    "unknown rule": (["solve", "squares-2d", "--rule", "produkt"], "did you mean 'product'"),
    "w below -1": (["solve", "squares-2d", "--weight", "-2"], "w >= -1"),
    "infinite w": (["solve", "squares-2d", "--weight", "inf"], "finite"),
    "not a number": (["solve", "squares-2d", "--weight", "two"], "numbers separated by commas"),
    "negative clock": (["solve", "squares-2d", "--clock", "-1"], "0 <= u"),
    "unknown method": (["sample", "squares-2d", "--out", "x.npz", "--method", "gilespie"], "did you mean 'gillespie'"),
    "unknown file type": (["sample", "squares-2d", "--out", "x.txt"], "npz"),
    "unknown engine": (["validate", "squares-2d", "--engine", "jax"], "numba, torch"),
    "no such file": (["validate", "missing.csv", "--label", "class"], "missing.csv"),
    "no label column": (["validate", "survey.csv", "--label", "klass"], "did you mean 'class'"),
    "floats without bins": (["validate", "survey.csv", "--label", "class"], "bins"),
    "unknown target": (["validate", "survey.csv", "--label", "class", "--bins", "2", "--target", "maybe"], "yes"),
    "too many dimensions to derive": (["derive", "cubes-5d"], "D"),
    "bad rational": (["derive", "overlap-1d", "--weight", "a"], "rational"),
    "bad bins": (["validate", "survey.csv", "--label", "class", "--bins", "height=x"], "--bins"),
    "huge lattice": (["validate", "wide.csv", "--label", "class"], "bytes"),
    "missing option": (["sample", "squares-2d"], "--out"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_use_is_one_clear_error(case, survey, wide, tmp_path):
    arguments, words = BAD[case]
    before = set(tmp_path.iterdir())
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) <= 6
    assert set(tmp_path.iterdir()) == before


def test_ctrl_c_stops_cleanly(tmp_path):
    command = [sys.executable, "-m", "maskguide.cli", "validate", "--report", str(tmp_path / "report")]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background jobs ignore it
    )  # fmt: skip
    time.sleep(8)
    os.kill(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode in (
        130,
        -signal.SIGINT,
    )  # the second: Python itself, where a C library imports; a shell: 130
    assert errors == "maskguide: stopped; nothing was written\n"
    assert not (tmp_path / "report").exists()


def test_sample_takes_methods_parameters_grids_and_prompts(tmp_path):
    out = tmp_path / "s.npz"
    done = run("sample", "squares-2d", "--out", out, "--n", 200, "--method", "theta-trapezoidal", "--set", "theta=0.4",
               "--grid", "guided", "--steps", 6, "--start", "2,_", "--record", "--antithetic", "--json")  # fmt: skip
    assert done.returncode == 0, done.stderr
    facts, stored = json.loads(done.stdout), np.load(out)
    assert facts["method_parameters"] == {"theta": 0.4} and facts["start"] == [2, 5] and facts["antithetic"]
    assert len(facts["grid"]) == 7
    assert (stored["tokens"][:, 0] == 2).all() and np.isnan(stored["reveal_clock"][:, 0]).all()


def test_weighted_particles_and_clipping_are_told(tmp_path):
    out = tmp_path / "s.npz"
    done = run("sample", "mixture-64d", "--out", out, "--n", 20, "--method", "smc", "--rule", "normalized")
    assert "log Z" in done.stdout and "log_weights" in np.load(out).files
    done = run("sample", "squares-2d", "--out", out, "--n", 50, "--method", "euler", "--steps", 2, "--weight", 4)
    assert "were clipped" in done.stdout


@pytest.mark.parametrize(
    "options, words",
    [(["--set", "theta"], "name=value"), (["--start", "1"], "D = 2 tokens"), (["--start", "1,x"], "'x'"),
     (["--set", "theta=0.5"], "no parameters"), (["--grid", "tiem", "--method", "euler"], "did you mean 'time'")],
)  # fmt: skip
def test_bad_sample_options(options, words, tmp_path):
    done = run("sample", "squares-2d", "--out", tmp_path / "s.npz", *options)
    assert done.returncode == 2 and words in done.stderr and not (tmp_path / "s.npz").exists()

"""A sampler in a process of its own: whatever it does there, the suite has a verdict, and leaves nothing behind."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import maskguide as mg
from maskguide.conformance import SamplingCase, ServedDenoiser, check, planned
from maskguide.conformance.child_caller import ChildCaller
from tests.conformance import samplers as wild
from tests.conftest import random_problem

pytestmark = pytest.mark.skipif(os.name != "posix", reason="processes of samplers are started on POSIX only")
CLAIM = "normalized, ancestral"
MIXED = random_problem(7, vocab_size=3, length=2, zeros=0.0)
CASES = [SamplingCase(MIXED, 1.5, 4, "no zeros")]
CALL = {"weight": 1.5, "num_steps": 4, "seed": 3}


def run(name, **options):
    return check(f"tests.conformance.hostile:{name}", CLAIM, **{"cases": CASES, "quick": True} | options)


ENDINGS = {
    "exits": ("crashes", "exit code 0"),
    "aborts": ("crashes", "SIGABRT"),
    "segfaults": ("crashes", "SIGSEGV"),
    "closes_everything": ("crashes", "ended the process"),
    "greedy": ("raises", "MemoryError"),
    "holds_the_lock": ("hangs", "lock"),
    "sleeps": ("hangs", "(sleeps, line"),
    "relabels": ("mutates", "attributes"),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_every_ending_is_a_finding(name):
    kind, said = ENDINGS[name]
    report = run(name, time_limit=0.5 if kind == "hangs" else 60.0, plain=False)
    assert not report.passed and {finding.kind for finding in report.findings} == {kind}, str(report)
    assert all(said in finding.message for finding in report.findings), str(report)
    assert kind in report.verdict and report.to_junit() and report.to_html()


def test_a_right_sampler_may_be_rude(capfd):
    here = Path.cwd()
    report = run("right_but_rude", time_limit=20.0)
    assert report.passed, str(report)
    assert Path.cwd() == here and "a line" not in capfd.readouterr().out


def test_imports_in_a_call_have_their_own_time():
    caller = ChildCaller("tests.conformance.hostile:imports_slowly", time_limit=0.3)
    try:
        assert caller(ServedDenoiser(MIXED), 5, **CALL).tokens.shape == (5, 2)
    finally:
        caller.close()


def test_draws_are_those_of_a_call_here_and_the_signature_is_read():
    caller = ChildCaller("tests.conformance.hostile:prompted", time_limit=20.0)
    try:
        assert caller.takes_start
        for dtype, carry_over in (("float64", True), ("float32", False)):
            denoiser = ServedDenoiser(MIXED, carry_over=carry_over, dtype=dtype)
            assert (caller(denoiser, 50, **CALL).tokens == wild.ancestral(denoiser, 50, dtype=None, **CALL)).all()
        assert caller.draws == 100 and caller.calls == 2
    finally:
        caller.close()
    assert planned("tests.conformance.hostile:prompted", CLAIM, cases=CASES, quick=True)[-1].endswith("given tokens")


def test_no_process_is_left():
    caller = ChildCaller("tests.conformance.hostile:prompted", time_limit=20.0)
    caller(ServedDenoiser(MIXED), 5, **CALL)
    process = caller._process
    caller.close()
    assert process.returncode is not None
    caller.close()


@pytest.mark.parametrize(
    ("body", "said"),
    [("import sys; sys.exit(0)", "SystemExit"), ("import os; os._exit(0)", "ended its process (exit code 0)"),
     ("import os; os.abort()", "SIGABRT"), ("raise ValueError('no weights')", "no weights"), ("x = (", "SyntaxError")],
)  # fmt: skip
def test_a_module_that_ends_on_import_is_no_pass(tmp_path, body, said):
    (tmp_path / "ending.py").write_text(f"def sample(denoiser, n, **given): ...\n{body}\n")
    command = [sys.executable, "-m", "maskguide.cli", "conform", "ending:sample", "--claim", CLAIM, "--quick"]
    environment = os.environ | {"PYTHONPATH": str(Path(mg.__file__).parent.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 2 and said in done.stderr and "Traceback" not in done.stderr, done.stderr


def test_files_are_written_where_they_were_asked_for(tmp_path):
    body = "import os\ndef sample(denoiser, n, **given):\n    os.chdir('/')\n    os._exit(0)\n"
    (tmp_path / "moving.py").write_text(body)
    command = [sys.executable, "-m", "maskguide.cli", "conform", "moving:sample", "--claim", CLAIM, "--quick",
               "--junit", "j.xml", "--badge", "b.svg"]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(Path(mg.__file__).parent.parent)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1 and "crashes" in done.stdout, done.stderr
    assert "failure" in (tmp_path / "j.xml").read_text() and "fails" in (tmp_path / "b.svg").read_text()


def test_standard_streams_may_be_closed(tmp_path):
    """The connections to the child then have numbers below three, which it would take for its streams."""
    (tmp_path / "quiet.py").write_text(Path(wild.__file__).read_text())
    command = f"{sys.executable} -m maskguide.cli conform quiet:raises --claim '{CLAIM}' --quick --junit j.xml"
    environment = os.environ | {"PYTHONPATH": str(Path(mg.__file__).parent.parent)}
    done = subprocess.run(["bash", "-c", f"{command} <&- >&- 2>&-"], cwd=tmp_path, env=environment, timeout=100)
    assert done.returncode == 1 and "no such layer" in (tmp_path / "j.xml").read_text()


def test_what_cannot_be_sent_is_said():
    class Local(mg.TableProblem):
        """Known in this function only."""

    cases = [SamplingCase(Local([[0.5, 0.5], [0.25, 0.75]], [0.5, 0.5]), 1.0, 2, "")]
    with pytest.raises(mg.InputError, match="in_process"):
        run("prompted", cases=cases)
    with pytest.raises(mg.InputError, match="module:function"):
        check(wild.ancestral, CLAIM, in_process=False)
    assert check("tests.conformance.hostile:prompted", CLAIM, cases=cases, quick=True, in_process=True).n_draws


def test_a_call_costs_little_more_than_here():
    """The process adds a fraction of a millisecond a call; the bound is wide, for machines that are busy."""
    caller, denoiser = ChildCaller("tests.conformance.hostile:prompted", time_limit=20.0), ServedDenoiser(MIXED)
    try:
        caller(denoiser, 1, **CALL)
        begun, inside = time.perf_counter(), 0.0
        for _ in range(50):
            inside += caller(denoiser, 1000, **CALL).seconds
        assert time.perf_counter() - begun < inside + 50 * 0.02
    finally:
        caller.close()

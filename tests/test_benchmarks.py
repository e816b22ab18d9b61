"""The benchmarks run, check before they time, and notice a wrong candidate. No assertion on speed."""

import json
import sys
import time

import numpy as np
import pytest

import maskguide as mg
from benchmarks import exact_against_simulated, gillespie, results, storm, terminal_law, timing, transient


def busy(seconds: float) -> np.ndarray:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return np.ones(3)


def test_measure_takes_turns_and_consumes_every_output():
    called = []
    times = timing.measure({name: lambda name=name: (called.append(name), busy(0.011))[1] for name in "ab"}, rounds=4)
    assert [len(times[name].cpu) for name in "ab"] == [4, 4]
    assert "".join(called[-8:]) == "abbaabba"
    assert times["a"].checksum == 3 * 5  # the first call and four rounds of one call each
    assert min(times["a"].cpu) >= 0.011


def test_measure_repeats_short_calls():
    output = np.arange(4.0)
    timed = timing.measure({"short": lambda: output}, rounds=2)["short"]
    assert timed.checksum > 6 * 3 and timed.checksum % 6 == 0
    assert (timed.wall < timing.SHORTEST).all()


def test_ratio_compares_within_rounds():
    slow, fast = (timing.Timing(0.0, np.array(cpu), np.array(cpu), 0.0) for cpu in ([2.0, 20.0, 9.0], [1.0, 10.0, 3.0]))
    assert timing.ratio(slow, fast) == 2.0
    assert timing.spread(slow, fast) == (2.0, 3.0)


def test_checksum_leaves_out_infinities():
    assert timing.total([np.array([1.0, np.inf]), np.array([2])]) == 3.0


@pytest.mark.parametrize("size, length", [(2, 1), (2, 2), (3, 3)])
def test_terminal_law_solvers_agree(size, length):
    process = mg.GuidedProcess(terminal_law.random_problem(size, length), mg.Guidance("product", 1.5))
    assert terminal_law.check(process) <= terminal_law.TOLERANCE


def test_terminal_law_check_notices_a_wrong_solver(monkeypatch):
    process = mg.GuidedProcess(terminal_law.random_problem(2, 2), mg.Guidance("product", 1.5))
    monkeypatch.setattr(terminal_law, "factorised", lambda matrix, start: start + 0.1)
    with pytest.raises(AssertionError, match="disagree"):
        terminal_law.check(process)


def test_the_program_whose_first_call_is_timed_runs(capsys):
    exec(gillespie.FIRST_CALL, {})
    assert float(capsys.readouterr().out) > 0


def test_gillespie_candidates_agree():
    gillespie.check(mg.GuidedProcess(mg.zoo.get("small-squares-2d"), mg.Guidance("product", 2.0)), 5_000)


def test_gillespie_check_notices_a_wrong_law(monkeypatch):
    problem = mg.zoo.get("squares-2d")
    wrong = mg.GuidedProcess(problem, mg.Guidance("product", 0.0))
    original = gillespie.numpy_samples
    monkeypatch.setattr(gillespie, "numpy_samples", lambda process, n, seed: original(wrong, n, seed))
    with pytest.raises(AssertionError, match="numpy on"):
        gillespie.check(mg.GuidedProcess(problem, mg.Guidance("product", 2.0)), 5_000)


def test_expected_tv_of_a_fair_coin():
    # TV of n fair flips = |heads/n - 1/2|, of mean sqrt(1 / (2 pi n)) for large n.
    law = np.array([0.5, 0.5])
    assert exact_against_simulated.expected_tv(law, 10_000) == pytest.approx((2 * np.pi * 10_000) ** -0.5, rel=1e-12)
    n = exact_against_simulated.trajectories_needed(law, 1e-2)
    assert exact_against_simulated.expected_tv(law, n) <= 1e-2 < exact_against_simulated.expected_tv(law, n - 1)


def test_results_are_written_and_read_back(tmp_path):
    rows, notes, rounds = terminal_law.run(((2, 2),), rounds=1)
    stored = results.Result("terminal_law", "Terminal law", notes, rows, [0.1, 0.2], rounds, 1.0)
    results.write(stored, tmp_path)
    assert json.loads((tmp_path / "terminal_law.json").read_text())["rows"][0]["states"] == 9
    assert "load average 0.10 before and 0.20 after" in (tmp_path / "README.md").read_text()


def test_small_runs_of_the_simulations(monkeypatch):
    monkeypatch.setattr(gillespie, "compile_seconds", lambda: [1.0, 0.5])
    rows, notes, _ = gillespie.run(((2, 1),), n=500, rounds=1)
    assert rows[0]["states"] == 3 and "1.0 s to compile" in notes[-1]
    chosen = {"squares": mg.zoo.get("small-squares-2d")}
    row = exact_against_simulated.run(chosen, (500, 8_000), rounds=1)[0][0]
    assert row["n for TV 0.001"] == pytest.approx(100 * row["n for TV 0.01"], abs=100)


def test_transient_row_with_the_peer_and_with_the_peer_stopped(monkeypatch):
    (whole,) = transient.run(((2, 8, 2.0),), rounds=1)[0]
    assert whole["L1 difference"] <= transient.TOLERANCE and whole["expm_multiply / contour"] > 0
    monkeypatch.setattr(transient, "LONGEST_PEER", 1e-3)
    (stopped,) = transient.run(((2, 8, 4.0),), rounds=1)[0]
    assert stopped["L1 difference"].endswith("on 256 states")
    assert stopped["expm_multiply / contour"].startswith("above ")


def test_transient_check_notices_a_wrong_law():
    process = mg.GuidedProcess(terminal_law.random_problem(2, 8), mg.Guidance("product", 2.0))
    reference, states = transient.part(process, process.rate_matrix().T.tocsr())
    law = mg.transient_law(process, 1.0)
    assert transient.check(law, reference, states) <= law.error
    with pytest.raises(AssertionError, match="disagree"):
        transient.check(mg.transient_law(process, 1.0 + 1e-6), reference, states)


def test_storm_agrees_with_our_law():
    pytest.importorskip("stormpy", reason="stormpy is not installed: pip install stormpy")
    (row,) = storm.run(((2, 3),), rounds=1)[0]
    assert row["difference"] <= storm.TOLERANCE and row["states"] == 27


def test_storm_check_notices_a_wrong_probability():
    with pytest.raises(AssertionError, match="disagree"):
        storm.check(0.5, 0.5 + 2e-9)


def test_storm_missing_is_said_and_skipped(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "stormpy", None)
    assert storm.run() is None
    assert "storm: skipped" in capsys.readouterr().out

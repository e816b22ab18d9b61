"""The samplers' benchmarks run, check before they time, and notice a wrong candidate. No assertion on speed."""

import sys

import numpy as np
import pytest

import maskguide as mg
from benchmarks import gillespie, tau_leaping
from maskguide import _random

PROCESS = mg.GuidedProcess(mg.zoo.get("small-squares-2d"), mg.Guidance("product", tau_leaping.WEIGHT))


def leaper(process):
    task = gillespie.task_of(process, "tau-leaping", mg.uniform_grid(tau_leaping.STEPS))
    return tau_leaping.NumpyLeaper(process, task.steps)


def test_tau_leaping_candidates_agree():
    tau_leaping.check(PROCESS, leaper(PROCESS), 5_000)


def test_tau_leaping_check_notices_a_wrong_law():
    wrong = leaper(PROCESS)
    wrong.hazards = 3 * wrong.hazards
    with pytest.raises(AssertionError, match="numpy, all on"):
        tau_leaping.check(PROCESS, wrong, 5_000)


def test_small_run_of_tau_leaping():
    (row,) = tau_leaping.run(((2, 2),), n=800, rounds=1)[0]
    assert row["numpy all / lattice"][0] > 0 and row["against published"] == "other size"


def test_floor_makes_the_draws_of_its_addresses():
    draws = [_random.philox(event, 0, 1, 0, 5, 7) for event in range(3)]
    uniforms = [[_random.bits_53(*words[k : k + 2]) * 2.0**-53 for k in (0, 2)] for words in draws]
    assert gillespie.floor(3) == pytest.approx(sum(v - np.log1p(-u) for u, v in uniforms), rel=1e-14)


def test_gillespy2_missing_is_said_and_skipped(monkeypatch):
    monkeypatch.setitem(sys.modules, "gillespy2", None)
    peer, note = gillespie._peer()
    assert peer is None and "skipped" in note
    assert gillespie._against_peer(peer, PROCESS, 10, 1) == "not run"


def test_gillespy2_agrees_with_our_law():
    pytest.importorskip("gillespy2", reason="gillespy2 is not installed: pip install gillespy2")
    process = mg.GuidedProcess(gillespie.random_problem(2, 2), mg.Guidance("product", 1.5))
    assert gillespie._against_peer(sys.modules["gillespy2"], process, 1_000, 1)[0] > 0

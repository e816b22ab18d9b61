"""`maskguide gaussian`: every study from the command line, as text, JSON and figures; bad use is one clear error."""

import json
import sys
from contextlib import nullcontext
from importlib import import_module
from inspect import signature
from types import SimpleNamespace

import pytest

from maskguide.cli import app as cli
from maskguide.cli import console
from maskguide.papers import papers

STUDIES = {study.name: study for paper in papers().values() for study in paper.studies}


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["maskguide", "gaussian", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    return stopped.value.code or 0


def test_a_study_as_json_with_figures(monkeypatch, capsys, tmp_path):
    assert call(monkeypatch, "map", "--quick", "--json", "--figures", tmp_path / "new") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["c"] == 1.0 and found["u"] == 2.0
    files = sorted(str(path) for path in (tmp_path / "new").iterdir())
    assert files == sorted(found["figures"]) and files
    assert all(open(path).read(5) == "<?xml" for path in files)


@pytest.mark.parametrize("name", STUDIES)
def test_options_reach_the_study_and_its_progress(name, monkeypatch, capsys):
    """The studies themselves run in tests/papers: here only what the command hands them."""
    module = import_module(f"maskguide.papers.{STUDIES[name].module}")
    known, calls, shown = signature(module.study), [], []
    monkeypatch.setattr(console, "progress_bar", lambda total, what: nullcontext(shown.append))
    found = SimpleNamespace(text=lambda: "what was found", to_dict=lambda: {})
    monkeypatch.setattr(module, "study", lambda **settings: calls.append(settings) or found)
    assert call(monkeypatch, name, "--seed", 3, "--quick") == 0
    assert capsys.readouterr().out == "what was found\n"
    (settings,) = calls
    known.bind(**settings)
    assert settings["seed"] == 3 and settings["quick"] is True
    settings["advance"](), settings["advance"]()
    assert shown == [1, 2]  # a bar is told how much is done
    defaults = {key: p.default for key, p in known.parameters.items() if p.default is not p.empty}
    shared = set(settings) - {"seed", "quick", "advance"}
    assert shared and all(defaults[key] is None or settings[key] == pytest.approx(defaults[key]) for key in shared)


def test_the_old_name_of_an_option_still_works(monkeypatch, capsys):
    from maskguide.papers.distortions import study as distortions

    calls, found = [], SimpleNamespace(text=lambda: "")
    monkeypatch.setattr(distortions, "study", lambda **settings: calls.append(settings) or found)
    for option in ("--competing", "--crowd"):
        assert call(monkeypatch, "distortions", option, "2,5") == 0
    assert [list(settings["competing_weights"]) for settings in calls] == [[2.0, 5.0]] * 2


def test_a_study_as_text(monkeypatch, capsys):
    assert call(monkeypatch, "map", "--quick", "-c", 1, "-u", 3) == 0
    assert "total N(0, 3)" in capsys.readouterr().out


def test_a_stopped_training_says_where_it_goes_on(monkeypatch, capsys, tmp_path):
    from maskguide.papers.learned_weights import study as learned

    def stopped(**settings):
        raise KeyboardInterrupt

    monkeypatch.setattr(learned, "study", stopped)
    assert call(monkeypatch, "learn", "--checkpoints", tmp_path / "kept") == 130
    assert "goes on from" in capsys.readouterr().err
    assert call(monkeypatch, "learn") == 130
    assert "nothing was written" in capsys.readouterr().err


BAD = {
    "samples": (["learn", "--samples", "3"], "samples"),
    "checkpoints": (["learn", "--checkpoints", "/dev/null/x"], "directory"),
    "omega below one": (["stages", "--omega", "0.5"], "omega"),
    "weak above a half": (["stages", "--weak", "0.7"], "weak"),
    "sigma": (["stages", "--sigma", "-1"], "sigma"),
    "count": (["stages", "--count", "0"], "count"),
    "weights": (["distortions", "--weight", "1,x"], "numbers separated by commas"),
    "weight below -1": (["distortions", "--weight", "-2"], "w >= -1"),
    "variance": (["distortions", "--within", "0"], "within"),
    "class wider than the total": (["map", "-c", "2", "-u", "1"], "0 < c < u"),
    "horizon": (["map", "--horizon", "inf"], "horizon"),
    "scales": (["angle", "--omega", "5,1"], "increasing"),
    "figures": (["angle", "--figures", "/dev/null/x"], "directory"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_use_is_one_clear_error(case, monkeypatch, capsys):
    arguments, words = BAD[case]
    assert call(monkeypatch, *arguments) == 2
    errors = capsys.readouterr().err
    assert words in errors and "Traceback" not in errors and len(errors.strip().splitlines()) <= 6

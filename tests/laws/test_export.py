"""Exported chains read back by a reader of our own, and by Storm where it is installed."""

import math
import os
import re

import numpy as np
import pytest
import scipy.linalg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import maskguide as mg
from maskguide.laws import export as export_module
from maskguide.laws.export import export, label

from ..conftest import random_problem
from ..problems.test_table import counts, from_counts

FORMATS = [".prism", ".drn"]
every_format = pytest.mark.parametrize("suffix", FORMATS)


# Readers: the generator, the initial state and the labels, from the text alone ---------------------------


def read_prism(text):
    """(generator, initial state, {label: states}), states numbered in C order of the variables."""
    ranges = re.findall(r"^\s*(\w+) : \[0\.\.(\d+)\] init (\d+);$", text, re.M)
    names, shape = [n for n, _, _ in ranges], tuple(int(top) + 1 for _, top, _ in ranges)
    generator = np.zeros((math.prod(shape),) * 2)
    for guard, rate, update in re.findall(r"^\s*\[\] (.+) -> (\S+?):(.+);$", text, re.M):
        for x in satisfying(guard, names, shape):
            y = list(x)
            for name, value in re.findall(r"\((\w+)'=(\d+)\)", update):
                y[names.index(name)] = int(value)
            a, b = np.ravel_multi_index(x, shape), np.ravel_multi_index(y, shape)
            generator[a, b] += float(rate)
            generator[a, a] -= float(rate)
    formulas = re.findall(r'^label "(\w+)" = (.+);$', text, re.M)
    labels = {n: {int(np.ravel_multi_index(x, shape)) for x in satisfying(f, names, shape)} for n, f in formulas}
    return generator, int(np.ravel_multi_index([int(start) for _, _, start in ranges], shape)), labels


def satisfying(formula, names, shape):
    terms = [re.fullmatch(r"(\w+)([=<])(\d+)", term).groups() for term in formula.split(" & ")]
    for x in np.ndindex(shape):
        values = dict(zip(names, x, strict=True))
        if all(values[n] == int(v) if sign == "=" else values[n] < int(v) for n, sign, v in terms):
            yield x


def read_drn(text):
    header, body = text.split("@model\n")
    assert "@type: CTMC" in header
    size = int(re.search(r"@nr_states\n(\d+)", header).group(1))
    generator, labels, here = np.zeros((size, size)), {}, -1
    for line in body.splitlines():
        if line.startswith("state "):
            _, number, exit_rate, *marks = line.split()
            here = int(number)
            generator[here, here] -= float(exit_rate.removeprefix("!"))
            for mark in marks:
                labels.setdefault(mark, set()).add(here)
        elif ":" in line:
            to, rate = line.split(":")
            generator[here, int(to)] += float(rate)
    (start,) = labels.pop("init")
    return generator, start, labels


READERS = {".prism": read_prism, ".drn": read_drn}


@every_format
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(laws=counts(), weight=st.floats(-1, 4), rule=st.sampled_from(["product", "normalized", "tilted"]))
def test_the_generator_comes_back_and_gives_our_law(tmp_path, suffix, laws, weight, rule):
    process = mg.GuidedProcess(from_counts(laws), mg.Guidance(rule, weight))
    path = tmp_path / f"model{suffix}"
    export(process, path)
    generator, start, labels = READERS[suffix](path.read_text())
    np.testing.assert_allclose(generator, process.rate_matrix().toarray(), rtol=1e-15, atol=1e-15 * process.length)
    assert start == generator.shape[0] - 1
    law = scipy.linalg.expm(0.9 * generator)[start].reshape(process.shape)
    np.testing.assert_allclose(law, mg.transient_law(process, 0.9).probs, atol=1e-11)
    inside = sorted(np.ravel_multi_index(y, process.shape) for y in np.ndindex(process.problem.target_law.shape))
    assert sorted(labels["done"]) == inside
    assert {name: states for name, states in labels.items() if name != "done"} == {
        label(y, process.vocab_size): {int(np.ravel_multi_index(y, process.shape))}
        for y in np.ndindex(process.problem.target_law.shape)
    }


@every_format
def test_a_wrong_rate_in_the_file_is_found(tmp_path, fading, suffix):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    path = tmp_path / f"model{suffix}"
    export(process, path)
    text = path.read_text()
    rate = max(re.findall(r"\d\.\d{12,}", text), key=len)
    generator, start, _ = READERS[suffix](text.replace(rate, f"{float(rate) * 1.01:.17g}", 1))
    law = scipy.linalg.expm(0.9 * generator)[start].reshape(process.shape)
    assert np.abs(law - mg.transient_law(process, 0.9).probs).max() > 1e-6


def test_targets_choose_the_labels(tmp_path, fading):
    process = mg.GuidedProcess(fading, mg.Guidance())
    for suffix in FORMATS:
        export(process, tmp_path / f"model{suffix}", targets=[(0, 3), [2, 1], (0, 3)])
        labels = READERS[suffix]((tmp_path / f"model{suffix}").read_text())[2]
        assert labels == {"done": labels["done"], "y_0_m": {3}, "y_2_1": {9}}


def test_many_completed_states_are_not_labelled_unasked(tmp_path):
    process = mg.GuidedProcess(random_problem(0, 33, 2), mg.Guidance())
    export(process, tmp_path / "model.drn")
    assert "y_" not in (tmp_path / "model.drn").read_text()


def test_the_file_says_where_it_comes_from(tmp_path, fading):
    for suffix in FORMATS:
        export(mg.GuidedProcess(fading, mg.Guidance("product", 2.0)), tmp_path / f"model{suffix}")
        text = (tmp_path / f"model{suffix}").read_text()
        assert f"// fading: Guidance('product', weight=2.0), maskguide {mg.__version__}" in text


@pytest.mark.parametrize(
    ("match", "name", "options"),
    [
        ("unknown file type", "model.jani", {}),
        ("cannot write", "nowhere/model.prism", {}),
        ("target", "model.drn", {"targets": [(0, 1, 2)]}),
        ("target", "model.drn", {"targets": [(0, 4)]}),
        ("token of a target", "model.drn", {"targets": [(0, -1)]}),
    ],
)
def test_bad_exports(tmp_path, fading, match, name, options):
    with pytest.raises(mg.InputError, match=match):
        export(mg.GuidedProcess(fading, mg.Guidance()), tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_schedules_and_huge_lattices_are_refused(tmp_path, fading, monkeypatch):
    with pytest.raises(mg.InputError, match="one weight"):
        export(mg.GuidedProcess(fading, mg.Guidance("product", mg.WeightSchedule([0.5], [0, 1]))), tmp_path / "m.drn")
    monkeypatch.setattr(export_module, "MAX_STATES", 15)
    with pytest.raises(mg.InputError, match="a file of 16 states"):
        export(mg.GuidedProcess(fading, mg.Guidance()), tmp_path / "m.drn")
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_old_file_and_no_other(tmp_path, fading, monkeypatch):
    path = tmp_path / "model.drn"
    path.write_text("old")

    def fails(process, targets):
        yield "half"
        raise OSError("disk full")

    monkeypatch.setitem(export_module.WRITERS, ".drn", fails)
    with pytest.raises(mg.InputError, match="disk full"):
        export(mg.GuidedProcess(fading, mg.Guidance()), path)
    assert path.read_text() == "old" and os.listdir(tmp_path) == ["model.drn"]


# Storm ---------------------------------------------------------------------------------------------------


@every_format
@pytest.mark.parametrize(("rule", "weight"), [("product", 2.0), ("normalized", 1.0), ("tilted", 3.0)])
def test_storm_computes_our_transient_law(tmp_path, suffix, rule, weight):
    stormpy = pytest.importorskip("stormpy", reason="stormpy is not installed: pip install stormpy")
    process = mg.GuidedProcess(random_problem(4, 2, 4), mg.Guidance(rule, weight))
    path = tmp_path / f"model{suffix}"
    states = [(0, 0, 0, 0), (1, 0, 1, 1), (1, 1, 1, 1)]
    export(process, path, targets=states)
    for clock in (0.3, 2.0):
        law = mg.transient_law(process, clock).probs
        for state in states:
            found = storm_probability(stormpy, path, f'P=? [F<={clock} "{label(state, 2)}"]')
            assert found == pytest.approx(law[state], abs=1e-9)
        done = storm_probability(stormpy, path, f'P=? [F<={clock} "done"]')
        assert done == pytest.approx(1 - float(mg.tv_decay(process, clock)), abs=1e-9)


def storm_probability(stormpy, path, formula):
    """The value at the initial state."""
    if path.suffix == ".prism":
        program = stormpy.parse_prism_program(str(path), prism_compatibility=True)
        (prop,) = stormpy.parse_properties(formula, program)
        model = stormpy.build_model(program, [prop])
    else:
        (prop,) = stormpy.parse_properties(formula)
        model = stormpy.build_model_from_drn(str(path))
    (start,) = model.initial_states
    return stormpy.model_checking(model, prop).get_value(start)

"""The studies of distortions and of schedule maps: samples against the exact law of their own steps, all else exact."""

import json

import numpy as np
import pytest

from maskguide import InputError
from maskguide.gaussian.closed_forms import ode_moments, sde_moments, tilted_moments
from maskguide.gaussian.mixture import Mixture
from maskguide.gaussian.noise import variance_exploding
from maskguide.gaussian.path_integrals import LinearWeight
from maskguide.gaussian.samplers import guided_field
from maskguide.papers.confidence import numbers as confidence
from maskguide.papers.distortions import map, numbers
from maskguide.papers.distortions import study as distortions
from maskguide.papers.distortions.schedules import exploding_times, stepped_moments

Z = 5.4  # |normal| beyond it for any of 16 numbers: 1e-6


@pytest.fixture(scope="module")
def found():
    calls = []
    study = distortions.study(quick=True, advance=lambda: calls.append(1))
    assert len(calls) == distortions.num_units(quick=True)
    return study


@pytest.fixture(scope="module")
def mapped():
    calls = []
    study = map.study(quick=True, advance=lambda: calls.append(1))
    assert len(calls) == map.num_units(quick=True)
    return study


def test_samples_have_the_law_of_their_steps(found):
    for row in found.moments:
        if row.dynamics != "tilted":
            assert abs(row.sampled.mean - row.stepped.mean) < Z * row.error.mean
            assert abs(row.sampled.variance - row.stepped.variance) < Z * row.error.variance
    ode = {r.schedule: r for r in found.moments if r.dynamics == "ode"}
    assert abs(ode["1"].sampled.variance - ode["2"].stepped.variance) > Z * ode["1"].error.variance


@pytest.mark.parametrize(("method", "exact", "order"), [("heun", ode_moments, 2), ("euler-maruyama", sde_moments, 1)])
@pytest.mark.parametrize("weight", [2.0, LinearWeight(-1.0, 0.5)])
def test_moments_by_steps_converge_to_the_closed_forms(method, exact, order, weight):
    process = variance_exploding(10.0)
    w = (lambda t: weight(10 * t)) if callable(weight) else weight
    field = guided_field(Mixture([[1.0]], 1.0), Mixture([[0.0]], 2.0), w, "linear", process)
    law = exact(1.0, 2.0, 1.0, weight, 10.0)
    errors = []
    for steps in (50, 100):
        found = stepped_moments(field, method, exploding_times(10.0, 1.0, steps), 1.0, 11.0)
        errors.append([found.mean - law.mean, found.variance - law.variance])
    assert np.abs(errors[1]).max() < 0.05
    assert np.divide(*errors) == pytest.approx([2**order] * 2, rel=0.15)


def test_exact_columns(found):
    for row in found.moments:
        if row.schedule == "2":
            law = {"ode": ode_moments, "sde": sde_moments, "tilted": tilted_moments}[row.dynamics](1.0, 2.0, 1.0, 2.0)
            assert (row.mean, row.variance) == pytest.approx((law.mean, law.variance), rel=1e-12)
    linear = {r.dynamics: r for r in found.moments if r.schedule == "-1 + 0.5 s"}
    assert linear["ode"].variance == pytest.approx(1.0134, abs=5e-5) and linear["sde"].variance > 1.3


def test_guided_points_are_predicted_better_than_typical_ones(found):
    competing = [p for p in found.points if (p.world, p.weight) == ("gaussian", 3) and p.regime != "mean density"]
    guided, typical = (np.mean([abs(p.ratio - q) for p, q in zip(competing, column, strict=True)])
                       for column in ([p.guided for p in competing], [p.typical for p in competing]))  # fmt: skip
    assert guided < 0.06 < 0.3 < typical
    masked = [p for p in found.points if p.world == "masked" and p.regime != "mean density"]
    assert max(abs(p.ratio - p.guided) for p in masked) < 0.2 and all(p.ratio < 1 for p in masked)
    assert found.critical_rate == pytest.approx(np.log(2) / 2) and min(found.guided_critical_rates) > 0.6


def test_the_predictions_are_approached_as_the_dimension_grows(found):
    for world in ("gaussian", "masked"):
        for weight in (1, 3):
            small, _, large = found.chosen(world, "mean density", weight)
            assert abs(large.ratio - large.guided) < 0.03 + Z * large.error < 0.2
            assert large.ratio - large.guided > small.ratio - small.guided


def test_few_classes_lose_less_as_the_dimension_grows(found):
    for world in ("gaussian", "masked"):
        for weight in (1, 3):
            small, large = found.chosen(world, "sub-exponential", weight)
            assert small.ratio < large.ratio < 1


def test_windows_restore_more_variance_when_less_separability_is_asked(found):
    less, more = found.windows
    assert less.gain < more.gain and less.distortion < more.distortion < less.constant_distortion
    assert -1 <= more.late < 0


def test_the_map(mapped):
    assert mapped.log_ratio["ode"].shape == (21, 21) and mapped.starts[0] == -1
    for name, moments in (("ode", ode_moments), ("sde", sde_moments)):
        for start, slope in list(zip(mapped.starts, mapped.neutral[name], strict=True))[:11:5]:
            variance = moments(1.0, 2.0, 1.0, LinearWeight(start, slope), 10.0).variance
            assert variance == pytest.approx(1, rel=1e-9)
    above = mapped.slopes > mapped.neutral["sde"][:, None]
    known = np.isfinite(mapped.log_ratio["sde"]) & np.isfinite(mapped.neutral["sde"])[:, None]
    assert (mapped.log_ratio["sde"][known & above] < 0).all()
    assert (mapped.log_ratio["sde"][known & ~above] > -1e-12).all()
    for row in mapped.rows:
        assert abs(row.sampled) < Z * row.error + 0.01  # and the first-order step's error
        assert row.other > 0.05 if row.dynamics == "ode" else row.other < -0.1


def test_a_neutral_schedule_is_negative_somewhere(mapped):
    for neutral in mapped.neutral.values():
        ends = np.stack([mapped.starts, mapped.starts + 10.0 * neutral])[:, mapped.starts != 0]
        assert (np.isnan(ends[1]) | (ends.min(axis=0) < 0)).all() and (ends.min(axis=0) < 0).sum() >= 10


@pytest.mark.parametrize("which", ["found", "mapped"])
def test_plain_data_and_text(which, request):
    study = request.getfixturevalue(which)
    plain = json.dumps(study.to_dict(), default=lambda a: a.tolist())
    assert json.loads(plain)["seed"] == 0
    assert study.text() and all(len(line) < 140 for line in study.text().splitlines())


@pytest.mark.parametrize(("claims", "compute", "name"), [
    (numbers, numbers.guided_moments, "ode_moments"),
    (numbers, numbers.one_dimension, "tanh_flow"),
    (confidence, confidence.confidence, "guided_confidence"),
    (numbers, numbers.many_classes, "predicted_loss"),
])  # fmt: skip
def test_claims_notice_a_scale_given_as_weight(claims, compute, name, monkeypatch):
    right = getattr(claims, name)
    place = {"tanh_flow": 0, "predicted_loss": 1, "guided_confidence": 2, "ode_moments": 3}[name]
    wrong = lambda *a, **k: right(*(x + 1 if i == place else x for i, x in enumerate(a)), **k)  # noqa: E731
    assert all(row.passed for row in compute())
    monkeypatch.setattr(claims, name, wrong)
    assert not all(row.passed for row in compute())


@pytest.mark.parametrize("bad", [
    lambda: distortions.study([-1.5], quick=True),
    lambda: distortions.study([], quick=True),
    lambda: distortions.study(within=0.0, quick=True),
    lambda: distortions.study(seed=-1, quick=True),
    lambda: map.study(2.0, 1.0, quick=True),
    lambda: map.study(horizon=np.inf, quick=True),
    lambda: map.study(mean=np.nan, quick=True),
    lambda: map.study(starts=[-2.0, 0.0], quick=True),
    lambda: map.study(slopes=[0.5, 0.1], quick=True),
    lambda: map.study(slopes=[[0.5]], quick=True),
])  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(InputError):
        bad()

"""The study of angle-domain guidance: its shape, its sentences, its settings, and what it found."""

import json

import numpy as np
import pytest

from maskguide import InputError
from maskguide.papers.angle.measures import SHARES, Setting, ensemble
from maskguide.papers.angle.study import SETTINGS, num_units, study

SCALES = (1.0, 1.5, 15.0)
SMALL = {"scales": SCALES, "samples": 60, "steps": 16, "tokens": 13, "settings": {"space": Setting(16, 6, 3.0)}}


@pytest.fixture(scope="module")
def found():
    calls = []
    result = study(**SMALL, advance=lambda: calls.append(1))
    assert len(calls) == num_units(SCALES)
    return result


def test_what_it_finds(found):
    linear, angle = (found.ensembles["space"].rules[rule] for rule in ("linear", "angle"))
    assert linear.largest_growth[2] > 10 > np.sqrt(2) + 1e-12 >= found.largest_angle_growth > 1.39
    assert linear.ends["norm_shift"][2] > 0.5 > 0 > angle.ends["norm_shift"][2] > -0.3
    assert linear.ends["atypical"][2] > 0.5 and angle.ends["atypical"][2] < 0.05
    assert angle.ends["spread"][2] < 0.7 < linear.ends["spread"][2]
    np.testing.assert_array_equal(angle.anomalous_x0, 0)
    assert found.discrete["spherical"]["norm_shift"][2] > 1 > 0.2 > found.discrete["capped"]["norm_shift"][2]
    assert found.discrete["product"]["hazard"][2] > 1e4


def test_without_guidance_both_rules_are_the_class(found):
    for world in found.ensembles.values():
        for curves in world.rules.values():
            assert curves.growth[0] == pytest.approx(1, rel=1e-9)
            assert abs(curves.ends["norm_shift"][0]) < 0.35
            assert all(getattr(curves, name)[0] == 0 for name in SHARES[:3])
    assert found.ensembles["plane"].class_norms[2] == pytest.approx(2.0, abs=0.4)


def test_histograms_are_densities(found):
    for world in found.ensembles.values():
        widths = np.diff(world.bins)
        assert world.class_histogram @ widths == pytest.approx(1, abs=1e-5)
        assert world.rules["linear"].histogram[0] @ widths == pytest.approx(1, abs=1e-12)


def test_the_map_of_the_plane(found):
    plane = found.plane
    assert plane.score.shape == plane.x0.shape == (161, 161)
    assert (plane.score > 1).all() and np.isinf(plane.score).any() and (plane.score < 15).any()
    assert list(plane.gaussian) == [1.5, 15.0]
    assert plane.gaussian[15.0].radius > plane.gaussian[1.5].radius


def test_plain_data_and_text(found):
    plain = found.to_dict()
    text = json.dumps(plain, default=lambda array: array.tolist(), allow_nan=False)
    assert len(text) < 300_000
    assert plain["largest_angle_growth"] == found.largest_angle_growth
    shown = found.text()
    assert "all 1080 trajectories reached the data" in shown
    assert f"{found.largest_angle_growth:.6f}" in shown and "capped (masked)" in shown
    assert max(map(len, shown.splitlines())) < 160


def test_a_seed_decides_the_result(found):
    again = study(**SMALL)
    np.testing.assert_array_equal(
        again.ensembles["space"].rules["angle"].norms, found.ensembles["space"].rules["angle"].norms
    )


def test_exploded_trajectories_are_counted_and_left_out(monkeypatch):
    from maskguide.gaussian import trajectories

    monkeypatch.setattr(trajectories, "LIMIT", 2.0)
    curves = ensemble(SETTINGS["plane"], [1.0], 50, 8).rules["linear"]
    assert 0 < curves.exploded[0] < 50 and 0 < curves.exploded_at[0] < 1
    assert np.isfinite(curves.growth).all() and np.isfinite(curves.ends["norm_shift"]).all()
    told = study(**{**SMALL, "scales": (1.0,)}).status
    assert "trajectories exploded, the first at t = " in told and "nan" not in told
    monkeypatch.setattr(trajectories, "LIMIT", 1e-3)
    with pytest.raises(InputError, match="exploded"):
        ensemble(SETTINGS["plane"], [1.0], 50, 8)


BAD = {
    "below one": {"scales": (0.5, 2.0)},
    "not increasing": {"scales": (2.0, 2.0)},
    "none": {"scales": ()},
    "infinite": {"scales": (1.0, np.inf)},
    "samples": {"samples": 1},
    "steps": {"steps": 0},
    "plane": {"settings": {"plane": Setting(3, 3, 1.0)}},
    "discrete": {"settings": {"discrete": Setting(4, 3, 1.0)}},
    "unknown": {"settings": {"sphere": Setting(4, 3, 1.0)}},
    "radius": {"settings": {"space": Setting(4, 3, -1.0)}},
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_are_refused_before_any_work(case, monkeypatch):
    monkeypatch.setattr("maskguide.papers.angle.study.ensemble", None)
    with pytest.raises(InputError):
        study(**BAD[case])

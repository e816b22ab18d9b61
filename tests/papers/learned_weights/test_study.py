"""The study of learned weights: counted units, plain data, gains that are what they say; in full under `verify`."""

import json

import numpy as np
import pytest

from maskguide import InputError
from maskguide.gaussian.samplers import sample
from maskguide.papers.learned_weights import study as module
from maskguide.papers.learned_weights.energy_distance import energy_distance
from maskguide.papers.learned_weights.results import Gain
from maskguide.papers.learned_weights.study import num_units, study
from maskguide.papers.learned_weights.training import Learning

FEW, PLAN = Learning(steps=60, rate=2e-2, groups=8, points=500), module._plan


@pytest.fixture(scope="module")
def small():
    units = []
    found = study(learning=FEW, samples=200, quick=True, advance=lambda: units.append(1))
    assert len(units) == num_units(quick=True) < num_units()
    return found


def test_what_it_holds(small):
    assert [case.name for case in small.cases] == ["exact", "leaking", "network 0, 120 steps"]
    for case in small.cases:
        assert case.scan.shape == (len(small.weights), 3) and case.constant == small.weights[case.scan.mean(1).argmin()]
        assert case.at_each.by_class.mean() == pytest.approx(case.at_each.value)
        for one in case.learned:
            assert one.omega.shape == (3, 10) and (one.omega >= 0).all() and one.losses.shape == (60,)
            gain = case.at_constant.value - one.score.value
            assert one.over_constant.value == pytest.approx(gain, abs=1e-14) and one.over_constant.error >= 0
        inside = np.isfinite(case.surface)
        s, t = np.meshgrid(np.linspace(0, 1, 41), np.linspace(0, 1, 41), indexing="ij")
        assert (inside == (t - s >= 0.1 - 1e-9)).all()
        assert case.surface[:, -5, -1] == pytest.approx(case.learned[0].omega[:, 0], rel=1e-12)


def test_scores_are_those_of_the_samplers(small):
    exact = small.cases[0]
    law = module.five_modes().given(1)
    run = sample(law, module.five_modes(), 0.0, method="ddim", times=10, count=200, seed=2**31)
    assert exact.unguided.by_class[1] == pytest.approx(energy_distance(run.x, law).value, rel=1e-9)


def test_plain_data_and_text(small):
    plain = small.to_dict()
    found = json.loads(json.dumps(plain, default=lambda v: v.tolist(), allow_nan=False))
    assert found["cases"][1]["learned"][0]["over_constant"]["verdict"] in ("better", "worse", "no different")
    assert found["cases"][0]["surface"][0][40][0] is None
    text = small.text()
    assert all(case.name in text for case in small.cases) and "Exact scores: learned omega <=" in text


def test_leaks_are_mended_better_than_by_a_constant(small):
    leaking = small.cases[1]
    assert leaking.learned[0].over_constant.verdict == "better"


def test_stopped_and_taken_up(small, tmp_path):
    def stop():
        raise KeyboardInterrupt

    given = {"learning": FEW, "samples": 200, "quick": True, "checkpoints": tmp_path / "new"}
    with pytest.raises(KeyboardInterrupt):
        study(**given, advance=lambda: stop() if list((tmp_path / "new").iterdir()) else None)
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["exact-energy-point-0.pt"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_plan", lambda *about: PLAN(*about)[:1])
        again = study(**given).cases[0].learned[0]
    assert (again.losses == small.cases[0].learned[0].losses).all()
    assert (again.omega == small.cases[0].learned[0].omega).all()


def test_verdicts():
    assert [Gain(v, 0.1).verdict for v in (0.48, 0.5, -0.48, -0.5, 0.0)] == [
        "no different", "better", "no different", "worse", "no different"
    ]  # fmt: skip


def test_bad_input():
    for given in ({"samples": 50}, {"sampler_steps": 0}, {"seed": -1}, {"seed": 2**31}, {"checkpoints": __file__}):
        with pytest.raises(InputError):
            study(**given)


@pytest.mark.verify
def test_in_full():
    found = study()
    cases = {case.name: case for case in found.cases}
    assert max(one.omega.max() for one in cases["exact"].learned) < 0.1
    for name, case in cases.items():
        if name == "leaking" or "120" in name:
            assert all(one.omega.max() > 1 and one.over_constant.verdict == "better" for one in case.learned), name
    assert all(one.over_constant.verdict == "worse" for one in cases["shrunk"].learned)
    assert cases["network 0, 400 steps"].constant == 0 and cases["network 0, 400 steps"].learned[0].omega.max() < 0.2

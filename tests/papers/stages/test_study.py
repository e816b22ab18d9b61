"""The study of the stages: what it holds, what it says, and that its sentences follow the numbers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from maskguide import InputError
from maskguide.gaussian import Mixture
from maskguide.papers.stages import study as page
from maskguide.papers.stages.discrete import MaskedModes
from maskguide.papers.stages.line import Line
from maskguide.papers.stages.measures import NEVER
from maskguide.papers.stages.results import order

TICKS = []
STUDY = page.study(count=200, steps=40, quick=True, advance=lambda: TICKS.append(1))


def test_every_unit_of_work_is_counted():
    assert len(TICKS) == page.num_units(quick=True) and page.num_units() > page.num_units(quick=True)


def test_rows_have_the_masses_and_means_of_their_schedules():
    assert [row.name for row in STUDY.rows] == ["omega = 1", "omega = 5", "early", "late", "triangle"]
    assert all(row.mean == pytest.approx(5) for row in STUDY.rows[1:])
    assert STUDY.constant.gaussian.weak == pytest.approx(0.011187, abs=1e-6)
    assert STUDY.recovered(STUDY.constant) == 0 and STUDY.recovered(STUDY.rows[0], "product") == 1
    assert STUDY.recovered(STUDY.row("triangle")) < 0.01 < 0.6 < STUDY.recovered(STUDY.row("late"))
    assert all(abs(row.simulated - row.gaussian.weak) < 0.06 for row in STUDY.rows)  # 2000 draws, Hoeffding at 1e-6


def test_the_region_holds():
    assert sum(found.broken for found in STUDY.stages.values()) == 0
    assert [r.changed_locked for r in STUDY.replays] == [0] * 4
    assert (np.diff([r.locked for r in STUDY.replays]) >= 0).all() and STUDY.replays[0].changed_open == 1


def test_text_says_what_the_numbers_say():
    said = STUDY.text()
    assert (
        "triangle    0.4% (no better than constant)" in said and "Both worlds agree: masses are decided early." in said
    )
    assert order(STUDY, "gaussian") == "late < constant < early"
    assert order(STUDY, "normalized") == "constant < late < early"
    assert order(STUDY, "product") == "early < constant < late"
    swapped = {"early": STUDY.row("late"), "late": STUDY.row("early")}
    rows = tuple(replace(swapped[r.name], name=r.name) if r.name in swapped else r for r in STUDY.rows)
    other = replace(STUDY, rows=rows).text()
    assert "The worlds differ on when masses are decided." in other and "early < constant < late" in other
    assert "exploded" not in said and "not resolved" not in said and "< 1e-06" not in said
    tiny = replace(STUDY.constant, gaussian=page.Outcome(0.01, 1e-10))
    unresolved = replace(STUDY, rows=tuple(tiny if r is STUDY.constant else r for r in STUDY.rows))
    assert order(unresolved, "gaussian") == "not resolved" and "< 1e-06" in unresolved.text()
    lost = replace(STUDY.stages["early"], exploded_at=0.5, basin=np.where(STUDY.stages["early"].basin > 0, -1, 0))
    assert "exploded" in replace(STUDY, stages=STUDY.stages | {"early": lost}).text()


def test_plain_data():
    data = STUDY.to_dict()
    again = json.loads(json.dumps(data, default=lambda array: array.tolist(), allow_nan=False))
    assert again["stages"]["unguided"]["onset"]["direction shift"] == [0.0, NEVER]
    assert again["recovered"]["triangle"]["gaussian"] == STUDY.recovered(STUDY.row("triangle"))
    assert again["text"] == STUDY.text() and set(again["twin"]) == {
        f"{r}, {n}" for r in page.RULES for n in page.FOLLOWED
    }


def test_another_seed_moves_the_simulation_only():
    pair = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.2**2, [0.25, 0.75]), Mixture([[0.0, 0.0]])
    row = lambda seed: page._row("omega = 5", 4.0, pair, Line(*pair), MaskedModes(), (200, 40, seed))  # noqa: E731
    assert row(0) == STUDY.constant
    assert row(1).simulated != row(0).simulated and row(1).gaussian == row(0).gaussian


BAD = [{"omega": 1.0}, {"omega": 50.0}, {"omega": float("nan")}, {"weak": 0.5}, {"weak": 0.0}, {"sigma": 0.0},
       {"sigma": 1.0}, {"count": 1}, {"steps": 1}, {"steps": 27}, {"seed": -1}, {"sigma": 0.05}]  # fmt: skip


@pytest.mark.parametrize("bad", BAD)
def test_bad_settings_are_refused_before_any_work(bad):
    with pytest.raises(InputError):
        page.study(**bad, advance=lambda: pytest.fail("work was done"))

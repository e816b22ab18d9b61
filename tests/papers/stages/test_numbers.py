"""The claims on stages notice a wrong weight, another unconditional law and another problem."""

import pytest

from maskguide.papers.stages import numbers as claims
from maskguide.papers.stages.discrete import MaskedModes
from maskguide.papers.stages.line import Line


def failed(group):
    return [row.name for row in group() if not row.passed]


def test_a_scale_given_as_weight_is_noticed_by_one_gaussian(monkeypatch):
    right = claims.sample
    monkeypatch.setattr(claims, "sample", lambda c, u, w, **options: right(c, u, w + 1, **options))
    assert len(failed(claims.one_guided_gaussian)) == 8


@pytest.mark.parametrize("group", [claims.early_and_late, claims.triangle])
def test_another_unconditional_law_is_noticed(group, monkeypatch):
    monkeypatch.setattr(claims, "Line", lambda c, u: Line(claims.TWO, claims.Mixture([[0.0, 0.0]], 0.5)))
    assert len(failed(group)) > 3


def test_a_region_of_less_guidance_is_noticed(monkeypatch):
    class Small(Line):
        def locked(self, times, most, least=0.0):
            return super().locked(times, most / 10, least)

    monkeypatch.setattr(claims, "Line", Small)
    assert len(failed(claims.locked_region)) >= 3


def test_another_rule_or_problem_is_noticed_by_the_masked_modes(monkeypatch):
    monkeypatch.setattr(claims, "MaskedModes", lambda: MaskedModes(fidelity=0.79))
    assert len(failed(claims.masked_modes)) > 10

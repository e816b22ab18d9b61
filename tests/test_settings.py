"""Settings written as text: one reader, the same answer wherever they are written."""

import pytest

import maskguide as mg
from maskguide import _settings
from maskguide.conformance.claim import Claim


@pytest.mark.parametrize(
    ("text", "value"),
    [("2", 2), ("-0.5", -0.5), ("1e-3", 1e-3), ("true", True), ("False", False), ("null", None), ("even", "even"),
     ("[1, 2,3]", [1, 2, 3]), ("[]", []), ("inf", float("inf")), ("²", "²"), ("[" * 50_000, "[" * 50_000)],
)  # fmt: skip
def test_values(text, value):
    assert _settings.value(text) == value and type(_settings.value(text)) is type(value)


def test_all_readers_agree():
    for word in ("True", "true", "TRUE"):
        assert Claim.parse(f"normalized, confidence:noise={word}").stepper.parameters["noise"] == 1.0
    rule, claim = mg.Guidance.parse("predictor:temperature=0.5"), Claim.parse("product, theta-trapezoidal:theta=0.5")
    assert rule.parameters == {"temperature": 0.5} and claim.stepper.parameters["theta"] == 0.5


@pytest.mark.parametrize(
    "text", ["predictor:temperature", "predictor:=1", "predictor:temperature=", "predictor:weight=1",
             "predictor:self=1", "predictor:rule=1", "predictor:", "product:a=1",
             "predictor:temperature=1:temperature=2"],
)  # fmt: skip
def test_bad_settings_of_a_rule(text):
    with pytest.raises(mg.InputError):
        mg.Guidance.parse(text)

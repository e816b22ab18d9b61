"""The same seed draws the same tokens, and laws stay what they are: against the committed table."""

import json

import numpy as np
import pytest

from . import fingerprints

COMMITTED = json.loads(fingerprints.TABLE.read_text())
CELLS = dict(fingerprints.cells())
LABELS = sorted({tuple(key.split()[:2]) for key in COMMITTED})


@pytest.mark.parametrize("label,rule", LABELS)
def test_numbers_have_not_changed(label, rule):
    for key in (k for k in COMMITTED if k.split()[:2] == [label, rule]):
        found, committed = CELLS[key](), COMMITTED[key]
        if isinstance(committed, str):
            assert found == committed, key
        else:
            np.testing.assert_allclose(found, committed, rtol=2e-15, atol=2e-15, err_msg=key)


def test_engines_draw_the_same():
    for key, digest in COMMITTED.items():
        if key.endswith("numba"):
            assert COMMITTED[key.removesuffix("numba") + "torch"] == digest, key

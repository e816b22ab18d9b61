"""Numbers of confidence, entropy and splitting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...gaussian.mixture import Mixture
from ..register import Number, group
from .bounds import gaussian_reciprocal, guided_confidence, sampled_reciprocal
from .splitting import middle_share

CONFIDENCE = "docs/gaussian-confidence.md"
LAST_DIGIT = 5.01e-5  # half a unit of the fourth digit, and a hair
Z = 5.6  # |normal| beyond it: 1e-6 / 40


@group
def confidence() -> Iterator[Number]:
    """E[1/p(c|x)], E[p(c|x)] and the entropy of guided samples."""
    two = Mixture([[-1.0], [1.0]], labels=["left", "right"])
    rows = {0: (0.7752, 2.0, 0.0), 1: (0.9202, 1.1096, -0.2817), 3: (0.9843, 1.0162, -0.5494)}
    for w, row in rows.items():
        found = guided_confidence(two, "right", w)
        values = found.confidence, found.reciprocal, found.entropy_change
        for name, expected, got in zip(("E p(c|x)", "E 1/p(c|x)", "entropy change"), row, values, strict=True):
            yield Number(f"N(+-1, 1), w={w}: {name}", expected, got, LAST_DIGIT, f"Wu et al. 2024; {CONFIDENCE}")
    source = f"Li, Jiao 2025; {CONFIDENCE}"
    for w, value in {0: 3.3333, 1: 1.8553, 3: 1.5502}.items():
        exact = gaussian_reciprocal(1.0, 2.0, 1.0, 0.3, w)
        yield Number(f"N(1, 1) in N(0, 2), SDE, w={w}: E 1/p(c|x)", value, exact.direct, LAST_DIGIT, source)
        yield Number(f"the same by the balance, w={w}", exact.direct, exact.balance, 1e-9, source)
    draw = np.random.default_rng(0)
    mixture = Mixture(0.4 * draw.normal(size=(6, 8)), draw.uniform(0.8, 1.2, (6, 8)), labels=[0, 0, 1, 1, 2, 2])
    found = sampled_reciprocal(mixture, 0, 1.0, count=1000, steps=100)
    band = Z * float(np.hypot(found.direct_error, found.balance_error))
    yield Number(
        "six components, d=8, w=1: E 1/p(c|x) by samples, by balance", found.balance, found.direct, band, source
    )


@group
def three_in_a_row() -> Iterator[Number]:
    """Guidance to the middle one of three classes by 20 DDIM steps."""
    for w, share in {5: 1.0, 30: 0.929, 40: 0.216}.items():
        got = middle_share(w, 20)
        yield Number(f"three classes, 20 steps, w={w}: share left in the middle", share, got, 1.1e-3, CONFIDENCE)

"""Learned weights: what the losses have their minima at, without training."""

from __future__ import annotations

from collections.abc import Iterator

from ...gaussian.mixture import Mixture
from ..register import Number, group
from .models import Models, exact
from .optimum import square_optimum

SOURCE = "Galashov et al., arXiv:2510.00815; docs/gaussian-learned.md"


@group
def square_loss_minima() -> Iterator[Number]:
    """The square loss's best weight: none for exact scores, a regression coefficient for wrong ones."""
    law = Mixture([[-1.0, 0.0], [1.0, 0.5], [0.0, 1.0]], [0.05, 0.1, 0.3], labels=[0, 1, 1])
    for t in (0.1, 0.5, 0.9):
        worst = max(square_optimum(exact(law), k, t, nodes=20) for k in range(2))
        yield Number(f"learned weights, square loss, exact scores, t={t:g}: best omega", 0.0, worst, 0.0, SOURCE)
    models = Models("line", (Mixture([[1.0]], 0.25),), (Mixture([[0.5]], 0.25),), Mixture([[0.0]]))
    name = "learned weights, square loss, mean 1/2 predicted for 1, t=1/2: best omega"
    yield Number(name, 16 / 49, square_optimum(models, 0, 0.5), 1e-12, SOURCE)

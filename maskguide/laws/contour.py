"""Laws at a clock by contour quadrature: exp(uQ) from a few resolvents, each one lattice sweep.

    exp(uQ) = (1 / 2 pi i) * integral of e^{zu} (zI - Q)^{-1} dz

over a hyperbola z = mu (1 + sin(i theta - alpha)) around the negative real axis, where all eigenvalues
-R(x) lie. Midpoints theta_k = (k + 1/2) h; conjugate symmetry leaves `NODES` of them. The error does not
depend on the stiffness of Q.

Source: Weideman and Trefethen, "Parabolic and hyperbolic contours for computing the Bromwich integral",
Math. Comp. 76 (2007): alpha, h and mu below; error about 10^{-nodes} until round-off, ~1e-13 at 16.
"""

from __future__ import annotations

import numpy as np

from ..process import Rates
from .sweep import resolvent

NODES = 16
ANGLE = 1.172104229
ERROR = 5e-13  # absolute, L1; measured against 60-digit arithmetic in tests/laws/test_transient.py


def hyperbola(clock: float, nodes: int = NODES) -> tuple[np.ndarray, np.ndarray]:
    """Points z_k and weights c_k, (nodes,) complex, so that f(u) = Re sum_k c_k F(z_k) for F = Laplace f."""
    step, scale = 1.081792140 / nodes, 4.492075287 * nodes / clock
    angle = 1j * (np.arange(nodes) + 0.5) * step - ANGLE
    points = scale * (1 + np.sin(angle))
    return points, step / np.pi * scale * np.cos(angle) * np.exp(points * clock)


def propagate(rates: Rates, start: np.ndarray, clock: float) -> np.ndarray:
    """start exp(clock Q) on the lattice; clock in (0, inf). Absolute accuracy; tiny entries may be off by 1e-14."""
    points, weights = hyperbola(clock)
    return np.real(np.tensordot(weights, resolvent(rates, points, start), axes=1))


def shifted_masked_mass(
    rates: Rates, start: np.ndarray, clock: float, masked: np.ndarray, shift: float
) -> tuple[float, float]:
    """e^{shift * u} P(masked at u) with `shift` = min R over the masked states that carry weight.

    The integrand's poles then start at zero instead of at -shift, so the result keeps relative accuracy
    however small e^{-shift u} is. Returns the value and the size of the terms that were summed: their
    ratio says how many digits were lost.
    """
    points, weights = hyperbola(clock)
    exit = np.where(masked, np.maximum(rates.exit - shift, 0.0), 1.0)
    # A state below the shift carries no weight; completed states are not asked for.
    values = resolvent(rates, points, np.where(masked, start, 0.0), exit)[:, masked].sum(axis=1)
    return float((weights * values).sum().real), float(np.abs(weights * values).sum())

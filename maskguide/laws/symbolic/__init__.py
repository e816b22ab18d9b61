"""The exact laws as formulas: closed forms in sympy for given or symbolic class laws, weight and clock.

All functions take ``(problem, rule="product", weight=None)``. The weight is the symbol ``w`` (a real number
w > -1) unless a number is given; the clock is the symbol ``u`` = -log m(t). Symbols in the laws of the
problem (a prior, an overlap) are taken generic: an entry that is not identically zero is positive.

With r(x->y) = p_z(v|x) (p_z(v|x)/p(v|x))^w, G(x) = p_z(x) (p_z(x)/p(x))^w and exit rates R(x), the law at u is

    q_u(x) = G(x) sum over orders (-1)^k [R_0, ..., R_k] e^{-u.},

a divided difference at the exit rates met on the way. Masks fall along a path, so these rates differ at w = 0
and hence as functions of w, but two may meet at one weight: ``transient_law(problem, weight=3)`` then takes the
confluent form, while putting w = 3 into the general formula would divide zero by zero, and is refused.

Source: docs/theory.md, sections 2 to 2.3.
"""

from .asymptotics import TVAsymptotics, tv_asymptotics
from .chain import Chain, u, w
from .laws import covariance, exit_rates, late_rate, partition, renyi, terminal_law, transient_law, tv_decay
from .table import SymbolicTable

__all__ = [
    "Chain",
    "SymbolicTable",
    "TVAsymptotics",
    "covariance",
    "exit_rates",
    "late_rate",
    "partition",
    "renyi",
    "terminal_law",
    "transient_law",
    "tv_asymptotics",
    "tv_decay",
    "u",
    "w",
]

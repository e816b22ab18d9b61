"""The terminal law (u -> inf): what a perfect guided sampler draws."""

from __future__ import annotations

import numpy as np

from ..process import GuidedProcess
from .law import Law
from .sweep import all_masked, visits
from .transient import segment_start


def terminal_law(process: GuidedProcess) -> Law:
    """The law of completed samples, exactly.

    P(y) = sum over parents x of P(x) r(x->y) / R(x), one sweep over the lattice. For D = 1 this is the
    tilted law p_z^(1+w) p^(-w) / Z; for D >= 2 it is not. All terms are positive. With a weight schedule
    the chain is first carried to the start of the last segment (transient law, contour error ~1e-13).

    Returns
    -------
    Law
        ``.probs`` of shape (N,)*D, summing to one.

    Source: theory page "Exact laws", section "Terminal law".
    """
    *earlier, last = process.segments
    rates = process.rates(last.weight)
    start, error = segment_start(process, last) if earlier else (all_masked(rates), 0.0)
    completed = visits(rates, start)[(slice(0, process.vocab_size),) * process.length]
    method = "segments by contour, then sweep" if earlier else "sweep"
    return Law(completed, process.problem, np.array(np.inf), method, error)

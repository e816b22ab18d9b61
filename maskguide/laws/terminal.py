"""The terminal law (u -> inf): what a perfect guided sampler draws."""

from __future__ import annotations

from typing import cast

import numpy as np

from ..process import GuidedProcess
from .counts.lumped import process_counts, terminal_counts
from .lattice.absorption import absorbed
from .lattice.sweep import starting_law
from .law import Law
from .transient import transient_law


def terminal_law(process: GuidedProcess, *, start: object = None) -> Law:
    """The law of completed samples, exactly.

    P(y) = sum over parents x of P(x) r(x->y) / R(x), one sweep over the lattice. For D = 1 this is the
    tilted law p_z^(1+w) p^(-w) / Z; for D >= 2 it is not. All terms are positive. With a weight schedule
    the chain is first carried to the start of the last segment (`transient_law`; its error is passed on).
    Source: docs/theory.md, section 2.1; docs/exact-laws.md.

    Parameters
    ----------
    process : GuidedProcess
        Of a table or an exchangeable problem.
    start : sequence of D ints, array of shape (N+1,)*D, or Law, optional
        Where the chain starts: tokens, N for a mask (a prompt, to be completed), or a law on the lattice. By default
        everything is masked.

    Returns
    -------
    Law
        ``.probs`` of shape (N,)*D, summing to one. ``.method``: "sweep" (numpy; D <= 2), "potential
        sweep" (compiled; rate product), "coordinate sweep" (compiled; normalized) or "edge sweep" (compiled; other
        rules, and rate products beyond the range of float64). Of an ExchangeableProblem a CountLaw.

    Raises
    ------
    InputError
        A start that is no state or law, a problem without exact laws, a lattice that does not fit in memory.

    Examples
    --------
    >>> from maskguide import Guidance, GuidedProcess, zoo
    >>> law = terminal_law(GuidedProcess(zoo.get("overlap-1d"), Guidance("product", weight=1.0)))
    >>> law.probs.round(6)      # the target alone has (1/2, 1/2, 0): guidance drains the shared token
    array([0.666667, 0.333333, 0.      ])
    """
    if process.on_counts:
        return cast(Law, terminal_counts(*process_counts(process, start)))
    process.needs_table("the terminal law")
    *earlier, last = process.segments
    begin, error, before = starting_law(process, start), 0.0, ""
    if earlier:
        carried = transient_law(process, last.start, start=start)
        begin, error, before = carried.probs, carried.error, f"{carried.method}, then "
    completed, method, lost = absorbed(process, last.weight, begin)
    return Law(completed, process.problem, np.array(np.inf), before + method, error + lost)

"""The chain in the languages of other tools, so that anyone can check our laws elsewhere: PRISM, and Storm's .drn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import fsum
from pathlib import Path

import numpy as np

from .. import _checks, _files
from ..process import GuidedProcess

State = tuple[int, ...]
MAX_STATES = 2_000_000  # a text file of more serves nobody
MAX_LABELS = 1024  # completed states labelled without being asked for


def export(process: GuidedProcess, path: str | Path, *, targets: Sequence[Sequence[int]] | None = None) -> None:
    """Write the chain as a continuous-time Markov chain for PRISM (.prism) or for Storm (.drn or .prism).

    Time is the clock u, rates are decimals of 17 digits. ``P=? [F<=u "done"]`` is then 1 - tv_decay(process, u), and
    ``P=? [F<=u "y_0_1"]`` the probability at clock u of the completed state (0, 1). Completed states carry a
    loop of rate 1, which moves nothing, because model checkers dislike states without a way out. Both
    formats are read by Storm (PRISM files with its option --prismcompat), .prism also by PRISM.
    Source: docs/theory.md, section 2.

    Parameters
    ----------
    process : GuidedProcess
        Of constant weight: a schedule changes the rates with time, which neither format can say.
    path : str or Path
        .prism has variables x0, x1, ... in 0..N, N = mask; .drn numbers the states of the lattice (N+1,)*D in C order.
    targets : sequence of states, optional
        The states to label, N = mask, written m: (0, N) becomes "y_0_m". All completed ones if there
        are at most 1,024, else none.

    Raises
    ------
    InputError
        Weight schedules, more than 2,000,000 states, unknown file types, targets that are no states.
    """
    process.needs_table("an export")
    path = Path(path)
    _files.check_file(path, WRITERS)
    if not process.guidance.is_constant:
        _checks.fail(
            f"{process.guidance.schedule} in a file",
            "rates are constant in time: one weight",
            "export one piece at a time",
        )
    count = (process.vocab_size + 1) ** process.length
    if count > MAX_STATES:
        _checks.fail(f"a file of {count:,} states", f"at most {MAX_STATES:,}", "export a smaller problem")
    labelled = _targets(process, targets)
    _files.write(path, (f"{line}\n" for line in WRITERS[path.suffix](process, labelled)))


def label(state: Sequence[int], vocab_size: int) -> str:
    """The label of a state in both formats: "y_" and its tokens, m for a mask."""
    return "y_" + "_".join("m" if v == vocab_size else str(int(v)) for v in state)


def _prism(process: GuidedProcess, targets: list[State]) -> Iterator[str]:
    size, coordinates = process.vocab_size, range(process.length)
    done = " & ".join(f"x{i}<{size}" for i in coordinates)
    yield from ("ctmc", *_origin(process), "", "module guided")
    yield from (f"  x{i} : [0..{size}] init {size};" for i in coordinates)
    for x, row in _rows(process):
        here = " & ".join(f"x{i}={v}" for i, v in enumerate(x))
        for y, rate in row:
            i = next(i for i in coordinates if x[i] != y[i])
            yield f"  [] {here} -> {rate:.17g}:(x{i}'={y[i]});"
    yield from (f"  [] {done} -> 1:true;", "endmodule", "", f'label "done" = {done};')
    for x in targets:
        yield f'label "{label(x, size)}" = {" & ".join(f"x{i}={v}" for i, v in enumerate(x))};'


def _drn(process: GuidedProcess, targets: list[State]) -> Iterator[str]:
    size, count = process.vocab_size, (process.vocab_size + 1) ** process.length
    yield from (*_origin(process), "@type: CTMC", "@parameters", "", "@reward_models", "")
    yield from ("@nr_states", str(count), "@nr_choices", str(count), "@model")
    names = {x: label(x, size) for x in targets}
    for number, (x, row) in enumerate(_rows(process)):
        stay = row or [(x, 1.0)]
        exit = fsum(rate for _, rate in stay)
        marks = ["init"] * (x == process.start) + ["done"] * (size not in x) + [n for n in (names.get(x),) if n]
        yield " ".join([f"state {number} !{exit:.17g}", *marks])
        yield "\taction 0"
        yield from (f"\t\t{np.ravel_multi_index(y, process.shape)} : {rate:.17g}" for y, rate in stay)


WRITERS = {".prism": _prism, ".drn": _drn}


def _rows(process: GuidedProcess) -> Iterator[tuple[State, list[tuple[State, float]]]]:
    """Every state in C order, with the states it leads to and their rates."""
    matrix = process.rate_matrix()
    states = list(np.ndindex(process.shape))
    for number, (a, b) in enumerate(pairwise(matrix.indptr)):
        entries = zip(matrix.indices[a:b].tolist(), matrix.data[a:b].tolist(), strict=True)
        yield states[number], [(states[j], rate) for j, rate in sorted(entries) if j != number]


def _origin(process: GuidedProcess) -> list[str]:
    from importlib.metadata import version

    words = f"{process.problem.name}: {process.guidance!r}, maskguide {version('maskguide')}".splitlines()
    clock = "time is the clock u = -log m(t); token N is the mask"
    names = ", ".join(f"x{i} = {name}" for i, name in enumerate(process.problem.coordinate_names))
    return [f"// {' '.join(line.split())}" for line in (*words, clock, names)]


def _targets(process: GuidedProcess, targets: Sequence[Sequence[int]] | None) -> list[State]:
    size, length = process.vocab_size, process.length
    if targets is None:
        return list(np.ndindex((size,) * length)) if size**length <= MAX_LABELS else []
    states = []
    for state in targets:
        found = tuple(_checks.integer(v, "token of a target", 0) for v in state)
        if len(found) != length or max(found) > size:
            _checks.fail(f"target {_checks.short(found)}", f"D = {length} tokens in 0..{size}, {size} = mask", "(0, 1)")
        states.append(found)
    return list(dict.fromkeys(states))

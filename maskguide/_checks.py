"""Argument checks. Every error sentence of the package is built here or by :func:`fail`."""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np

from . import _memory

NORMALISATION_TOLERANCE = 1e-9
LISTED_NAMES = 40
LEAST_MEMORY = 16 * 2**20  # bytes that are taken to be available always


class InputError(ValueError):
    """Bad input: what is wrong with which value, the rule, a hint at the way out (at most three lines)."""


class AccuracyWarning(UserWarning):
    """A number is right, but to fewer digits than the function normally promises."""


def fail(what: str, rule: str, hint: str) -> NoReturn:
    """Raise :class:`InputError` with its three parts, one a line."""
    raise InputError(f"{what}\n  rule: {rule}\n  fix:  {hint}")


def choice(value: str, valid: Iterable[str], what: str) -> str:
    """`value` if it is one of `valid`; otherwise an error that lists them and suggests the nearest."""
    names = list(valid)
    if value in names:
        return value
    near = difflib.get_close_matches(str(value), names, n=1, cutoff=0.4)
    fail(
        f"unknown {what} {short(value)}",
        f"one of {', '.join(names[:LISTED_NAMES])}{', ...' if len(names) > LISTED_NAMES else ''}",
        f"did you mean {near[0]!r}?" if near else f"choose a {what} from the list",
    )


def weight(value: float) -> float:
    """A guidance weight: finite and at least −1."""
    number = real(value, "weight")
    if not math.isfinite(number) or number < -1:
        fail(
            f"weight w = {number:g}",
            "w is finite and w >= -1 (w = 0 conditional, w = -1 unconditional)",
            "for a scale gamma = 1 + w, as many papers have it, use Guidance.from_scale(gamma)",
        )
    return number


def real(value: object, name: str) -> float:
    """`value` as a float; an error when it is not one real number."""
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        fail(f"{name} is {short(value)}", f"{name} is one real number", "give a number")


def integer(value: object, name: str, least: int) -> int:
    """`value` as an int that is at least `least`."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        fail(f"{name} = {short(value)}", f"{name} is an integer >= {least}", "give a whole number")
    if int(value) < least:
        fail(f"{name} = {value}", f"{name} is an integer >= {least}", f"give {least} or more")
    return int(value)


def seed(value: object) -> int:
    """A seed of the Philox stream: 0 <= seed < 2^64."""
    number = integer(value, "seed", 0)
    if number >= 2**64:
        fail(f"seed = {number}", "0 <= seed < 2^64", "give a smaller seed")
    return number


def clocks(value: object) -> np.ndarray:
    """Clocks u as a float array of shape () or (T,): each in [0, inf], no NaN."""
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        fail(f"clock is {short(value)}", "clock u is a number or (T,) numbers", "give numbers")
    if array.ndim > 1:
        fail(f"clock has shape {array.shape}", "clock u has shape () or (T,)", "flatten it")
    if not (array >= 0).all():
        bad = ~(array >= 0)
        fail(
            f"clock holds {np.atleast_1d(array)[np.atleast_1d(bad)][0]:g}",
            "0 <= u <= inf, u = -log m(t): 0 is fully masked, inf is data",
            "a time t becomes a clock by NoiseSchedule.clock(t)",
        )
    return array


def time_grid(value: object) -> np.ndarray:
    """Times of a stepped sampler: (K+1,) strictly decreasing from 1, last in [0, 1)."""
    try:
        grid = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        fail(f"grid is {short(value)}", "a grid is a list of times", "use uniform_grid(K)")
    if grid.ndim != 1 or grid.size < 2:
        fail(f"grid has shape {grid.shape}", "K + 1 >= 2 times", "use uniform_grid(K)")
    if np.isnan(grid).any() or grid[0] != 1 or grid[-1] < 0:
        fail(
            f"grid runs from {grid[0]:g} to {grid[-1]:g}{' with NaN' if np.isnan(grid).any() else ''}",
            "it starts at exactly t = 1 (fully masked) and ends at some t >= 0 (t = 0 is data)",
            "use uniform_grid(K), or reverse a grid that runs the other way",
        )
    flat = np.flatnonzero(np.diff(grid) >= 0)
    if flat.size:
        fail(
            f"grid does not decrease: entry {flat[0]} is {grid[flat[0]]:g}, the next {grid[flat[0] + 1]:g}",
            "times strictly decrease from 1 towards 0",
            "sort it in decreasing order and drop repeats",
        )
    return grid


def law(array: np.ndarray, name: str) -> np.ndarray:
    """A float law: no NaN, no negative entry, sum within 1e-9 of one; returned in float64, divided by its sum.

    In float32 and float16 the sum may be off by what their rounding explains; that is warned of.
    """
    if np.isnan(array).any():
        fail(f"{name} holds NaN", "probabilities are numbers in [0, 1]", "fill or drop the missing entry")
    if (array < 0).any():
        fail(f"{name} holds {array.min():g}", "probabilities are >= 0", "clip or recount it")
    allowed, array = sum_tolerance(array), array.astype(float)
    total = array.sum()
    if not abs(total - 1) <= allowed:
        fail(
            f"{name} sums to {total:.12g}, off by {total - 1:+.3g}",
            f"it sums to 1 within {allowed:.2g}",
            "divide it by its sum if its entries are counts or weights",
        )
    if abs(total - 1) > NORMALISATION_TOLERANCE:
        text = f"{name.split('[')[0]} in low precision sums to one up to rounding only: divided by its sum"
        warnings.warn(text, AccuracyWarning, stacklevel=2)
    return array / total


def low_precision(array: np.ndarray) -> np.ndarray:
    """The array itself in float16 or float32, anything else as float64."""
    return array if array.dtype.kind == "f" and array.dtype.itemsize < 8 else array.astype(float)


def sum_tolerance(array: np.ndarray) -> float:
    """How far from one a law may sum, for the precision that it is given in."""
    if array.dtype.kind != "f" or array.dtype.itemsize >= 8:
        return NORMALISATION_TOLERANCE
    precision = np.finfo(array.dtype)
    return float(precision.eps) + array.size * float(precision.smallest_subnormal)


def fits_in_memory(needed: int, what: str, hint: str) -> None:
    """Refuse an array of `needed` bytes when the machine has less available."""
    if needed <= LEAST_MEMORY:
        return
    available = available_memory()
    if needed > available:
        fail(
            f"{what} needs {needed:,} bytes ({human(needed)}), {human(available)} are available",
            "it must fit in memory",
            hint,
        )


def lattice_fits(
    vocab_size: int,
    length: int,
    bytes_per_state: int,
    what: str = "the lattice",
    hint: str = "use fewer coordinates or coarser bins",
) -> None:
    """Refuse a lattice of (N+1)^D states that does not fit, saying how many states and bytes."""
    lattice, digits = f"{what} of (N+1)^D = {vocab_size + 1}^{length}", length * math.log10(vocab_size + 1)
    if digits > 18:
        size = f"some 10^{digits:.0f} states and 10^{digits + math.log10(bytes_per_state):.0f} bytes"
        fail(f"{lattice}: {size}", "it must fit in memory", hint)
    states = (vocab_size + 1) ** length
    fits_in_memory(states * bytes_per_state, f"{lattice} = {states:,} states", hint)


def available_memory() -> int:
    """Bytes that can be allocated now, at least 16 MiB."""
    return max(_memory.available(), LEAST_MEMORY)


def human(size: float) -> str:
    """Bytes in words: 1536 -> '1.5 KiB'."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            return f"{size:.3g} {unit}"
        size /= 1024
    return f"{size:.3g} PiB"


def short(value: object) -> str:
    """A value for an error sentence: never a dumped array."""
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}, dtype {value.dtype}"
    try:
        text = repr(value)
    except Exception:  # somebody's object, whose own text fails
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."


def target(value: int | str, class_names: Sequence[str], prior: Any) -> int:
    """The index of the class to guide towards, given by name or number; its prior is positive."""
    if isinstance(value, str):
        value = class_names.index(choice(value, class_names, "target class"))
    index = integer(value, "target", 0)
    if index >= len(class_names):
        fail(f"target = {index}", f"0 <= target < K = {len(class_names)}", "count classes from 0")
    if prior[index] == 0:
        fail(f"prior[{index}] = 0 is the target's", "the target has a positive prior", "raise it")
    return index


def names(values: Sequence[object] | None, count: int, default: str, what: str) -> tuple[str, ...]:
    """`count` names as strings, `default`0, `default`1, ... when none are given."""
    if values is None:
        return tuple(f"{default}{k}" for k in range(count))
    if len(values) != count:
        fail(f"{len(values)} {what} given", f"one for each of the {count}", "give as many names as things")
    return tuple(str(v) for v in values)

"""Named reference problems, each with its source; laws are exact, but for the large ones, which have no table.

>>> from maskguide.problems import zoo
>>> zoo.get("squares-2d")
TableProblem('squares-2d': K=2, N=5, D=2, target='low')
>>> zoo.get("overlap-1d", overlap="1/4").exact_class_laws[0].tolist()
[Fraction(3, 4), Fraction(1, 4), Fraction(0, 1)]
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .. import _checks
from .chain import MarkovProblem
from .columns import Bins
from .mixture import ProductMixture
from .samples import problem_from_samples
from .table import TableProblem

PAPER = "He, Rojas, Tao, What Exactly Does Guidance Do in Masked Discrete Diffusion Models, arXiv:2506.10971"
REGIMES = "maskguide, docs/theory.md §2.3"
OURS = f"{PAPER}, for the kind of example; the numbers are ours"
LARGE = "maskguide, docs/large-problems.md; the numbers are ours"
WINE = "UCI wine recognition data (Forina et al.), 178 samples, through scikit-learn's load_wine"

HALF = Fraction(1, 2)


@dataclass(frozen=True)
class _Entry:
    build: Callable[..., Any]
    source: str
    large: bool = False

    @property
    def parameters(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(self.build).parameters


_ENTRIES: dict[str, _Entry] = {}


def names() -> tuple[str, ...]:
    """Names of all reference problems that are tables."""
    return tuple(name for name, entry in _ENTRIES.items() if not entry.large)


def large_names() -> tuple[str, ...]:
    """Names of the reference problems without a table: any length, computed conditionals."""
    return tuple(name for name, entry in _ENTRIES.items() if entry.large)


def get(name: str, **parameters: Any) -> Any:
    """A reference problem by name.

    Parameters
    ----------
    name : str
        One of `names` or `large_names`.
    **parameters
        Of the problem; `describe` lists them. Probabilities of tables may be Fractions, sympy symbols,
        strings such as "1/4", or floats (taken as the decimal that they print).

    Returns
    -------
    TableProblem, or for a large one ProductMixture or MarkovProblem
        A new object on every call.

    Raises
    ------
    InputError
        Unknown name or parameter, or a probability outside [0, 1].

    Examples
    --------
    >>> get("overlap-1d", overlap="1/4").target_law
    array([0.75, 0.25, 0.  ])
    """
    entry = _ENTRIES[_checks.choice(name, _ENTRIES, "problem")]
    for parameter in parameters:
        _checks.choice(parameter, entry.parameters, f"parameter of {name!r}")
    problem = copy.copy(entry.build(**parameters))  # what is built is not written to: it may be somebody's own
    problem.name, problem.source = name, entry.source
    return problem


def describe(name: str) -> str:
    """What a reference problem is, its parameters with their defaults, and where it comes from.

    Parameters
    ----------
    name : str
        One of `names` or `large_names`.

    Returns
    -------
    str
        A few lines.

    Raises
    ------
    InputError
        An unknown name.
    """
    entry = _ENTRIES[_checks.choice(name, _ENTRIES, "problem")]
    parameters = ", ".join(f"{p.name} = {p.default}" for p in entry.parameters.values())
    return f"{inspect.getdoc(entry.build)}\nParameters: {parameters}\nSource: {entry.source}"


def _entry(name: str, source: str, large: bool = False) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def register(build: Callable[..., Any]) -> Callable[..., Any]:
        _ENTRIES[name] = _Entry(build, source, large)
        return build

    return register


# One coordinate --------------------------------------------------------------------------------------


@_entry("disjoint-1d", OURS)
def _disjoint_1d(prior: Any = HALF) -> TableProblem:
    """(2/3, 1/3, 0, 0) and (0, 0, 1/2, 1/2), target the first: guidance leaves its law alone, not its speed.

    `prior` is the prior probability of the target.
    """
    return _pair([[4, 2, 0, 0], [0, 0, 3, 3]], prior)


@_entry("overlap-1d", OURS)
def _overlap_1d(overlap: Any = HALF, prior: Any = HALF) -> TableProblem:
    """(1 - ε, ε, 0) and (0, ε, 1 - ε), target the first: guidance drains the shared token.

    `overlap` is ε, `prior` the prior probability of the target; both may be sympy symbols.
    """
    shared = _probability(overlap, "overlap")
    laws = [[1 - shared, shared, 0], [0, shared, 1 - shared]]
    return _two_classes(np.array(laws, dtype=object), prior)


# Two coordinates -------------------------------------------------------------------------------------


@_entry("squares-2d", PAPER)
def _squares_2d(prior: Any = HALF) -> TableProblem:
    """Uniform on {0,1,2}² (target) and on {2,3,4}²: they share one point; TV saturates.

    `prior` is the prior probability of the target.
    """
    return _pair([_cube((0, 1, 2), 2), _cube((2, 3, 4), 2)], prior)


@_entry("small-squares-2d", REGIMES)
def _small_squares_2d(prior: Any = HALF) -> TableProblem:
    """Uniform on {0,1}² (target) and on {1,2}²: the smallest squares that share a point; TV saturates.

    `prior` is the prior probability of the target.
    """
    return _pair([_cube((0, 1), 2, 3), _cube((1, 2), 2, 3)], prior)


@_entry("projections-2d", OURS)
def _projections_2d(prior: Any = HALF) -> TableProblem:
    """Uniform on {0,1,2}² (target) and on {2,3,4}² without (2,2): no common point, overlapping projections.

    All four regions of points that are private to the target occur. `prior` is the prior probability of the target.
    """
    other = _cube((2, 3, 4), 2)
    other[2, 2] = 0
    return _pair([_cube((0, 1, 2), 2), other], prior)


@_entry("no-blind-2d", REGIMES)
def _no_blind_2d(prior: Any = HALF) -> TableProblem:
    """[[12,2],[2,1]]/17 (target) and [[1,2],[2,12]]/17: no context is blind, TV falls double-exponentially in w.

    `prior` is the prior probability of the target.
    """
    return _pair([[[12, 2], [2, 1]], [[1, 2], [2, 12]]], prior)


@_entry("fading-blind-2d", REGIMES)
def _fading_blind_2d(prior: Any = HALF) -> TableProblem:
    """[[1,1,1],[8,1,1],[8,1,1]]/23 (target) and [[4,4,4],[1,8,1],[1,1,8]]/32: TV falls exponentially in w.

    The context (0, mask) is blind, but guidance visits it ever less. `prior` is the prior probability of the target.
    """
    laws = [[[1, 1, 1], [8, 1, 1], [8, 1, 1]], [[4, 4, 4], [1, 8, 1], [1, 1, 8]]]
    return _pair(laws, prior)


@_entry("identical-2d", REGIMES)
def _identical_2d(prior: Any = HALF) -> TableProblem:
    """[[4,1],[2,3]]/10 for both classes: guidance changes nothing, TV is flat in w.

    `prior` is the prior probability of the target.
    """
    return _pair([[[4, 1], [2, 3]], [[4, 1], [2, 3]]], prior)


# More coordinates, and data ---------------------------------------------------------------------------


@_entry("cubes-5d", PAPER)
def _cubes_5d(prior: Any = HALF) -> TableProblem:
    """Uniform on {0,1,2}^5 and on {2,3,4}^5 (target): the 5D experiment of the paper.

    `prior` is the prior probability of the target.
    """
    return _pair([_cube((0, 1, 2), 5), _cube((2, 3, 4), 5)], prior, target=1)


@_entry("wine-2d", WINE)
def _wine_2d(target: Any = "class_1", bins: Bins = 4) -> TableProblem:
    """Colour intensity and proline of 178 wines in quartiles, classes the three cultivars; exact class frequencies.

    Class 1 alone has the palest wines (a blind context: TV saturates); all else overlaps. `target` is one of
    class_0, class_1, class_2, `bins` as in problem_from_samples.
    """
    try:
        from sklearn.datasets import load_wine
    except ImportError:
        _checks.fail("scikit-learn is not installed", "wine-2d needs it", "pip install 'maskguide[data]'")
    wine: Any = load_wine()
    return problem_from_samples(
        dict(zip(wine.feature_names, wine.data.T, strict=True)), wine.target_names[wine.target], target,
        columns=["color_intensity", "proline"], bins=bins,
    )  # fmt: skip


# Many coordinates: tokens on a ring -------------------------------------------------------------------


@_entry("mixture-64d", LARGE, large=True)
def _mixture_64d(length: int = 64, vocab_size: int = 32, sharpness: float = 0.5) -> ProductMixture:
    """Waves that turn 1, 2 or 3 times (target) and 3, 4 or 5 times: multimodal classes that share a mode.

    Token v of coordinate i has probability ~ exp(κ cos(2π(v/N - turns i/D))); all six components weigh 1/6. `length`
    is D, `vocab_size` N, `sharpness` κ.
    """
    turns = np.array([1, 2, 3, 3, 4, 5])
    length = _checks.integer(length, "length", 1)
    return ProductMixture(
        _on_ring(turns[:, None] * np.arange(length) / length, vocab_size, sharpness), np.full(6, 1 / 6),
        [0, 0, 0, 1, 1, 1], class_names=("slow", "fast"),
    )  # fmt: skip


@_entry("chain-64d", LARGE, large=True)
def _chain_64d(length: int = 64, vocab_size: int = 32, drift: float = 1.0, sharpness: float = 4.0) -> MarkovProblem:
    """Random walks on a ring that drift upwards (target) and downwards, from a uniform start.

    v is followed by v' with probability ~ exp(κ cos(2π(v' - v ∓ drift)/N)). `length` is D, `vocab_size` N, `drift` in
    tokens, `sharpness` κ.
    """
    size = _checks.integer(vocab_size, "vocab_size", 1)
    steps = np.array([1, -1])[:, None] * _checks.real(drift, "drift")
    moves = _on_ring((np.arange(size) + steps) / size, size, sharpness)
    return MarkovProblem(np.full((2, size), 1 / size), moves, [0.5, 0.5], length=length, class_names=("up", "down"))


# Parts -----------------------------------------------------------------------------------------------


def _cube(tokens: Sequence[int], length: int, vocab_size: int = 5) -> np.ndarray:
    """One on tokens^length, zero elsewhere."""
    weights = np.zeros((vocab_size,) * length, dtype=int)
    weights[np.ix_(*(tokens,) * length)] = 1
    return weights


def _pair(weights: Sequence[Any], prior: Any, target: int = 0) -> TableProblem:
    """Two classes with laws proportional to whole weights."""
    arrays = [np.asarray(w) for w in weights]
    laws = [np.vectorize(Fraction, [object])(w, w.sum()) for w in arrays]
    return _two_classes(np.stack(laws), prior, target)


def _two_classes(laws: np.ndarray, prior: Any, target: int = 0) -> TableProblem:
    weight = _probability(prior, "prior")
    weights = np.array([1 - weight, weight] if target else [weight, 1 - weight], dtype=object)
    return TableProblem(laws, weights, target, class_names=("low", "high"))


def _probability(value: Any, name: str) -> Any:
    """A Fraction in [0, 1], or a sympy expression as it is."""
    if type(value).__module__.startswith("sympy"):
        return value
    try:
        number = Fraction(str(value)) if isinstance(value, float) else Fraction(value)
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        _checks.fail(f"{name} = {_checks.short(value)}", "a number, fraction or sympy symbol", f'{name}="1/4"')
    if not 0 <= number <= 1:
        _checks.fail(f"{name} = {number}", f"0 <= {name} <= 1", "it is a probability")
    return number


def _on_ring(centres: np.ndarray, vocab_size: int, sharpness: float) -> np.ndarray:
    """Laws ~ exp(sharpness cos(2π(v/N - centre))), tokens last: von Mises on N points."""
    tokens = np.arange(_checks.integer(vocab_size, "vocab_size", 1)) / vocab_size
    angles = 2 * np.pi * (tokens - centres[..., None])
    weights = np.exp(_checks.real(sharpness, "sharpness") * (np.cos(angles) - 1))
    return weights / weights.sum(axis=-1, keepdims=True)

"""GuidedProcess = problem + guidance: the guided reverse chain in the clock u.

A state of the lattice {0..N}^D has revealed coordinates (tokens 0..N-1) and masked ones (N). From x a
masked coordinate i is revealed as v at rate r = g_w(p_z(v|x), p(v|x)), constant in u. Rates are kept as
*edges*: for each coordinate one array indexed by the child y, the state after the reveal.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from . import _checks
from ._arrays import namespace
from ._caching import cached_on_first
from .guidance import Guidance, Segment
from .guidance.rule import Rule
from .problems.conditionals import Denoiser
from .problems.denoiser_output import log_conditionals
from .problems.exchangeable import ExchangeableProblem
from .problems.table import TableProblem

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class Rates:
    """All rates of the guided chain at one weight, as arrays over the lattice.

    Attributes
    ----------
    edges : tuple of D arrays
        edges[i] has the shape (N+1,)*D with axis i of length N; edges[i][y] is the rate, per unit of the clock u, from
        y with coordinate i masked to y.
    hazards : tuple of D arrays
        hazards[i] = Z_i, edges[i] summed over axis i, shape (N+1,)*D with axis i of length 1.
    exit : array, (N+1,)*D
        R(x) = sum over masked i of Z_i(x); 0 on completed states.
    """

    edges: tuple[np.ndarray, ...]
    hazards: tuple[np.ndarray, ...]
    exit: np.ndarray

    @property
    def length(self) -> int:
        """Number of coordinates D."""
        return len(self.edges)

    @property
    def vocab_size(self) -> int:
        """Number of tokens N."""
        return self.exit.shape[0] - 1


class GuidedProcess:
    """The guided reverse continuous-time Markov chain of a problem under a guidance.

    From a state x, every masked coordinate i becomes token v at the rate r(v) that the guidance rule makes of p_z(v|x)
    and p(v|x), the conditionals of the target class and of the unconditional law. Rows of the rate matrix Q sum to
    zero, and laws are row vectors: q(u) = q(0) exp(uQ), from the fully masked state. In the clock u = -log m(t) rates
    are constant in time, so noise schedules do not enter. Source: docs/theory.md, sections 1 and 2.

    Parameters
    ----------
    problem : TableProblem, ExchangeableProblem or Denoiser
        A table has everything: rates, exact laws, samples. An exchangeable problem has laws on counts (`terminal_law`,
        `transient_law`, `tv_decay`, `late_rate`). Any other Denoiser, such as a ProductMixture of hundreds of
        coordinates or a network, has samples, from conditionals computed on the way.
    guidance : Guidance
        The rule, its parameters and the weight, or a weight schedule.

    Raises
    ------
    InputError
        Arguments of other types, a lattice that does not fit in memory, a rule that does not apply to the problem (a
        negative class that never visits states of the target), a weight schedule that returns from w = -1.

    Examples
    --------
    >>> import maskguide as mg
    >>> process = mg.GuidedProcess(mg.zoo.get("overlap-1d"), mg.Guidance("product", weight=1.0))
    >>> process.rates().edges[0]        # tokens 0, 1, 2: twice as fast where only the target goes
    array([1. , 0.5, 0. ])
    """

    def __init__(self, problem: Any, guidance: Guidance):
        _usable(problem, guidance)
        self.problem: Any = problem
        self.guidance = guidance
        if self.on_lattice:
            _checks.lattice_fits(problem.vocab_size, problem.length, 8)
        if not self.on_counts:
            guidance.rule.check(problem)
            _no_dead_ends(problem, guidance)

    @property
    def on_lattice(self) -> bool:
        """Whether the problem is a table, so that rates and laws on all (N+1)^D states are at hand."""
        return isinstance(self.problem, TableProblem)

    @property
    def on_counts(self) -> bool:
        """Whether the problem is exchangeable, so that its laws are those of token counts."""
        return isinstance(self.problem, ExchangeableProblem)

    @property
    def vocab_size(self) -> int:
        """Number of tokens N; the mask is token N."""
        return self.problem.vocab_size

    @property
    def length(self) -> int:
        """Number of coordinates D."""
        return self.problem.length

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the lattice, (N+1,)*D."""
        return (self.vocab_size + 1,) * self.length

    @property
    def start(self) -> tuple[int, ...]:
        """The fully masked state."""
        return (self.vocab_size,) * self.length

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The pieces of the clock on which the weight, hence every rate, is constant."""
        return self.guidance.schedule.segments()

    def rates(self, weight: float | None = None) -> Rates:
        """All rates at a weight.

        Parameters
        ----------
        weight : float, optional
            w >= -1; by default the weight near the data, that of the last segment.

        Returns
        -------
        Rates
            Arrays over the lattice, about 8 (D + 4) (N+1)^D bytes.

        Raises
        ------
        InputError
            A problem that is no table, a weight below -1, rates that overflow float64 or do not fit in memory.
        """
        self.needs_table("rates on the lattice")
        chosen = self.segments[-1].weight if weight is None else _checks.weight(weight)
        _checks.lattice_fits(self.vocab_size, self.length, 8 * (self.length + 4), "the rates on the lattice")
        return _rates(self.problem, self.guidance.rule, chosen)

    def needs_table(self, what: str) -> None:
        """Refuse a problem that is no table, on behalf of something that needs the whole lattice.

        Parameters
        ----------
        what : str
            What needs it, for the error: "rates on the lattice".

        Raises
        ------
        InputError
            If the problem is no TableProblem.
        """
        if not self.on_lattice:
            counts = "an exchangeable problem has terminal_law, transient_law, tv_decay and late_rate"
            _checks.fail(
                f"{what} of {self.problem!r}",
                counts if self.on_counts else "a problem of computed conditionals has samples, and no exact laws",
                "problem.table() is the same problem on the lattice, for few coordinates",
            )

    def log_rates(self, tokens: Any, weight: float) -> Any:
        """Logarithms of the rates out of given states, log r(x -> x with x_i = v).

        Computed from the two conditionals of these states only, so that no table is needed; a rule that looks ahead is
        looked up on its table (numpy tokens).

        Parameters
        ----------
        tokens : integer array or tensor, shape (n, D)
            States, entries 0..N with N the mask; numpy, or a torch tensor on any device.
        weight : float
            w >= -1.

        Returns
        -------
        array or tensor, shape (n, D, N)
            As the tokens are; -inf at revealed coordinates and impossible tokens.

        Raises
        ------
        InputError
            A network that gives NaN, another shape, or rows that are no log-probabilities.
        """
        rule, problem = self.guidance.rule, self.problem
        if rule.looks_ahead:
            return _looked_up(self.rates(weight), np.asarray(tokens))
        target = log_conditionals(problem, tokens, problem.target)
        log_rate = rule.log_rates(target, log_conditionals(problem, tokens, rule.reference_label(problem)), weight)
        xp = namespace(tokens)
        return xp.where((tokens == self.vocab_size)[..., None], log_rate, -np.inf)

    def exit_rates(self, weight: float | None = None) -> np.ndarray:
        """Total rate R(x) at which masks disappear from each state x.

        Parameters
        ----------
        weight : float, optional
            w >= -1; by default the weight near the data.

        Returns
        -------
        array, shape (N+1,)*D
            Per unit of the clock u; 0 on completed states.
        """
        return self.rates(weight).exit

    def rate_matrix(self, weight: float | None = None) -> csr_array:
        """The rate matrix Q as a sparse matrix, q(u) = q(0) exp(uQ).

        Parameters
        ----------
        weight : float, optional
            w >= -1; by default the weight near the data.

        Returns
        -------
        scipy.sparse.csr_array, shape ((N+1)^D, (N+1)^D)
            States in C order of the lattice; Q[x, y] is the rate from x to y, rows sum to zero.
        """
        from scipy.sparse import coo_array

        rates = self.rates(weight)
        index = np.arange(rates.exit.size).reshape(self.shape)
        rows, columns, values = [index.ravel()], [index.ravel()], [-rates.exit.ravel()]
        for i, edge in enumerate(rates.edges):
            child = np.take(index, range(self.vocab_size), axis=i)
            parent = np.broadcast_to(np.take(index, [self.vocab_size], axis=i), child.shape)
            rows.append(parent.ravel())
            columns.append(child.ravel())
            values.append(edge.ravel())
        entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        matrix = coo_array(entries, shape=(index.size, index.size)).tocsr()
        matrix.eliminate_zeros()
        return matrix

    def __repr__(self) -> str:
        return f"GuidedProcess({self.problem!r}, {self.guidance!r})"


def _usable(problem: Any, guidance: Any) -> None:
    """Refuse what is no problem, naming the attributes that a denoiser lacks, or no guidance."""
    needed = (*Denoiser.__annotations__, "prior", "log_conditionals")
    missing = [name for name in needed if not hasattr(problem, name)]
    if 0 < len(missing) < len(needed) and not isinstance(problem, ExchangeableProblem):
        _checks.fail(
            f"a {type(problem).__name__} without {', '.join(missing)}",
            f"a problem has {', '.join(needed)}",
            "add what is missing; docs/extending.md has a whole example",
        )
    if (missing and not isinstance(problem, ExchangeableProblem)) or not isinstance(guidance, Guidance):
        _checks.fail(
            f"GuidedProcess({type(problem).__name__}, {type(guidance).__name__})",
            "GuidedProcess(problem, guidance)",
            'GuidedProcess(zoo.get("squares-2d"), Guidance("product", weight=2.0))',
        )


def _no_dead_ends(problem: Any, guidance: Guidance) -> None:
    """w = -1 may leave the target's support; a later w > -1 has no rate out of there."""
    weights = guidance.schedule.weights
    leaves = any(a == -1 and b > -1 for a, b in itertools.pairwise(weights))
    if leaves and (not isinstance(problem, TableProblem) or _leaves_support(problem, guidance)):
        _checks.fail(
            f"{guidance.schedule} returns from w = -1 to a larger weight",
            "w = -1 reaches states that the target never visits, and no other weight leads out of them",
            "start from a weight slightly above -1, such as -0.999, or keep w = -1 to the end",
        )


def _looked_up(rates: Rates, tokens: np.ndarray) -> np.ndarray:
    """log r of given states (n, D) from the edges of the whole lattice."""
    found = np.zeros((*tokens.shape, rates.vocab_size))
    for i, edge in enumerate(rates.edges):
        masked = tokens[:, i] == rates.vocab_size
        found[masked, i] = np.moveaxis(edge, i, -1)[tuple(np.delete(tokens[masked], i, axis=1).T)]
    with np.errstate(divide="ignore"):
        return np.log(found)


def _leaves_support(problem: TableProblem, guidance: Guidance) -> bool:
    return bool(((guidance.rule.reference(problem) > 0) & (problem.target_table == 0)).any())


@cached_on_first(8)
def _rates(problem: TableProblem, rule: Rule, weight: float) -> Rates:
    edges = tuple(_edge(problem, rule, weight, i) for i in range(problem.length))
    hazards = tuple(edge.sum(axis=i, keepdims=True) for i, edge in enumerate(edges))
    if not all(np.isfinite(h).all() for h in hazards):
        _checks.fail(
            f"rates overflow float64 at w = {weight:g} under the rule {rule.name!r}",
            "every rate is below 1.8e308; the rate product grows like p(z|x)^(-w)",
            'use a smaller weight, or the rule "normalized", whose rates never exceed 1',
        )
    exit = np.zeros((problem.vocab_size + 1,) * problem.length)
    for i, hazard in enumerate(hazards):
        exit[_masked(problem, i)] += hazard
    return Rates(edges, hazards, exit)


def _edge(problem: TableProblem, rule: Rule, weight: float, axis: int) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(rule.edges(problem, weight, axis), -1, axis))


def _masked(problem: TableProblem, axis: int) -> tuple[slice, ...]:
    return tuple(slice(-1, None) if i == axis else slice(None) for i in range(problem.length))

"""What a guidance rule is: one formula in logarithms, its declared properties, and the rates that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

import numpy as np

from .. import _checks
from .._arrays import namespace
from .._caching import cached_on_first
from ..problems.table import TableProblem, marginal_table
from . import derivative
from .formulas import log_normalized, log_powers, quotient
from .parameter import Parameter, Required


@dataclass(frozen=True)
class Rule:
    """A guidance rule: how the conditionals of the target class and of a reference make rates of masked coordinates.

    The reference is the unconditional law, or another class. One's own rule is a name and a formula; it is then
    accepted wherever a rule's name is, on tables and on networks (docs/rules.md, docs/extending.md).

    Attributes
    ----------
    name : str
        What the rule is called in `Guidance` and on the command line.
    log_formula : callable or None
        (log p_z, log p, w, **parameters) -> log r, all (..., N): from log conditionals of a coordinate's tokens, -inf
        where one is impossible. Written for numpy arrays and torch tensors alike; w = 0 is the target alone,
        w = -1 the reference alone. What it says of tokens that are impossible under one of the laws it uses is not
        looked at: their rate is 0. None for a rule that looks ahead.
    formula : str
        The rule in words for people: "p_z^(1+w) p^(-w)".
    source : str
        The paper, or the page of docs/, that the rule comes from.
    normalises : bool
        The rates of a coordinate are divided by their sum: every mask is revealed at rate 1 for every w, R(x) = |M(x)|.
    on_probabilities : callable, optional
        (p_z, p, w, **parameters) -> r on numpy arrays (..., N): the same formula where it is faster or keeps more
        digits.
    derivative : callable, optional
        (log p_z, log p, w, **parameters) -> the formula's derivative in w; otherwise by automatic differentiation.
    powers : callable, optional
        (w, **parameters) -> (a, b) if r is p_z^a p^b, up to normalisation, a and b linear in w; the compiled engines
        take these rules on mixtures and chains. a = 0: the target restricts nothing.
    growth : callable, optional
        (**parameters) -> g if r follows (p_z/p)^(g w) as w -> inf, or None if it does not; `decay_regime` needs it.
    parameters : tuple of Parameter
        What the rule takes besides the weight, in the order of its settings.
    settings : tuple of (name, value)
        The parameters' values, once a Guidance has set them.
    table_rates : callable, optional
        (problem, w, axis) -> rates of a coordinate in every context of a table, for a rule that looks ahead: its rates
        depend on what the other masked coordinates may become ("tilted").
    """

    name: str
    log_formula: Callable[..., Any] | None
    formula: str = ""
    source: str = ""
    normalises: bool = False
    on_probabilities: Callable[..., np.ndarray] | None = None
    derivative: Callable[..., Any] | None = None
    powers: Callable[..., tuple[float, float]] | None = None
    growth: Callable[..., float | None] | None = None
    parameters: tuple[Parameter, ...] = ()
    settings: tuple[tuple[str, Any], ...] = ()
    table_rates: Callable[[TableProblem, float, int], np.ndarray] | None = None

    # Parameters -------------------------------------------------------------------------------------------------------

    def with_settings(self, given: Mapping[str, Any]) -> Rule:
        """The same rule with its parameters set.

        Parameters
        ----------
        given : mapping of str to value
            Values by name; parameters that are left out take their defaults.

        Returns
        -------
        Rule
            With the checked values in `settings`.

        Raises
        ------
        InputError
            An unknown or missing parameter, or a value out of range.
        """
        if not given and (self.settings or not self.parameters):
            return self
        known = [p.name for p in self.parameters]
        for name in given:
            if name not in known:
                listed = f"its parameters: {', '.join(known)}" if known else "it has none but the weight"
                _checks.fail(f"unknown parameter {name!r} of the rule {self.name!r}", listed, "leave it out")
        chosen = {p.name: given.get(p.name, p.default) for p in self.parameters}
        for name, value in chosen.items():
            if value is Required.NO_DEFAULT:
                example = f'Guidance({self.name!r}, weight=1.0, {name}="class 1")'
                _checks.fail(f"the rule {self.name!r} without {name!r}", f"{name} has no default", example)
        return replace(self, settings=tuple((p.name, p.check(chosen[p.name])) for p in self.parameters))

    @property
    def negative(self) -> int | str | None:
        """The class guided away from, as it was given; None for the unconditional law."""
        names = [p.name for p in self.parameters if p.is_reference]
        return dict(self.settings).get(names[0]) if names else None

    @property
    def numbers(self) -> dict[str, Any]:
        """The parameters that the formula takes, by name: all but a class."""
        classes = {p.name for p in self.parameters if p.is_reference}
        return {name: value for name, value in self.settings if name not in classes}

    # What is declared -------------------------------------------------------------------------------------------------

    @property
    def looks_ahead(self) -> bool:
        """Whether the rates of a coordinate also depend on what the other masked ones may become."""
        return self.table_rates is not None

    @property
    def growth_in_w(self) -> float | None:
        """g if rates follow (p_z/p)^(g w) as w -> inf; None if they do not, or nobody has said so."""
        return self.growth(**self.numbers) if self.growth else None

    def is_ratio_product(self, weight: float) -> bool:
        """Whether the rates are p_z^(1+w) p^(-w) up to normalisation, p the unconditional law.

        Parameters
        ----------
        weight : float
            w >= -1.

        Returns
        -------
        bool
            Whether it is so at this weight.
        """
        ratio = (1 + weight, -weight)
        return self.powers is not None and self.negative is None and self.powers(weight, **self.numbers) == ratio

    @property
    def in_closed_form(self) -> bool:
        """Whether the symbolic engine knows the rule: p_z^(1+w) p^(-w), divided by its sum or not, no parameters."""
        return not self.parameters and self.is_ratio_product(0.5)

    def has_unit_hazards(self, weight: float) -> bool:
        """Whether the rates of a masked coordinate sum to one by the formula.

        So they do for a rule that normalises, and for p_z or p itself.

        Parameters
        ----------
        weight : float
            w >= -1.

        Returns
        -------
        bool
            Whether it is so at this weight, on every problem.
        """
        return self.normalises or (self.powers is not None and self.exponents(weight) in ((1, 0), (0, 1)))

    def exponents(self, weight: float) -> tuple[float, float]:
        """Exponents (a, b) of a rule of the form p_z^a p^b.

        Parameters
        ----------
        weight : float
            w >= -1.

        Returns
        -------
        tuple of two floats
            (1 + w, -w) for the rule "product".

        Raises
        ------
        InputError
            A rule of another form.
        """
        if self.powers is None:
            _checks.fail(
                f"exponents of the rule {self.name!r}",
                "only rules declared as p_z^a p^b have exponents, and run on compiled mixtures and chains",
                'engine="torch" takes any rule',
            )
        return self.powers(weight, **self.numbers)

    def laws_used(self, weight: float) -> tuple[bool, bool]:
        """Whether the rates depend on the target's conditional, and whether on the reference's.

        Parameters
        ----------
        weight : float
            w >= -1.

        Returns
        -------
        tuple of two bools
            (True, False) for the rule "product" at w = 0, which is p_z alone.
        """
        if self.powers is None:
            return weight != -1, True
        a, b = self.exponents(weight)
        return a != 0, (a, b) != (1, 0) or self.negative is not None

    # Rates ------------------------------------------------------------------------------------------------------------

    def log_rates(self, log_conditional: Any, log_unconditional: Any, weight: float) -> Any:
        """Logarithms of the rates of masked coordinates, from the logarithms of their conditionals.

        Parameters
        ----------
        log_conditional, log_unconditional : array or tensor, shape (..., N)
            log p_z(v|x) and log p(v|x) of the reference, -inf where a token is impossible; numpy or torch.
        weight : float
            w >= -1.

        Returns
        -------
        array or tensor, shape (..., N)
            log r(v), -inf where a token is impossible.

        Raises
        ------
        InputError
            A rule that looks ahead; a formula that gives NaN or another shape.
        """
        xp, formula = namespace(log_unconditional), self._formula
        possible = log_unconditional > -np.inf
        if self.laws_used(weight)[0]:
            possible = possible & (log_conditional > -np.inf)
        with np.errstate(invalid="ignore"):  # 0 inf and inf - inf, only where impossible
            found = formula(log_conditional, log_unconditional, weight, **self.numbers)
        self._usable(found, possible, weight)
        found = xp.where(possible, found, -np.inf)
        return log_normalized(found) if self.normalises else found

    def d_log_rates(self, log_conditional: Any, log_unconditional: Any, weight: float) -> Any:
        """Derivative of the logarithms of the rates in the weight, d log r / dw.

        As the rule declares it, in closed form for powers, and otherwise by torch's automatic differentiation.
        For p_z^a p^b the formula's is a' log p_z + b' log p; a rule that normalises takes its mean under r off.

        Parameters
        ----------
        log_conditional, log_unconditional : array or tensor, shape (..., N)
            As for `log_rates`.
        weight : float
            w >= -1.

        Returns
        -------
        array or tensor, shape (..., N)
            The derivative, 0 where r = 0; at w = -1 that towards larger weights, where the target is possible.

        Raises
        ------
        InputError
            As for `log_rates`; a rule without a declared derivative where torch is not installed.
        """
        logs = log_conditional, log_unconditional
        log_rate = self.log_rates(log_conditional, log_unconditional, weight)
        xp = namespace(log_rate)
        if self.derivative is not None:
            slope = self.derivative(log_conditional, log_unconditional, weight, **self.numbers)
        elif self.powers is not None:
            slope = derivative.of_powers(self.exponents(0.0), self.exponents(1.0), logs)
        else:
            slope = derivative.by_torch(partial(self._formula, **self.numbers), logs, weight, self.name)
        slope = xp.where(log_rate > -np.inf, slope, 0.0)
        mean = (xp.exp(log_rate) * slope).sum(-1)[..., None] if self.normalises else 0.0
        return xp.where(log_rate > -np.inf, slope - mean, 0.0)

    def rates(self, target: np.ndarray, reference: np.ndarray, weight: float) -> np.ndarray:
        """Rates of masked coordinates from conditionals in probabilities.

        Parameters
        ----------
        target, reference : array, shape (..., N)
            p_z(v|x) and p(v|x) of the reference.
        weight : float
            w >= -1.

        Returns
        -------
        array, shape (..., N)
            r(v) >= 0, 0 where a token is impossible.
        """
        if self.on_probabilities is not None:
            return self.on_probabilities(target, reference, weight, **self.numbers)
        with np.errstate(divide="ignore", over="ignore"):
            return np.exp(self.log_rates(np.log(target), np.log(reference), weight))

    def edges(self, problem: TableProblem, weight: float, axis: int) -> np.ndarray:
        """Rates of revealing one coordinate in every context of a table.

        Parameters
        ----------
        problem : TableProblem
            The table.
        weight : float
            w >= -1.
        axis : int
            The coordinate, 0 <= axis < D.

        Returns
        -------
        array, shape (N+1,)*(D-1) + (N,)
            Indexed by the tokens of the other coordinates, N where one is masked; the token that is revealed comes
            last.
        """
        if self.table_rates is not None:
            return self.table_rates(problem, weight, axis)
        target, reference = (conditionals(table, axis) for table in (problem.target_table, self.reference(problem)))
        return self.rates(target, reference, weight)

    def _usable(self, log_rate: Any, possible: Any, weight: float) -> None:
        """Refuse what somebody's own formula may give; a tensor's values are not looked at: the host would wait."""
        shape = tuple(getattr(log_rate, "shape", ()))
        if shape != tuple(possible.shape):
            needed = f"the shape of the conditionals, {tuple(possible.shape)}"
            _checks.fail(f"the rule {self.name!r} gives log rates of shape {shape}", needed, "return a number a token")
        if namespace(log_rate) is np and np.isnan(log_rate[possible]).any():
            _checks.fail(f"the rule {self.name!r} gives NaN at w = {weight:g}",
                         "log rates are numbers, -inf where a token is impossible",
                         "correct the formula")  # fmt: skip

    # Problems ---------------------------------------------------------------------------------------------------------

    def reference_label(self, problem: Any) -> int | None:
        """The class that takes the place of the unconditional law, as an index.

        Parameters
        ----------
        problem : Denoiser
            Any problem.

        Returns
        -------
        int or None
            The index of the negative class; None for the unconditional law.

        Raises
        ------
        InputError
            A negative class that the problem does not have.
        """
        return None if self.negative is None else class_index(problem, self.negative, "negative class")

    def reference(self, problem: TableProblem) -> np.ndarray:
        """The law guided away from, with all its marginals: the unconditional law, or the negative class.

        Parameters
        ----------
        problem : TableProblem
            The table.

        Returns
        -------
        array, shape (N+1,)*D
            Marginal probabilities; index N sums a coordinate out.
        """
        index = self.reference_label(problem)
        return problem.unconditional_table if index is None else _class_table(problem, index)

    def check(self, problem: Any) -> None:
        """Refuse a problem on which rates would be infinite: the negative class must go where the target goes.

        Parameters
        ----------
        problem : Denoiser
            A table is checked state by state; of any other problem only the classes themselves are looked at.

        Raises
        ------
        InputError
            A negative class that is the target or never visits states of the target; a rule that looks ahead, away from
            a table.
        """
        if not isinstance(problem, TableProblem) and self.looks_ahead:
            self._away_from_table()
        index = self.reference_label(problem)
        if index is None or (not isinstance(problem, TableProblem) and index != problem.target):
            return
        missing = np.zeros(0, dtype=bool)
        if index != problem.target:
            missing = (problem.target_law > 0) & (problem.class_laws[index] == 0)
        if index == problem.target or missing.any():
            fault = "is the target" if index == problem.target else f"never visits {int(missing.sum())} target states"
            _checks.fail(
                f"the negative class {problem.class_names[index]!r} {fault}",
                "p_z^(1+w) p_neg^(-w) needs another class, positive wherever the target is",
                'smooth the laws, or guide away from the unconditional law with the rule "product"',
            )

    @property
    def _formula(self) -> Callable[..., Any]:
        return self.log_formula or self._away_from_table()

    def _away_from_table(self) -> NoReturn:
        _checks.fail(
            f"the rule {self.name!r} away from a table",
            "it looks ahead: its rates are sums over all completions of a state, which only a table has",
            'a rule of two conditionals, such as "product"; for the tilted law itself, sample(..., method="smc")',
        )


@cached_on_first(2)
def _class_table(problem: TableProblem, index: int) -> np.ndarray:
    return marginal_table(problem.class_laws[index])


def class_index(problem: Any, label: int | str, what: str) -> int:
    """The index of a class given by name or number; `what` it is goes into the error sentence."""
    if isinstance(label, str):
        return problem.class_names.index(_checks.choice(label, problem.class_names, what))
    index = _checks.integer(label, what, 0)
    if index >= problem.num_classes:
        _checks.fail(
            f"{what} {index}", f"an index below K = {problem.num_classes}", "count classes from 0, or name one"
        )
    return index


def conditionals(table: np.ndarray, axis: int) -> np.ndarray:
    """p(v | x) for every context x with coordinate `axis` masked, token axis last; 0 where p(x) = 0."""
    moved = np.moveaxis(table, axis, -1)
    return quotient(moved[..., :-1], moved[..., -1:], 0.0)


def of_powers(powers: Callable[..., tuple[float, float]]) -> Callable[..., Any]:
    """The formula of a rule p_z^a p^b from its exponents."""
    return lambda log_target, log_reference, weight, **numbers: log_powers(
        log_target, log_reference, *powers(weight, **numbers)
    )

"""The whole derivation of a problem as text, LaTeX or a dictionary: problem, rates, laws, decay, covariance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import sympy

from ... import _checks
from ...guidance.rule import Rule
from ...guidance.rules import RULES
from ...problems.table import TableProblem
from .. import symbolic
from .chain import Chain, State, build, fits, tidy
from .table import SymbolicTable, latex_name, state_text

NAMES_SHOWN = 6  # of states that share an expression; as_dict() lists all

Entries = list[tuple[str, sympy.Expr]]


@dataclass(frozen=True)
class Section:
    """One step: a title, the general formula in text and in LaTeX, and its instances as (name, expression).

    States that share an expression share an entry, named "P(0, 0) = P(1, 1)".
    """

    title: str
    formula: str
    formula_latex: str
    entries: Entries


@dataclass(frozen=True)
class Derivation:
    """Closed forms of one problem under one rule.

    Attributes
    ----------
    problem : TableProblem
    rule : str
    weight : sympy.Expr
        The symbol w (w > -1) or a number.
    sections : tuple of Section
    """

    problem: TableProblem
    rule: str
    weight: sympy.Expr
    sections: tuple[Section, ...]

    def text(self) -> str:
        """The derivation in plain text, one expression a line."""
        blocks = [f"{s.title}\n  {s.formula}\n" + "".join(f"    {_short(n)} = {e}\n" for n, e in s.entries)
                  for s in self.sections]  # fmt: skip
        return "\n".join([self.title + "\n" + "".join(f"  {line}\n" for line in _legend(self.problem)), *blocks])

    def latex(self) -> str:
        """A fragment for a document that loads amsmath."""
        blocks = [rf"\section*{{{_escape(self.title)}}}", *(_escape(line) + r"\par" for line in _legend(self.problem))]
        for s in self.sections:
            blocks += [rf"\subsection*{{{_escape(s.title)}}}", rf"\[ {s.formula_latex} \]"]
            blocks += [rf"\[ {latex_name(_short(n))} = {sympy.latex(e)} \]" for n, e in s.entries]
        return "\n".join(blocks) + "\n"

    def as_dict(self) -> dict[str, Any]:
        """For JSON: strings and lists only."""
        return {
            "problem": self.problem.name, "rule": self.rule, "weight": str(self.weight),
            "version": version("maskguide"),
            "sections": [
                {"title": s.title, "formula": s.formula,
                 "entries": [{"name": n, "expression": str(e), "latex": sympy.latex(e)} for n, e in s.entries]}
                for s in self.sections
            ],
        }  # fmt: skip

    @property
    def title(self) -> str:
        """Problem, rule and weight in one line."""
        return f"{self.problem.name}: rule {self.rule}, weight w" + (
            "" if self.weight == symbolic.w else f" = {self.weight}"
        )


def derive(problem: TableProblem, rule: str | Rule = "product", weight: Any = None) -> Derivation:
    """Derive every closed form of a problem.

    Parameters
    ----------
    problem : TableProblem
        Small: D = 1, 2, or D = 3 with few tokens. Its laws may hold sympy symbols.
    rule : "product" or "normalized"
    weight : number, optional
        Without one the symbol w is kept.

    Raises
    ------
    InputError
        More than 2000 terms.

    Examples
    --------
    >>> from fractions import Fraction as F
    >>> problem = TableProblem([[F(3, 4), F(1, 4), 0], [0, F(1, 4), F(3, 4)]], [F(1, 2), F(1, 2)], name="overlap")
    >>> print(derive(problem, weight=1).text())
    overlap: rule product, weight w = 1
      D = 1 coordinates of N = 3 tokens; M = mask; target class 0 of 2
    ...
    Terminal law
      P(y) = G(y) * sum over orders of prod 1/R, G = p_z (p_z/p)^w
        P(0) = 6/7
        P(1) = 1/7
        P(2) = 0
    ...
    """
    chain = build(problem, rule, weight)
    fits(problem)
    arguments = problem, rule, chain.weight
    sections = [
        _problem(chain),
        _rates(chain),
        _partition(chain, arguments),
        _exit_rates(arguments),
        _terminal(chain, arguments),
        _transient(arguments),
        _decay(arguments),
        *_large_weight(problem, rule),
        _covariance(arguments),
    ]
    return Derivation(problem, RULES.named(rule).name, chain.weight, tuple(sections))


def _problem(chain: Chain) -> Section:
    tables = (("p_z", chain.problem.exact_target_table), ("p", chain.problem.exact_unconditional_table))
    entries = []
    for name, table in tables:
        completed = (x for x in np.ndindex(table.shape) if chain.mask not in x)
        entries += _grouped((f"{name}({_name(chain, x)})", tidy(table[x])) for x in completed)
    latex = r"p_z = p(\cdot\,|\,z), \qquad p = \sum_k a_k\, p(\cdot\,|\,k)"
    return Section("Problem", "p_z: the target class; p = sum_k a_k p_k: the unconditional law", latex, entries)


def _rates(chain: Chain) -> Section:
    reveals = ((x, y) for x in chain.contexts for i in chain.masked(x) for y in chain.children(x, i))
    entries = _grouped((f"r({_name(chain, x)} -> {_name(chain, y)})", chain.rate(x, y)) for x, y in reveals)
    divided, divided_latex = (" / Z_i(x)", r" \big/ Z_i(x)") if chain.normalises else ("", "")
    formula = f"r(x -> y) = p_z(v|x) (p_z(v|x)/p(v|x))^w{divided}"
    latex = rf"r(x \to y) = p_z(v|x) \left(p_z(v|x) / p(v|x)\right)^{{w}}{divided_latex}"
    return Section("Guided rates", formula, latex, entries)


def _partition(chain: Chain, arguments: tuple) -> Section:
    where = [(x, i) for x in chain.contexts for i in chain.masked(x)]
    names = [f"{i}({_name(chain, x)})" for x, i in where]
    sums = (chain.hazard(x, i) for x, i in where)
    divergences = (symbolic.renyi(*arguments, context=x, coordinate=i) for x, i in where)
    entries = [
        *_grouped(zip((f"Z_{n}" for n in names), sums, strict=True)),
        *_grouped(zip((f"D_{n}" for n in names), divergences, strict=True)),
    ]
    formula = "Z_i(x) = sum_v p_z^(1+w) p^(-w) = exp(w D_i(x)), D_i(x) the Rényi divergence of order 1+w"
    latex = r"Z_i(x) = \sum_v p_z(v|x)^{1+w} p(v|x)^{-w} = e^{w D_i(x)}, \quad D_i(x) = D_{1+w}(p_z \,\|\, p)"
    return Section("Partition functions and Rényi divergences", formula, latex, entries)


def _exit_rates(arguments: tuple) -> Section:
    table = symbolic.exit_rates(*arguments)
    entries = _grouped((table.state_name(x), e) for x, e in table.items() if table.vocab_size in x)
    latex = r"R(x) = \sum_{i \in M(x)} \sum_v r(x \to y)"
    return Section("Exit rates", "R(x) = sum over masked i of the rates of revealing i", latex, entries)


def _terminal(chain: Chain, arguments: tuple) -> Section:
    factor, factor_latex = ("(|M| Z_i)", r"|M(x)|\, Z_i(x)") if chain.normalises else ("R", "R(x)")
    formula = f"P(y) = G(y) * sum over orders of prod 1/{factor}, G = p_z (p_z/p)^w"
    latex = rf"P(y) = G(y) \sum_\sigma \prod_x \frac{{1}}{{{factor_latex}}}, \qquad G = p_z (p_z / p)^w"
    return Section("Terminal law", formula, latex, _entries(symbolic.terminal_law(*arguments)))


def _transient(arguments: tuple) -> Section:
    formula = "q_u(x) = sum over orders of prod r * (-1)^k [R_0, ..., R_k] e^(-u.), u = -log m"
    latex = r"q_u(x) = \sum_\sigma (-1)^k [R_0, \ldots, R_k]\, e^{-u\,\cdot} \prod r, \qquad u = -\log m"
    return Section("Law at clock u", formula, latex, _entries(symbolic.transient_law(*arguments)))


def _decay(arguments: tuple) -> Section:
    entries = [("TV(u)", symbolic.tv_decay(*arguments)), ("lambda", symbolic.late_rate(*arguments))]
    one, one_latex = (" = e^(-Z u) = m^Z", " = m^{Z}") if arguments[0].length == 1 else ("", "")
    formula = f"TV(u) = P(some coordinate still masked at u){one}; late rate lambda = min R (w >= 0)"
    latex = rf"TV(q_u, q_\infty) = \sum_{{x\ masked}} q_u(x){one_latex}, \qquad \lambda = \min_x R(x) \quad (w \geq 0)"
    return Section("Total variation", formula, latex, entries)


def _large_weight(problem: TableProblem, rule: str | Rule) -> list[Section]:
    try:
        leading = symbolic.tv_asymptotics(problem, rule)
    except _checks.InputError:
        return []  # gains that hold symbols cannot be ordered
    entries = [("TV(u), leading", leading.expression)]
    return [Section(f"Large weight: {leading.regime}", leading.text, r"w \to \infty, \quad u\ fixed", entries)]


def _covariance(arguments: tuple) -> Section:
    matrix = symbolic.covariance(*arguments)
    pairs = [(i, j) for i in range(matrix.rows) for j in range(i, matrix.rows)]
    entries = _grouped((f"Cov({i}, {j})", sympy.sympify(matrix[i, j])) for i, j in pairs)
    return Section("Covariance of the terminal law", "Cov(x_i, x_j) of the tokens", r"Cov(x_i, x_j)", entries)


def _entries(table: SymbolicTable) -> Entries:
    return _grouped((table.state_name(x), e) for x, e in table.items())


def _grouped(named: Iterable[tuple[str, sympy.Expr]]) -> Entries:
    """Names with equal expressions joined by " = ", in order of first appearance, zeros last."""
    found: dict[sympy.Expr, list[str]] = {}
    for name, expression in named:
        found.setdefault(expression, []).append(name)
    return [(" = ".join(names), e) for e, names in sorted(found.items(), key=lambda pair: pair[0] == 0)]


def _short(name: str) -> str:
    names = name.split(" = ")
    return name if len(names) <= NAMES_SHOWN else " = ".join([*names[: NAMES_SHOWN - 2], "...", names[-1]])


def _name(chain: Chain, x: State) -> str:
    return state_text(x, chain.mask)


def _legend(problem: TableProblem) -> list[str]:
    """What the indices mean: sizes, target, and the names of tokens that are not plain numbers."""
    lines = [f"D = {problem.length} coordinates of N = {problem.vocab_size} tokens; M = mask; "
             f"target {problem.class_names[problem.target]} of {problem.num_classes}"]  # fmt: skip
    for coordinate, tokens in zip(problem.coordinate_names, problem.token_names, strict=True):
        if any(name != str(v) for v, name in enumerate(tokens)):
            lines.append(f"{coordinate}: " + ", ".join(f"{v} = {name}" for v, name in enumerate(tokens)))
    return lines


_ESCAPES: Mapping[int, str] = str.maketrans(
    {c: "\\" + c for c in "&%$#_{}"}
    | {"~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}"}
)


def _escape(text: str) -> str:
    return text.translate(_ESCAPES)

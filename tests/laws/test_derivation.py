"""The derivation as text, LaTeX and JSON."""

import json
import re

import pytest
import sympy

import maskguide as mg
from maskguide import symbolic
from maskguide.laws.symbolic.derivation import derive

from ..conftest import table

SQUARES = table([[1, 1, 0], [1, 1, 0], [0, 0, 0]], [[0, 0, 0], [0, 1, 1], [0, 1, 1]], name="squares_100%")
# fmt: off
TITLES = ["Problem", "Guided rates", "Partition functions and Rényi divergences", "Exit rates", "Terminal law",
          "Law at clock u", "Total variation", "Large weight: saturating", "Covariance of the terminal law"]
# fmt: on


def entries(derivation, title):
    return dict(next(s for s in derivation.sections if s.title == title).entries)


def test_sections_hold_the_formulas_of_the_engine():
    derivation = derive(SQUARES)
    assert [s.title for s in derivation.sections] == TITLES
    law = symbolic.terminal_law(SQUARES)
    assert entries(derivation, "Terminal law")["P(0, 1) = P(1, 0)"] == law[0, 1] == law[1, 0]
    assert entries(derivation, "Total variation") == {"TV(u)": symbolic.tv_decay(SQUARES), "lambda": 1}
    assert entries(derivation, "Guided rates")[
        "r(M, M -> 0, M) = r(M, M -> M, 0) = r(1, M -> 1, 0) = r(M, 1 -> 0, 1)"
    ] == 2**symbolic.w / 2  # fmt: skip


def test_every_state_appears_exactly_once_in_each_law():
    for title, states in [("Terminal law", 9), ("Law at clock u", 16), ("Exit rates", 7)]:
        names = [n for group in entries(derive(SQUARES), title) for n in group.split(" = ")]
        assert len(names) == len(set(names)) == states


@pytest.mark.parametrize("rule", ["product", "normalized"])
def test_rates_sum_to_exit_rates(rule):
    derivation = derive(SQUARES, rule, 2)
    rates = [(n, e) for group, e in entries(derivation, "Guided rates").items() for n in group.split(" = ")]
    exits = {n: e for group, e in entries(derivation, "Exit rates").items() for n in group.split(" = ")}
    for context in ("M, M", "0, M", "M, 1"):
        assert sum(e for n, e in rates if n.startswith(f"r({context} ->")) == exits[f"R({context})"]


def test_text_states_each_section_and_shortens_long_lists_of_states():
    text = derive(SQUARES, "normalized", 2).text()
    assert text.startswith("squares_100%: rule normalized, weight w = 2\n")
    assert all(title in text for title in TITLES[:7])
    assert "P(0, 0) = 2/5" in text and "= ... =" in text
    assert max(map(len, text.splitlines())) < 160


@pytest.mark.parametrize("length", [1, 2])
def test_latex_is_balanced_and_escaped(length):
    problem = SQUARES if length == 2 else mg.zoo.get("overlap-1d", overlap=sympy.Symbol("epsilon", positive=True))
    latex = derive(problem).latex()
    assert latex.count(r"\[") == latex.count(r"\]") > 15
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", latex):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert latex.count(r"\left(") == latex.count(r"\right)")
    outside = re.sub(r"\\\[.*?\\\]", "", latex)
    assert not re.search(r"(?<!\\)[_%&#$^]", outside)
    assert "**" not in latex


def test_formulas_are_typeset_by_a_latex_parser():
    mathtext = pytest.importorskip("matplotlib.mathtext").MathTextParser("path")
    for formula in re.findall(r"\\\[ (.*?) \\\]", derive(SQUARES).latex()):
        mathtext.parse("$" + formula.replace(r"\qquad", " ").replace(r"\quad", " ") + "$")


def test_as_dict_is_json_that_sympy_reads_back():
    found = json.loads(json.dumps(derive(SQUARES).as_dict()))
    assert (found["rule"], found["weight"], found["problem"]) == ("product", "w", "squares_100%")
    names = {"w": symbolic.w, "u": symbolic.u}
    decay = next(s for s in found["sections"] if s["title"] == "Total variation")["entries"][0]
    assert sympy.sympify(decay["expression"], locals=names).equals(symbolic.tv_decay(SQUARES))


def test_symbolic_laws_leave_out_the_large_weight_section():
    a = sympy.Symbol("a", positive=True)
    derivation = derive(mg.zoo.get("overlap-1d", prior=a))
    assert "Large weight" not in derivation.text()
    assert "m^Z" in derivation.text()
    assert a in entries(derivation, "Total variation")["TV(u)"].free_symbols


def test_names_of_tokens_are_explained_and_large_problems_refused():
    named = mg.TableProblem([[0.5, 0.5], [0.25, 0.75]], [0.5, 0.5], token_names=[["no", "yes"]], class_names=["A", "B"])
    assert "x0: 0 = no, 1 = yes" in derive(named).text()
    assert "target A of 2" in derive(named).text()
    with pytest.raises(mg.InputError, match="terms"):
        derive(mg.zoo.get("cubes-5d"))

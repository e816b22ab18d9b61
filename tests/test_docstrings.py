"""The public API explains itself: numpydoc's checks that matter, and shapes, errors and sources."""

import ast
import inspect
import re
import sys
import textwrap
from dataclasses import is_dataclass
from functools import cached_property
from importlib import import_module

import pytest
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

import maskguide as mg
from maskguide import _checks, _registry, guidance, methods
from maskguide.comparison.comparison import Comparison, DecayComparison
from maskguide.comparison.ensembles import Coupled, TVDifference
from maskguide.conformance.findings import Outcome
from maskguide.gaussian import closed_forms, grids
from maskguide.gaussian import schedules as gaussian_schedules
from maskguide.guidance import formulas
from maskguide.guidance.rules import RULES
from maskguide.methods import METHODS
from maskguide.problems.conditionals import Denoiser, ExactDenoiser, RowDenoiser
from maskguide.process import Rates
from maskguide.samplers.samples import Provenance, SampleInfo
from maskguide.samplers.smc.run import run as particles
from maskguide.validation import validate as validate_problems

ROOMS = (mg, mg.conformance, mg.gaussian, mg.symbolic, guidance, methods)
RESULTS = (
    Comparison, DecayComparison, Coupled, Outcome, TVDifference, Rates, SampleInfo, Provenance,
)  # fmt: skip
ZOO = (mg.zoo.get, mg.zoo.describe, mg.zoo.names, mg.zoo.large_names)
STUDIES = ("angle.study", "stages.study", "distortions.study", "distortions.map", "learned_weights.study")
FORMULAS = (
    formulas.product_rates, formulas.normalized_rates, formulas.predictor_rates, formulas.rectified_rates,
    formulas.spherical_rates,
)  # fmt: skip
MORE = (
    *RESULTS,
    *ZOO,
    *FORMULAS,
    validate_problems,
    Denoiser,
    ExactDenoiser,
    RowDenoiser,
    _registry.Registry,
    particles,
)
NUMPYDOC = {
    "GL05", "GL06", "GL07", "GL08", "GL10",  # tabs, unknown sections, their order, no docstring, directives
    "SS01", "SS03", "SS06",  # a summary, one line, a full stop
    "PR01", "PR02", "PR03", "PR04", "PR07", "PR10",  # every parameter, none else, in order, with type and description
    "RT01", "RT03", "YD01",  # what is returned
}  # fmt: skip
ARRAY = re.compile(r"\barrays?\b|array_like|ndarray|tensor", re.IGNORECASE)
SHAPE = re.compile(r"\((?:[A-Z][A-Z0-9+*-]*|n|m|\.\.\.|\(|\d(?=, [A-Z]))[^)]*\)|\bshapes?\b|a number", re.DOTALL)
SOURCE = re.compile(r"docs/[\w/-]+\.md|arXiv:")


USED_AS_MODULES = (closed_forms, grids, gaussian_schedules)


def documented() -> dict[str, object]:
    """Public objects and the public members of classes, by qualified name."""
    listed = [getattr(room, name) for room in ROOMS for name in room.__all__]
    listed += [import_module(f"maskguide.papers.{study}").study for study in STUDIES]
    listed += [item for module in USED_AS_MODULES for name, item in vars(module).items() if is_of(module, name, item)]
    found = {f"{o.__module__}.{o.__qualname__}": o for o in (*listed, *MORE) if hasattr(o, "__qualname__")}
    for name, item in tuple(found.items()):
        found |= members(name, item) if inspect.isclass(item) and item is not Provenance else {}
    return found


def is_of(module, name: str, item: object) -> bool:
    return name[0] != "_" and (inspect.isclass(item) or inspect.isfunction(item)) and item.__module__ == module.__name__


def members(name: str, kind: type) -> dict[str, object]:
    own = [base for base in reversed(kind.__mro__) if base.__module__.startswith("maskguide")]
    public = {key: value for base in own for key, value in vars(base).items() if key[0] != "_"}
    wanted = {key: v for key, v in public.items() if inspect.isroutine(v) or isinstance(v, (property, cached_property))}
    return {f"{name}.{key}": v for key, v in wanted.items() if not (v.__doc__ or "").startswith("Deprecated:")}


def faults(item: object) -> list[str]:
    """What is missing from an object's docstring."""
    item = getattr(item, "__func__", item)
    doc = get_doc_object(item, config={"show_class_members": False})
    found = {code: f"{code}: {text}" for code, text in validate(doc)["errors"] if code in NUMPYDOC}
    if not Validator(doc).signature_parameters:  # nothing to ask for: the sentence says what is returned
        found.pop("RT01", None)
    own = set(Validator(doc).signature_parameters) - (by_parents(item) if inspect.isclass(item) else set())
    if (doc["Attributes"] and not doc["Parameters"]) or not own:  # told as the attributes of a record, or by parents
        found.pop("PR01", None)
    return [*found.values(), *record(doc, item), *shapes(doc, item), *raises(doc, item)]


def by_parents(item: object) -> set[str]:
    """Arguments that a class has from its parents, whose docstrings tell of them; all of a protocol's."""
    parents = [kind for kind in inspect.getmro(item)[1:] if kind.__module__.startswith("maskguide")]
    of = [item] if getattr(item, "_is_protocol", False) else parents
    return {name for kind in of for name in Validator(get_doc_object(kind)).signature_parameters}


def record(doc, item) -> list[str]:
    """Attributes without a type or a description; fields of a record that are not among them."""
    told = [name for entry in doc["Attributes"] for name in entry.name.split(", ")]
    fields = () if doc["Parameters"] or not told else Validator(doc).signature_parameters
    bare = [entry.name for entry in doc["Attributes"] if not (entry.type and "".join(entry.desc))]
    missing = [name for name in fields if name not in told and name not in by_parents(item)]
    return [f"no word on {name}" for name in (*bare, *missing)]


def shapes(doc, item) -> list[str]:
    """Arrays that do not state a shape, such as (n, D)."""
    entries = [entry for part in ("Parameters", "Attributes", "Returns") for entry in doc[part]]
    told = [(entry.name or "what is returned", f"{entry.type} {' '.join(entry.desc)}") for entry in entries]
    code = getattr(item, "fget", getattr(item, "func", item))
    if not doc["Returns"] and "ndarray" in str(getattr(code, "__annotations__", {}).get("return")):
        told.append(("what is returned", f"array {item.__doc__}"))
    return [f"no shape of {name}" for name, text in told if ARRAY.search(text) and not SHAPE.search(text)]


def raises(doc, item) -> list[str]:
    """What refuses bad input says so; a class says it for its construction."""
    code = vars(item).get("__post_init__" if is_dataclass(item) else "__init__") if inspect.isclass(item) else item
    said = any("InputError" in entry.type for entry in doc["Raises"])
    return ["no word on InputError"] if inspect.isfunction(code) and can_refuse(code) and not said else []


def can_refuse(function, seen=frozenset()) -> bool:
    """Whether a function, or one of the package's that it calls by name, uses `_checks`."""
    tree = ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function))))
    used = {node.id for node in tree if isinstance(node, ast.Name)}
    near = [vars(sys.modules[function.__module__]).get(name) for name in used]
    called = {f for f in near if inspect.isfunction(f) and f.__module__.startswith("maskguide")} - seen
    return "_checks" in used or any(can_refuse(f, seen | called) for f in called)


DOCUMENTED = documented()


@pytest.mark.parametrize("name", DOCUMENTED)
def test_docstring_is_complete(name):
    assert not faults(DOCUMENTED[name])


@pytest.mark.parametrize("name", [n for n in DOCUMENTED if n.startswith("maskguide.laws.") and n.count(".") == 3])
def test_law_has_a_source(name):
    assert SOURCE.search(DOCUMENTED[name].__doc__), "a page of docs/, or a paper"


@pytest.mark.parametrize("item", [*RULES.values(), *METHODS.values()], ids=lambda item: item.name)
def test_rule_or_method_has_a_source(item):
    assert item.source


def well_said(tokens, label=None):
    """Count the masks of every state.

    Parameters
    ----------
    tokens : array, (n, D)
        States.
    label : int, optional
        Not used.

    Returns
    -------
    array, (n,)
        Counts.

    Raises
    ------
    InputError
        A label that is no integer.
    """
    return tokens.sum(axis=_checks.integer(label, "label"))


GAPS = [
    ("Count the masks of every state.", "", "SS01"),
    ("state.", "state", "SS03"),
    ("label : int, optional\n        Not used.\n", "", "PR01"),
    ("label : int", "labels : int", "PR02"),
    (" : int, optional", "", "PR04"),
    ("        Not used.\n", "", "PR07"),
    ("Returns\n    -------\n    array, (n,)\n        Counts.\n", "", "RT01"),
    ("        Counts.\n", "", "RT03"),
    ("Returns\n    -------", "Gives\n    -----", "GL06"),
    ("array, (n, D)", "array", "no shape of tokens"),
    ("Raises\n    ------\n    InputError\n        A label that is no integer.\n", "", "no word on InputError"),
]


def test_a_complete_docstring_has_no_faults():
    assert not faults(well_said)


@pytest.mark.filterwarnings("ignore:Unknown section")
@pytest.mark.parametrize("said, instead, fault", GAPS, ids=[gap[-1] for gap in GAPS])
def test_a_gap_is_seen(said, instead, fault, monkeypatch):
    assert said in well_said.__doc__
    monkeypatch.setattr(well_said, "__doc__", well_said.__doc__.replace(said, instead))
    assert any(found.startswith(fault) for found in faults(well_said)), faults(well_said)

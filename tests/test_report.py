"""The report: every check is in it, failures show, nothing is loaded or run, and it is written whole or not at all."""

import os
from dataclasses import replace
from html.parser import HTMLParser
from typing import NamedTuple

import pytest

import maskguide as mg
from maskguide import plots
from maskguide._html import number
from maskguide.report import page as report
from maskguide.validation import Plan, validate

from .conftest import table

MALICIOUS = '<script>alert("x")</script>&\'"'
PIXEL = b"\x89PNG\r\n\x1a\n"
VOID = {"meta", "img", "td", "th", "br"}  # td: the template leaves its end tag out, as HTML allows


class Row(NamedTuple):
    """Looks like a number."""

    name: str = "TV(1)"
    expected: float = 0.5
    got: float = 0.50004
    tolerance: float = 1e-3
    source: str = "a paper"
    passed: bool = True


class Page(HTMLParser):
    """Tags with attributes, the rows of all tables as cells, the text, and whether tags are nested properly."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.rows, self.text, self.open = [], [], "", []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data
        if "tr" in self.open:
            if self.rows[-1]:
                self.rows[-1][-1] += data.strip()


@pytest.fixture(scope="module")
def found():
    problems = [
        table([4, 3, 1, 0], [0, 1, 3, 4], name="line"),
        table([[12, 2], [2, 1]], [[1, 2], [2, 12]], name="pair"),
    ]
    return validate(problems, Plan(weights=(0.0, 2.0), n=300, steps=4, seed=11))


def spoilt(found, index=7):
    """The same validation with one check turned into a failure."""
    case = found.cases[0]
    checks = list(case.checks)
    checks[index] = replace(checks[index], passed=False, value=0.98765, sentence="fails: as it was told to")
    return replace(found, cases=(replace(case, checks=tuple(checks)), *found.cases[1:])), checks[index]


def cells(check):
    figures = [number(value) for value in (check.value, check.bound, check.false_alarm)]
    verdict = "pass" if check.passed else "FAIL"
    return [check.rule, f"{check.weight:g}", check.engine, check.method, check.what, *figures, verdict]


def test_every_check_is_in_it(found):
    page = Page(report.render(found, {}))
    rows = [row for row in page.rows if row[-1] in ("pass", "FAIL")]
    assert sorted(rows) == sorted(cells(check) for check in found.checks)
    assert f"All {len(found.checks)} checks passed." in page.text
    assert "FAIL" not in page.text


def test_a_failing_check_shows_as_failed_and_first(found):
    bad, check = spoilt(found)
    page = Page(report.render(bad, {}))
    assert f"1 of {len(bad.checks)} checks failed, on line." in page.text
    assert ("p", {"class": "verdict fails"}) in page.tags
    assert [*cells(check), check.sentence] in page.rows
    verdicts = [row[-1] for row in page.rows if row[-1] in ("pass", "FAIL")]
    assert verdicts[0] == "FAIL" and verdicts.count("FAIL") == 1
    assert page.text.index("What failed") < page.text.index("Overview")
    opened = [attrs for tag, attrs in page.tags if tag == "details"]
    assert opened == [{"open": None}, {}]
    total = len(bad.cases[0].checks) * 4
    assert any(row[:2] == ["line", f"{total - 1} of {total}"] for row in page.rows)


@pytest.mark.parametrize("passed", [True, False])
def test_numbers_count_towards_the_verdict(found, passed):
    page = Page(report.render(found, {}, [Row(), Row(name="second", passed=passed)]))
    assert ["second", "0.5", "0.50004", "0.001", "pass" if passed else "FAIL", "a paper"] in page.rows
    verdict = "All 2 numbers hold." if passed else "1 of 2 numbers do not hold."
    assert verdict in page.text
    assert (("p", {"class": "verdict fails"}) in page.tags) == (not passed)


def test_no_checks_is_no_success(found):
    page = Page(report.render(replace(found, cases=(), regimes=()), {}))
    assert "No check was run." in page.text
    assert ("p", {"class": "verdict fails"}) in page.tags


def test_names_are_escaped_everywhere():
    problem = table([3, 1], [1, 3], name=MALICIOUS, source=MALICIOUS, class_names=[MALICIOUS, "b"],
                    coordinate_names=[MALICIOUS], token_names=[[MALICIOUS, "v"]])  # fmt: skip
    found = validate([problem], Plan(rules=("product",), weights=(1.0,), n=50, steps=2))
    bad = replace(found, cases=(replace(found.cases[0], checks=(replace(found.checks[0], passed=False),)),))
    text = report.render(bad, plots.figures(found), [Row(name=MALICIOUS, source=MALICIOUS)])
    page = Page(text)
    assert not [tag for tag, _ in page.tags if tag in ("script", "iframe", "object", "svg")]
    assert "<script" not in text and page.text.count(MALICIOUS) >= 6
    for _, attributes in page.tags:
        assert not [name for name in attributes if name.startswith("on")]


def test_it_loads_nothing_from_elsewhere(found):
    text = report.render(found, plots.figures(found), [Row()])
    page = Page(text)
    assert all(attrs["src"].startswith("data:image/svg+xml;base64,") for tag, attrs in page.tags if tag == "img")
    links = [attrs["href"] for tag, attrs in page.tags if "href" in attrs]
    anchors = {"#" + attrs["id"] for _, attrs in page.tags if "id" in attrs}
    assert links == ["#problem-1", "#problem-2"] and set(links) <= anchors
    assert not [tag for tag, _ in page.tags if tag in ("script", "link")]
    assert "url(" not in text and "@import" not in text


def test_figures_stand_with_their_problem_and_png_is_recognised(found):
    first, second = (curve.problem for curve in found.regimes)
    figures = {
        second: [("Second <b>", "caption 2", b"<svg/>")],
        None: [("All", "caption 0", PIXEL)],
        first: [("First", "caption 1", b"<svg/>")],
    }
    page = Page(report.render(found, figures))
    images = [attrs for tag, attrs in page.tags if tag == "img"]
    assert [image["alt"] for image in images] == ["All", "First", "Second <b>"]
    assert images[0]["src"] == "data:image/png;base64,iVBORw0KGgo="
    assert page.text.index("caption 0") < page.text.index("caption 1") < page.text.index("caption 2")


def test_regimes_contexts_conventions_and_provenance(found):
    page = Page(report.render(found, {}))
    for curve in found.regimes:
        assert page.text.count(curve.regime.sentence) == 2
    told = {row[0]: row[1] for row in page.rows if len(row) == 2}
    assert {"w", "t", "m(t)", "u"} <= set(told)
    assert told["seed"].startswith("11 ") and told["weights w"] == "0, 2" and told["trajectories"].startswith("300 ")
    assert f"maskguide {mg.__version__}" in told["versions"] and "numpy" in told["versions"]
    assert "at most " + number(found.false_alarm) in page.text


def test_many_contexts_are_counted_not_listed():
    cubes = mg.zoo.get("cubes-5d")
    found = validate([cubes], Plan(rules=("product",), weights=(0.0,), engines=("numba",), n=50, steps=2))
    text = Page(report.render(found, {})).text
    causes = found.regimes[0].regime.causes
    assert f"and {len(causes) - 12:,} more." in text and cubes.context_name(causes[11]) in text
    assert cubes.context_name(causes[12]) not in text


def test_problems_of_one_name_stay_apart(found, monkeypatch):
    first, second = (curve.problem for curve in found.regimes)
    assert first is not second
    bad, _ = spoilt(found)
    for curve in bad.regimes:
        monkeypatch.setattr(curve.problem, "name", "same")
    page = Page(report.render(bad, {}))
    total = len(found.cases[0].checks) * 4
    shares = [row[1] for row in page.rows if row[0] == "same"]
    assert shares == [f"{total - 1} of {total}", f"{len(found.cases[-1].checks) * 4} of {len(found.checks) - total}"]


def test_written_whole_into_a_new_directory(found, tmp_path):
    path = report.write(found, {}, tmp_path / "new" / "report", [Row()])
    assert path == tmp_path / "new" / "report" / "index.html"
    Page(path.read_text("utf-8"))
    assert os.listdir(path.parent) == ["index.html"]
    before = path.read_bytes()
    with pytest.raises(AttributeError):
        report.write(found, {}, path.parent, [object()])
    assert path.read_bytes() == before and os.listdir(path.parent) == ["index.html"]


def test_an_interrupted_write_leaves_the_old_page_and_no_scrap(found, tmp_path, monkeypatch):
    path = report.write(found, {}, tmp_path)
    before = path.read_bytes()

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        report.write(found, {}, tmp_path, [Row()])
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["index.html"]


def test_directories_that_cannot_be_written(found, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(mg.InputError, match="cannot write"):
        report.write(found, {}, tmp_path / "file" / "report")
    (tmp_path / "index.html").mkdir()
    with pytest.raises(mg.InputError, match="directory"):
        report.write(found, {}, tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["file", "index.html"]


def test_numbers():
    assert [number(v) for v in (float("nan"), 0.0, 0.012345, 1e-6, 12345.0)] == [
        "–", "0", "0.0123", "1e-06", "1.23e+04"]  # fmt: skip

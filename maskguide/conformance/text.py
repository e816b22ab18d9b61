"""The outcome of a run as text, plain data, JUnit XML and a badge."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from .faults import KINDS, printable
from .findings import FAILED, PASSED, SKIPPED, UNDECIDED, CheckResult, Outcome

MARKS = {PASSED: "ok  ", FAILED: "FAIL", UNDECIDED: "?   ", SKIPPED: "-   "}
COLOURS = {"conforms": "#17663a", "fails": "#a3261b", "undecided": "#8a6d1a"}
CERTIFIED = "within TV"  # how the message of a law begins that holds up to a tolerance
NOT_JUDGED = "Laws are not judged: what is said of them holds for independent draws."
COLUMNS = f"{'draws':>8} {'TV':>8} {'TV <':>8} {'sees':>8} {'log10 e':>8} {'s':>6}"


def verdict(report: Outcome) -> str:
    """The outcome in a sentence or two."""
    made = [check for check in report.checks if check.status != SKIPPED]
    if report.findings:
        if untested := _untested(report):
            return f"{report.sampler} is not tested: {untested}"
        named = dict.fromkeys(finding.kind for finding in report.findings)
        kinds = ", ".join(named)
        said = f" {report.diagnosis.sentence}" if report.diagnosis is not None else ""
        said += f" {NOT_JUDGED}" if "independence" in named else ""
        return f"{report.sampler} does not draw what it claims ({report.claim}): {kinds}.{said}"
    if report.undecided:
        return (
            f"Undecided: {len(report.undecided)} of {len(made)} checks of {report.sampler} ran out of draws or time; "
            "nothing was found so far."
        )
    laws = [check for check in made if check.what == "law"]
    certified = [check for check in laws if check.message.startswith(CERTIFIED)]
    widest = max((check.tv_upper for check in certified), default=math.nan)
    other = [f"{check.case}: {check.message}" for check in laws if check not in certified]
    left = [f"{check.case} ({check.message})" for check in unjudged(report)] + [report.left_out] * bool(report.left_out)
    sentence = f"{len(made)} checks, every law {CERTIFIED} {widest:.2g}."
    sentence += "".join([f" {x[0].upper()}{x[1:]}." for x in other] + [f" Not judged: {x}." for x in left])
    return f"{report.sampler} draws what it claims ({report.claim}): {sentence}"


def _untested(report: Outcome) -> str:
    """Why the sampler could not be called at all; empty if it could."""
    return next((finding.message for finding in report.findings if finding.kind == "signature"), "")


def unjudged(report: Outcome) -> list[CheckResult]:
    """Laws that were to be tested and could not be: a pass says nothing of them."""
    skipped = [check for check in report.checks if check.status == SKIPPED and check.what == "law"]
    return [] if report.findings else skipped


def text(report: Outcome) -> str:
    """Verdict, findings, and a line for each check; the verdict alone for a sampler that could not be called."""
    if _untested(report):
        return printable(verdict(report))
    return "\n".join(map(printable, [verdict(report), *_findings(report), "", *_table(report), "", _account(report)]))


def _findings(report: Outcome) -> Iterator[str]:
    """A line for each fault; the same one in several cases is named once."""
    groups: dict[tuple[str, str], list[str]] = {}
    for finding in report.findings:
        same = "" if finding.kind in KINDS else finding.case
        groups.setdefault((finding.kind, same), []).append(f"[{finding.case}] {finding.message}")
    for (kind, _), lines in groups.items():
        yield f"FAIL {kind}: {lines[0]}" + (f" (and {len(lines) - 1} more cases)" if len(lines) > 1 else "")


def _table(report: Outcome) -> Iterator[str]:
    rows = [check for check in report.checks if check.status != SKIPPED or check in unjudged(report)]
    width = max((len(row.name) for row in rows), default=0)
    yield f"     {'check':{width}} {COLUMNS}"
    for row in rows:
        note = f"  {row.message}" if row.status in (UNDECIDED, FAILED, SKIPPED) or row.what == "law" else ""
        yield f"{MARKS[row.status]} {row.name:{width}} {_figures(row)}{note}".rstrip()


def _figures(row: CheckResult) -> str:
    cells = [f"{row.n:8,}", *(_cell(value, 4) for value in (row.tv, row.tv_upper, row.visible)), _cell(row.log10_e, 1)]
    return " ".join([*cells, f"{row.seconds:6.2f}"])


def _cell(value: float, digits: int) -> str:
    return f"{'':>8}" if math.isnan(value) else f"{'inf' if math.isinf(value) else f'{value:.{digits}f}':>8}"


def _account(report: Outcome) -> str:
    left = f"Not tested: {report.left_out}. " if report.left_out else ""
    return left + (
        f"{report.n_draws:,} draws in {report.n_calls:,} calls, {report.seconds:.1f} s, seed {report.seed}. A sampler "
        f"that is right would have a finding with probability at most {report.false_alarm:.1g}. TV <: bound on the "
        "true TV; sees: a sampler this far off would have been found."
    )


def to_dict(report: Outcome) -> dict[str, Any]:
    """Plain data; figures that do not exist are None."""
    diagnosis = report.diagnosis
    said = None if diagnosis is None else {"sentence": diagnosis.sentence, "name": diagnosis.name, "tv": diagnosis.tv}
    return {
        "sampler": report.sampler, "claim": str(report.claim), "passed": report.passed, "verdict": verdict(report),
        "left_out": report.left_out,
        "false_alarm": report.false_alarm, "n_draws": report.n_draws, "n_calls": report.n_calls,
        "seconds": report.seconds, "seed": report.seed, "diagnosis": said,
        "findings": [_plain(asdict(finding)) for finding in report.findings],
        "checks": [_plain(asdict(check)) for check in report.checks],
    }  # fmt: skip


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: None if isinstance(v, float) and math.isnan(v) else _number(v) for k, v in values.items()}


def _number(value: Any) -> Any:
    return "inf" if isinstance(value, float) and math.isinf(value) else value


def junit(report: Outcome) -> str:
    """JUnit XML: a test case for each check, its class name the case; undecided ones are errors."""
    count = {status: sum(check.status == status for check in report.checks) for status in MARKS}
    suite = ElementTree.Element(
        "testsuite", name=printable(f"maskguide conform {report.sampler}"), tests=str(len(report.checks)),
        failures=str(count[FAILED]), errors=str(count[UNDECIDED]), skipped=str(count[SKIPPED]),
        time=f"{report.seconds:.3f}",
    )  # fmt: skip
    for check in report.checks:
        case = ElementTree.SubElement(
            suite, "testcase", classname=printable(check.case), name=check.what, time=f"{check.seconds:.3f}"
        )  # fmt: skip
        tag = {FAILED: "failure", UNDECIDED: "error", SKIPPED: "skipped"}.get(check.status)
        if tag is not None:
            ElementTree.SubElement(case, tag, message=printable(check.message))
    ElementTree.indent(suite)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(suite, encoding="unicode") + "\n"


def outcome(report: Outcome) -> str:
    """The outcome in a word: conforms, fails or undecided."""
    return "conforms" if report.passed else "fails" if report.findings else "undecided"


def badge(report: Outcome) -> str:
    """An SVG badge: maskguide | conforms."""
    word = outcome(report)
    left, right = 74, 12 + 7 * len(word)
    title = f"maskguide conform: {word}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f'<title>{title}</title><rect width="{left + right}" height="20" rx="3" fill="#3b4148"/>'
        f'<rect x="{left}" width="{right}" height="20" rx="3" fill="{COLOURS[word]}"/>'
        '<g fill="#fff" text-anchor="middle" font-family="DejaVu Sans,Verdana,sans-serif" font-size="11">'
        f'<text x="{left / 2}" y="14">maskguide</text><text x="{left + right / 2}" y="14">{word}</text></g></svg>\n'
    )

"""From the experiments of a run to its report: what follows from what, and the diagnosis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from .claim import Claim
from .diagnosis import Diagnosis, diagnose
from .experiment import NEED_INDEPENDENCE, NEED_SEEDS, Experiment
from .findings import Finding, Picture
from .law_experiment import LawExperiment
from .report import Report
from .side_experiments import BatchExperiment, SeedExperiment

QUICK_STATES = 100  # lattice states up to which the laws of all explanations take well under a second
LAWS = ("law", "masks", "constant", "marginals", "reveal order")  # findings that a diagnosis can explain


def conclude(experiments: list[Experiment], claim: Claim, **account: Any) -> Report:
    """The report of experiments that have ended; `account`: the fields of a Report that they do not know."""
    for experiment in experiments:
        experiment.settle()
    _withdraw(experiments)
    _not_constant(experiments)
    pictures = tuple(p for e in experiments if isinstance(e, LawExperiment) and (p := e.picture))
    findings = [finding for experiment in experiments for finding in experiment.findings()]
    failed = {finding.case for finding in findings if finding.kind in LAWS}
    diagnosis = _diagnosis(pictures, failed, claim) if failed else None
    rows = tuple(row for experiment in experiments for row in experiment.rows())
    explained = tuple(_explained(finding, diagnosis) for finding in findings)
    return Report(claim=claim, checks=rows, findings=explained, diagnosis=diagnosis, pictures=pictures, **account)


def _withdraw(experiments: list[Experiment]) -> None:
    """Take back what only follows from another finding: from draws that repeat or depend, and from a wrong law."""
    seed = {what for experiment in experiments if isinstance(experiment, SeedExperiment) for what in experiment.wrong}
    large = any(experiment.wrong for experiment in experiments if isinstance(experiment, LawExperiment))
    depend = any("independence" in experiment.wrong for experiment in experiments)
    for experiment in experiments:
        if "other seed" in seed and not isinstance(experiment, SeedExperiment):
            experiment.withdraw("the seed is not used", NEED_SEEDS)
        elif isinstance(experiment, BatchExperiment) and (seed or large):
            experiment.withdraw("follows from another finding", NEED_SEEDS)
        elif depend and not isinstance(experiment, SeedExperiment):
            experiment.withdraw("not judged: draws of a batch depend on each other", NEED_INDEPENDENCE)


def _not_constant(experiments: list[Experiment]) -> None:
    """Output is constant where no case has two different draws; otherwise a case of one state is just a wrong law."""
    varied = any(isinstance(experiment, LawExperiment) and experiment.is_varied for experiment in experiments)
    for experiment in experiments if varied else ():
        if experiment.wrong.get("law", ("", ""))[0] == "constant":
            experiment.wrong["law"] = "law", experiment.wrong["law"][1]


def _diagnosis(pictures: Sequence[Picture], failed: set[str], claim: Claim) -> Diagnosis:
    """From the cases that failed, and from others where the laws of explanations are quickly computed."""
    used = [picture for picture in pictures if picture.name in failed or picture.law.size <= QUICK_STATES]
    return diagnose([(picture.case, picture.counts) for picture in used], claim)


def _explained(finding: Finding, diagnosis: Diagnosis | None) -> Finding:
    if diagnosis is None or finding.kind not in LAWS:
        return finding
    return replace(finding, diagnosis=diagnosis.sentence)

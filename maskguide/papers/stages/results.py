"""What the study of stages found: schedules in both worlds, stages, the locked region; plain data and text.

Every sentence of the text is chosen by the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ..._deprecated import renamed
from .discrete import DiscreteStages
from .line import Locked
from .measures import NEVER, STAGES, Stages

RULES = ("normalized", "product")
WORLDS = {"gaussian": "Gaussian", "normalized": "masked, normalized", "product": "masked, rate product"}
COMPARED = ("early", "constant", "late")
RESOLVED = 1e-6  # least deviation that the integration can tell
NO_BETTER = 0.05  # share of the loss given back, below which a schedule is called no better


@dataclass(frozen=True)
class Outcome:
    """What a schedule leaves in one world: mass of the weak mode, and spread (or entropy) within the modes."""

    weak: float
    within: float


@dataclass(frozen=True)
class Row:
    """One schedule in both worlds; `simulated` is the share of weak-mode samples of the Gaussian one."""

    name: str
    mean: float
    gaussian: Outcome
    simulated: float
    normalized: Outcome
    product: Outcome


@dataclass(frozen=True)
class Borders:
    """Over times from 0 to 1: the borders of the basins, the locked region, P(not locked) on the way.

    Attributes
    ----------
    times, unguided, guided : (T,)
        The border B(t) at weight 0 and at omega - 1.
    locked : Locked
        For later weights from 0 to `most`.
    undecided_unguided, undecided_guided : (T,)
    """

    times: np.ndarray
    unguided: np.ndarray
    guided: np.ndarray
    locked: Locked
    undecided_unguided: np.ndarray
    undecided_guided: np.ndarray


@dataclass(frozen=True)
class Replay:
    """Later weights replaced at time t: share locked there, and how many of each kind changed basin."""

    time: float
    locked: float
    changed_locked: int
    changed_open: float


@dataclass(frozen=True)
class StagesStudy:
    """Settings and results of :func:`study`.

    Attributes
    ----------
    rows : the schedules, constant ones first
    stages : measured stages of FOLLOWED
    borders, replays : the region that guidance cannot leave, and the check on trajectories
    discrete : exact stages of the discrete counterpart, by (rule, name)
    inside : by world, weak-mode mass at omega where the class is half of the mixture
    """

    omega: float
    weak: float
    sigma: float
    count: int
    steps: int
    seed: int
    most: float
    rows: tuple[Row, ...]
    stages: dict[str, Stages]
    borders: Borders
    replays: tuple[Replay, ...]
    discrete: dict[tuple[str, str], DiscreteStages]
    inside: dict[str, float]

    def row(self, name: str) -> Row:
        """The row of that name; constant scales are called "omega = 5"."""
        return {row.name: row for row in self.rows}[name]

    @property
    def constant(self) -> Row:
        """The constant schedule of mean omega."""
        return self.row(constant_name(self.omega))

    def recovered(self, row: Row, world: str = "gaussian") -> float:
        """Share of the weak mass taken by constant guidance that another schedule gives back."""
        none, least, mine = (getattr(r, world).weak for r in (self.rows[0], self.constant, row))
        return (mine - least) / (none - least)

    twin = renamed("twin", "discrete")

    def to_dict(self) -> dict[str, Any]:
        """Plain data; onsets as (share of trajectories, median time)."""
        left_out = {"stages", "discrete"}
        plain = {k: v for k, v in asdict(self).items() if k not in left_out}
        kept = {name: asdict(s) | {"onset": s.summary(), "status": s.status} for name, s in self.stages.items()}
        for curves in kept.values():
            del curves["basin"]
        plain["recovered"] = {r.name: {w: self.recovered(r, w) for w in ("gaussian", *RULES)} for r in self.rows}
        plain["twin"] = {f"{rule}, {name}": asdict(s) for (rule, name), s in self.discrete.items()}
        return plain | {"stages": kept, "text": self.text()}

    def text(self) -> str:
        """Tables and the sentences that they bear out."""
        blocks = (_head(self), _schedules(self), _findings(self), _onsets(self), _region(self))
        return "\n\n".join("\n".join(lines) for lines in blocks)


def constant_name(omega: float) -> str:
    """What the constant schedule of a scale is called."""
    return f"omega = {omega:g}"


def order(study: StagesStudy, world: str) -> str:
    """Early, constant and late guidance by the spread they leave within the modes, least first, if it can be told."""
    rows = {name: study.constant if name == "constant" else study.row(name) for name in COMPARED}
    within = {name: getattr(row, world).within for name, row in rows.items()}
    if world == "gaussian" and min(within.values()) < RESOLVED:
        return "not resolved"
    return " < ".join(sorted(COMPARED, key=within.__getitem__))


def _head(s: StagesStudy) -> Iterator[str]:
    yield (
        f"Gaussian: modes at -1 (weight {s.weak:g}) and 1, deviation {s.sigma:g}, d = 2, against N(0, I). "
        "Masked: 5 bits, the same weights, a uniform rest."
    )
    yield "Final laws exact; `simulated` by Heun. within: deviation in a mode (Gaussian), entropy in nats (masked)."


def _schedules(s: StagesStudy) -> Iterator[str]:
    yield f"{'':14}{'':>7}{'Gaussian':>30}{'masked, normalized':>22}{'masked, product':>20}"
    yield f"{'schedule':14}{'mean':>7}{'weak':>10}{'simulated':>10}{'within':>10}" + f"{'weak':>12}{'within':>9}" * 2
    for r in s.rows:
        masked = "".join(f"{o.weak:12.4f}{o.within:9.4f}" for o in (r.normalized, r.product))
        within = f"{r.gaussian.within:.2e}" if r.gaussian.within >= RESOLVED else f"< {RESOLVED:g}"
        yield f"{r.name:14}{r.mean:7.3g}{r.gaussian.weak:10.5f}{r.simulated:10.5f}{within:>10}{masked}"


def _findings(s: StagesStudy) -> Iterator[str]:
    back = {w: [s.recovered(s.row(name), w) for name in ("early", "late")] for w in WORLDS}
    agree = all(late > early for early, late in back.values())
    yield f"Of the weak mode's mass that constant guidance, omega = {s.omega:g}, takes, others of that mean give back:"
    for world, (early, late) in back.items():
        yield f"  {WORLDS[world]:22} early {early:7.1%}   late {late:7.1%}   triangle {_triangle(s, world)}"
    yield "Both worlds agree: masses are decided early." if agree else "The worlds differ on when masses are decided."
    orders = {world: order(s, world) for world in WORLDS}
    said = "agree" if len(set(orders.values())) == 1 else "differ"
    yield f"Spread within the modes, least first; the worlds {said}:"
    yield from (f"  {WORLDS[world]:22} {found}" for world, found in orders.items())
    middle = s.discrete["product", "constant"]
    half = float(middle.revealed[abs(middle.levels - 0.5).argmin()])
    yield f"At m = 1/2 constant guidance has revealed {half:.0%} of the bits by the rate product, 50% normalized."
    yield (
        f"With the class as half of the mixture constant guidance leaves {s.inside['gaussian']:.4f} of the weak mode "
        f"(Gaussian, above {s.constant.gaussian.weak:.4f}) and {s.inside['masked']:.4f} (masked, above "
        f"{s.constant.normalized.weak:.4f})."
    )


def _triangle(s: StagesStudy, world: str) -> str:
    gain = s.recovered(s.row("triangle"), world)
    return f"{gain:7.1%}{' (no better than constant)' if gain < NO_BETTER else ''}"


def _onsets(s: StagesStudy) -> Iterator[str]:
    yield "Onset of stages, median time from t = 1 (noise) to 0 (data); in brackets the share of trajectories:"
    yield f"{'':12}" + "".join(f"{name:>24}" for name in STAGES)
    for name, found in s.stages.items():
        cells = (_cell(*value) for value in found.summary().values())
        yield f"{name:12}" + "".join(f"{cell:>24}" for cell in cells)
    lost = [f"{name}: {found.status}" for name, found in s.stages.items() if found.exploded_at != NEVER]
    yield from lost


def _cell(share: float, median: float) -> str:
    return "never" if median == NEVER else f"{median:.2f} ({share:.0%})"


def _region(s: StagesStudy) -> Iterator[str]:
    yield f"The region that later guidance (0 <= w <= {s.most:g}) cannot leave; five later weights tried from time t:"
    for r in s.replays:
        yield (
            f"  t = {r.time:.2f}: {r.locked:.1%} locked, {r.changed_locked} of them changed basin; "
            f"{r.changed_open:.0%} of the others did"
        )
    broken = sum(found.broken for found in s.stages.values())
    yield f"Of {sum(len(found.basin) for found in s.stages.values())} followed trajectories {broken} left it."

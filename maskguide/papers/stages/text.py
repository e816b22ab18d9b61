"""What `maskguide gaussian stages` prints: tables, and sentences chosen by the numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .measures import NEVER, STAGES

if TYPE_CHECKING:
    from .study import StagesStudy

WORLDS = {"gaussian": "Gaussian", "normalized": "masked, normalized", "product": "masked, rate product"}
COMPARED = ("early", "constant", "late")
RESOLVED = 1e-6  # least deviation that the integration can tell
NO_BETTER = 0.05  # share of the loss given back, below which a schedule is called no better


def text(study: StagesStudy) -> str:
    """The whole page."""
    blocks = (_head(study), _schedules(study), _findings(study), _onsets(study), _region(study))
    return "\n\n".join("\n".join(lines) for lines in blocks)


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
    middle = s.twin["product", "constant"]
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

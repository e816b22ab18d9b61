"""`maskguide gaussian`: the studies of guided Gaussian mixtures, each as a table, as JSON and as figures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import Figures, Interrupted, Json, Quick, Seed, numbers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

app = typer.Typer(
    help="Guided diffusion of Gaussian mixtures with exact scores, each finding beside its discrete counterpart. "
    "omega = 1 + w everywhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def stages(
    omega: Annotated[float, typer.Option(help="Mean scale of every schedule.")] = 5.0,
    weak: Annotated[float, typer.Option(help="Weight of the weak mode.")] = 0.25,
    sigma: Annotated[float, typer.Option(help="Deviation of the modes at -1 and 1.")] = 0.2,
    count: Annotated[int, typer.Option(help="Trajectories that are followed.")] = 4000,
    steps: Annotated[int, typer.Option(help="Heun steps.")] = 100,
    seed: Seed = 0, quick: Quick = False, figures: Figures = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Direction shift, mode separation, concentration; early, late and constant guidance.

    Example: maskguide gaussian stages --omega 5 --figures stages
    """
    _run("stages", figures, as_json,
         omega=omega, weak=weak, sigma=sigma, count=count, steps=steps, seed=seed,
         quick=quick)  # fmt: skip


@app.command()
def distortions(
    weight: Annotated[str, typer.Option(help="Constant weights w of the table of moments.")] = "1,2,4",
    competing: Annotated[str, typer.Option(help="Weights w of the curves over the number of classes.")] = "1,3",
    crowd: Annotated[str | None, typer.Option(hidden=True)] = None,  # what --competing was called
    within: Annotated[float, typer.Option(help="Variance of a class in each direction.")] = 1.0,
    between: Annotated[float, typer.Option(help="Variance of the class means in each direction.")] = 1.0,
    seed: Seed = 0, quick: Quick = False, figures: Figures = None, as_json: Json = False,
) -> None:  # fmt: skip
    """What guidance takes of a class's variance: alone, and among many classes.

    Example: maskguide gaussian distortions --quick
    """
    competing = competing if crowd is None else crowd
    _run("distortions", figures, as_json,
         weights=numbers(weight, "weight"), competing_weights=numbers(competing, "competing"),
         within=within, between=between, seed=seed, quick=quick)  # fmt: skip


@app.command("map")
def schedule_map(
    c: Annotated[float, typer.Option("-c", help="Variance of the class.")] = 1.0,
    u: Annotated[float, typer.Option("-u", help="Variance of the total.")] = 2.0,
    mean: Annotated[float, typer.Option(help="Mean of the class.")] = 1.0,
    horizon: Annotated[float, typer.Option(help="Noise variance at the start.")] = 10.0,
    seed: Seed = 0, quick: Quick = False, figures: Figures = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Variance under every schedule w0 + Omega s, and the line of those that keep it.

    Example: maskguide gaussian map -c 1 -u 4 --figures map
    """
    _run("map", figures, as_json, c=c, u=u, mean=mean, horizon=horizon, seed=seed, quick=quick)


@app.command()
def angle(
    omega: Annotated[str, typer.Option(help="Scales, increasing.")] = "1,1.5,2,3,5,7.5,10,15",
    samples: Annotated[int, typer.Option(help="Trajectories of an ensemble.")] = 1000,
    steps: Annotated[int, typer.Option(help="Heun steps.")] = 64,
    seed: Seed = 0, quick: Quick = False, figures: Figures = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Norms under linear and angle-domain guidance, the anomalous region, colours.

    Example: maskguide gaussian angle --omega 1,5,15
    """
    _run("angle", figures, as_json,
         scales=numbers(omega, "omega"), samples=samples, steps=steps, seed=seed,
         quick=quick)  # fmt: skip


@app.command()
def learn(
    samples: Annotated[int, typer.Option(help="Samples of each class on which weights are judged.")] = 2000,
    sampler_steps: Annotated[int, typer.Option(help="DDIM steps of those samples.")] = 10,
    checkpoints: Annotated[
        Path | None, typer.Option(help="Keep the trainings in DIR; a stopped run goes on from there.", metavar="DIR")
    ] = None,
    seed: Seed = 0, quick: Quick = False, figures: Figures = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Weights learned by a network: for exact scores, for faulty ones, and against the best constant.

    Example: maskguide gaussian learn --quick --checkpoints trainings
    """
    settings = {"sampler_steps": sampler_steps, "checkpoints": checkpoints, "seed": seed, "quick": quick}
    try:
        _run("learn", figures, as_json, samples=min(samples, 600) if quick else samples, **settings)
    except KeyboardInterrupt:
        if checkpoints is None:
            raise
        raise Interrupted(f"the same command goes on from {str(checkpoints)!r}") from None


def _run(name: str, figures: Path | None, as_json: bool, **settings: Any) -> None:
    """A study with a progress bar; its figures; its text or JSON. Files are refused before the work, not after it."""
    from .. import _files, papers
    from . import console

    chosen = papers.study(name)
    draw = None if figures is None else chosen.figures()
    if figures is not None:
        _files.check_directory(figures)
    with console.progress_bar(chosen.num_units(settings), name) as show:
        found = chosen.run(**settings, advance=_counter(show))
    written = [] if draw is None or figures is None else _write(draw(found), figures)
    if as_json:
        return console.say_json(found.to_dict() | ({"figures": written} if written else {}))
    console.say("\n".join([found.text(), *(f"figure: {path}" for path in written)]))


def _counter(show: Callable[[int], None]) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        show(done)

    return advance


def _write(figures: list[tuple[str, str, Figure]], directory: Path) -> list[str]:
    from .. import _files
    from ..plots import svg

    images = [(f"{name}.svg", svg(figure)) for name, _, figure in figures]
    _files.directory(directory)
    return [str(_files.write(directory / name, image)) for name, image in images]

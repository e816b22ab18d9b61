"""Our samplers against public ones, called from clones: MASKGUIDE_PEERS=a:b python -m benchmarks peers.

Give the folders of clones of the repositories in `peer_samplers.PEERS`, any of them, joined by ':' (';' on Windows).
"""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

import maskguide as mg
from maskguide.laws.law import Law
from maskguide.problems.mixture import ProductMixture

from .gillespie import samples_of
from .peer_samplers import PEERS, Peer, Request, denoiser_of
from .terminal_law import compared, random_problem
from .timing import measure

VARIABLE = "MASKGUIDE_PEERS"
WEIGHT, STEPS = 1.0, 64
COMPARED = (4, 4)  # N, D of the problem on which every sampler is held against its law
DRAWS = 20_000  # for that
TABLE = (4, 8)
MIXTURE = (64, 32, 6)  # D, N, components
SIZES = {"table": (131_072, 8_192, 8_192), "mixture": (2_048, 1_024, 256)}  # trajectories of numba, torch and the peer
NOTES = [
    f"{STEPS} steps (LLaDA: at most D, its own limit), w = {WEIGHT:g}, one thread; ours by `mg.sample`, from the call "
    "to the tokens. The peer's code comes from its clone at the commit given; its network is the problem's exact "
    "denoiser in float32: a look-up of rows computed beforehand for the table, one matrix product for the mixture.",
    f"Table: N = {TABLE[0]}, D = {TABLE[1]}, two Dirichlet laws. Mixture: N = {MIXTURE[1]}, D = {MIXTURE[0]}, "
    f"{MIXTURE[2]} product components in two classes. Trajectories a call (numba, torch, peer): {SIZES['table']} and "
    f"{SIZES['mixture']}.",
    f"First, on N = {COMPARED[0]}, D = {COMPARED[1]}, {DRAWS:,} draws of both our engines pass `mg.compare` against "
    "their exact K-step law, and so do the peer's against the K-step law that follows from its code: entries clipped "
    "one by one and a last argmax (discrete_guidance), a last draw of what is left (SEDD), leaps of length 1/(K-k) "
    "(flow_matching), D // K reveals in random order (LLaDA). At D = 64 the tokens' range is checked.",
    "SEDD, flow_matching: they have no guidance; they get the guided scores and the guided normalised conditionals.",
    "kuleshov-group/discrete-diffusion-guidance: not run, its sampler is a method of a training module that needs "
    "hydra, lightning, transformers, mamba_ssm and a data set's tokenizer.",
]


def run(n: dict[str, tuple[int, int, int]] = SIZES, rounds: int = 5):
    """Rows (one a peer and problem), notes, rounds; None where no clone is named."""
    torch.set_num_threads(1)
    clones = {peer: found for peer in PEERS if (found := clone_of(peer))}
    absent = [f"{peer.repository}: skipped, no folder in {VARIABLE} has {peer.marker}." for peer in PEERS
              if peer not in clones]  # fmt: skip
    if not clones:
        print("peers: " + " ".join(absent))
        return None
    problems = {"table": random_problem(*TABLE), "mixture": ProductMixture.random(*MIXTURE)}
    rows = []
    for peer, folder in clones.items():
        modules = peer.load(folder)
        check(peer, modules)
        rows += [_row(peer, modules, commit(folder), k, p, n[k], rounds) for k, p in problems.items()]
    return rows, [*NOTES, *absent], rounds


def clone_of(peer: Peer) -> Path | None:
    """The first folder named by the user that has the peer's file."""
    named = [Path(folder) for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    return next((folder for folder in named if (folder / peer.marker).is_file()), None)


def commit(folder: Path) -> str:
    """The clone's commit, ten digits; "unknown" for a folder that is no clone."""
    command = ["git", f"--git-dir={folder / '.git'}", "rev-parse", "--short=10", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def steps_of(peer: Peer, length: int) -> int:
    """K; a decoder reveals at least one coordinate a step."""
    return min(STEPS, length) if peer.method == "random-order" else STEPS


def check(peer: Peer, modules: list[ModuleType], n: int = DRAWS) -> None:
    """The peer and our engines, each against its own exact K-step law; an error where one fails."""
    process = process_of(peer, random_problem(*COMPARED))
    total = steps_of(peer, process.length)
    own = mg.stepped_law(process, peer.method, mg.uniform_grid(total), **peer.parameters)
    theirs = Law(peer.law(process, total), process.problem, np.inf, peer.repository)
    drawn = {engine: (ours(peer, process, n, engine)().tokens, own) for engine in ("numba", "torch")}
    drawn[peer.repository] = their_tokens(peer, modules, process, n)(), theirs
    for name, (tokens, law) in drawn.items():
        verdict = mg.compare(samples_of(process, tokens, np.full(n, np.inf)), law)
        if not verdict.passed:
            raise AssertionError(f"{name}, {peer.method}, on {process}: {verdict.sentence}")


def process_of(peer: Peer, problem) -> mg.GuidedProcess:
    """The chain whose rates the peer uses."""
    return mg.GuidedProcess(problem, mg.Guidance(peer.rule, WEIGHT))


def ours(peer: Peer, process: mg.GuidedProcess, n: int, engine: str) -> Callable[[], mg.Samples]:
    """Our sampler of the peer's method."""
    options = {"threads": 1} if engine == "numba" else {"device": "cpu"}
    total = steps_of(peer, process.length)
    return lambda: mg.sample(process, n, peer.method, 1, engine, total, **options, **peer.parameters)


def their_tokens(peer: Peer, modules: list[ModuleType], process: mg.GuidedProcess, n: int) -> Callable[[], np.ndarray]:
    """The peer's tokens (n, D), with the denoiser at hand."""
    size, length = process.vocab_size, process.length
    request = Request(denoiser_of(process.problem), length, size, WEIGHT, n, steps_of(peer, length))

    def draw() -> np.ndarray:
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of autocast without a GPU, and of old names in torch
            return peer.draw(modules, request).to(torch.int32).numpy()

    return draw


def _row(peer: Peer, modules, version: str, name: str, problem, sizes: tuple[int, int, int], rounds: int) -> dict:
    process = process_of(peer, problem)
    numba, torch_n, theirs_n = sizes
    theirs = their_tokens(peer, modules, process, theirs_n)
    in_range(theirs(), process)
    candidates = {
        "numba": lambda: ours(peer, process, numba, "numba")().tokens,
        "torch": lambda: ours(peer, process, torch_n, "torch")().tokens,
        "peer": theirs,
    }
    times = measure(candidates, rounds)
    speed = {key: count / times[key].median_cpu for key, count in zip(candidates, sizes, strict=True)}
    return {
        "peer": peer.repository,
        "commit": version,
        "problem": name,
        "compared": f"{peer.method}, {peer.rule}, {steps_of(peer, process.length)} steps",
        "peer, trajectories a second": round(speed["peer"]),
        "numba": round(speed["numba"]),
        "torch": round(speed["torch"]),
        "numba / peer": [ratio * numba / theirs_n for ratio in compared(times["peer"], times["numba"])],
        "torch / peer": [ratio * torch_n / theirs_n for ratio in compared(times["peer"], times["torch"])],
    }


def in_range(tokens: np.ndarray, process: mg.GuidedProcess) -> None:
    """An error for tokens out of range or masks left."""
    if tokens.shape[1:] != (process.length,) or tokens.min() < 0 or tokens.max() >= process.vocab_size:
        raise AssertionError(f"tokens of shape {tokens.shape} from {tokens.min()} to {tokens.max()} on {process}")

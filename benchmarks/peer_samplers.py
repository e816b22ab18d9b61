"""Public samplers, called from clones that the user names.

A sampler is handed an exact denoiser in place of a trained network. Its code is imported from the clone; packages
that it imports but does not use here (a progress bar, a tokenizer, a transformer) are replaced by empty modules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.nn import functional

import maskguide as mg

from .peer_laws import SEDD_END, discrete_guidance_law, flow_matching_law, llada_law, sedd_law

LEAST = -60.0  # logarithm of what is impossible: networks give finite logits


# The denoiser they are handed ----------------------------------------------------------------------------------


class Lookup(torch.nn.Module):
    """A table's conditionals in float32, all of them computed beforehand: (tokens, row) -> (n, D, N) logarithms.

    Row 0 is conditional on the target, row 1 the mixture over classes.
    """

    def __init__(self, problem: mg.TableProblem):
        super().__init__()
        size, length = problem.vocab_size, problem.length
        states = np.indices((size + 1,) * length).reshape(length, -1).T
        both = [problem.log_conditionals(states, label) for label in (problem.target, None)]
        self.rows = torch.tensor(np.array(both), dtype=torch.float32).clamp(min=LEAST)
        self.strides = torch.tensor((size + 1) ** np.arange(length)[::-1].copy())

    def forward(self, tokens: torch.Tensor, row: int) -> torch.Tensor:
        return self.rows[row, (tokens.long() * self.strides).sum(-1)]


class Mixture(torch.nn.Module):
    """A product mixture's conditionals in float32, by one matrix product; rows as in :class:`Lookup`."""

    def __init__(self, problem: mg.ProductMixture):
        super().__init__()
        size, self.length = problem.vocab_size, problem.length
        seen = np.pad(np.log(problem.probs).transpose(1, 2, 0), ((0, 0), (0, 1), (0, 0)))
        self.seen = torch.tensor(seen, dtype=torch.float32)  # (D, N + 1, C), 0 for a mask
        with np.errstate(divide="ignore"):
            weights = np.log([problem.class_weights[problem.target], problem.weights])
        self.log_weights = torch.tensor(weights, dtype=torch.float32)
        self.factors = torch.tensor(problem.probs.reshape(len(problem.probs), -1), dtype=torch.float32)
        self.own = torch.tensor(np.where(np.eye(size + 1, size) > 0, 0.0, LEAST), dtype=torch.float32)
        self.coordinates = torch.arange(self.length)

    def forward(self, tokens: torch.Tensor, row: int) -> torch.Tensor:
        tokens = tokens.long()
        weights = (self.seen[self.coordinates, tokens].sum(1) + self.log_weights[row]).softmax(-1)
        logits = (weights @ self.factors).view(len(tokens), self.length, -1).log()
        masked = (tokens == logits.shape[-1])[..., None]
        return torch.where(masked, logits, self.own[tokens]).clamp(min=LEAST)


def denoiser_of(problem: Any) -> torch.nn.Module:
    """The exact denoiser of a table or a mixture."""
    return Mixture(problem) if isinstance(problem, mg.ProductMixture) else Lookup(problem)


@dataclass(frozen=True)
class Request:
    """n trajectories of K steps at weight w from a denoiser of D coordinates and N tokens."""

    denoiser: torch.nn.Module
    length: int
    vocab_size: int
    weight: float
    n: int
    steps: int

    def guided(self, tokens: torch.Tensor) -> torch.Tensor:
        """log of conditional^(1+w) mixture^(-w), (n, D, N)."""
        return (1 + self.weight) * self.denoiser(tokens, 0) - self.weight * self.denoiser(tokens, 1)

    def masks(self) -> torch.Tensor:
        return torch.full((self.n, self.length), self.vocab_size)


def with_mask_entry(rows: torch.Tensor, value: float) -> torch.Tensor:
    """(n, D, N + 1): a last entry for the mask token."""
    return functional.pad(rows, (0, 1), value=value)


# Their samplers: (the clone's modules, request) -> tokens (n, D) -----------------------------------------------


def discrete_guidance(modules: list[ModuleType], request: Request) -> torch.Tensor:
    """Predictor-free guidance at temperature 1/(1+w), Euler."""

    def model(row: int) -> Callable:
        return lambda tokens, t: with_mask_entry(request.denoiser(tokens, row), LEAST)

    drawn = modules[0].flow_matching_sampling_masking_euler(
        model(1), request.n, request.vocab_size + 1, request.length, torch.device("cpu"), dt=1 / request.steps,
        cond_denoising_model=model(0), guide_temp=1 / (1 + request.weight),
    )  # fmt: skip
    return torch.as_tensor(drawn)


def llada(modules: list[ModuleType], request: Request) -> torch.Tensor:
    """Classifier-free guidance; the prompt is one token, the class, which its unconditional half masks."""

    def model(tokens: torch.Tensor, attention_mask: Any = None) -> SimpleNamespace:
        halves = [request.denoiser(half[:, 1:], row) for row, half in enumerate(tokens.chunk(2))]
        return SimpleNamespace(logits=functional.pad(torch.cat(halves), (0, 0, 1, 0)))

    model.device = torch.device("cpu")
    prompt = torch.zeros(request.n, 1, dtype=torch.long)
    drawn = modules[0].generate(
        model, prompt, torch.ones_like(prompt), steps=min(request.steps, request.length),
        gen_length=request.length, block_length=request.length, temperature=1.0, cfg_scale=request.weight,
        remasking="random", mask_id=request.vocab_size,
    )  # fmt: skip
    return drawn[:, 1:]


class Scores(torch.nn.Module):
    """The guided product of scores as SEDD's network gives them: log r(v) - log(e^sigma - 1), 0 for the mask."""

    def __init__(self, request: Request):
        super().__init__()
        self.request = request

    def forward(self, tokens: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        return with_mask_entry(self.request.guided(tokens) - sigma.expm1().log()[:, None, None], 0.0)


def sedd(modules: list[ModuleType], request: Request) -> torch.Tensor:
    """Its analytic predictor, and the last draw of what is left."""
    sampling, graph, noise = modules
    draw = sampling.get_pc_sampler(
        graph.Absorbing(request.vocab_size), noise.LogLinearNoise(), (request.n, request.length), "analytic",
        request.steps, eps=SEDD_END,
    )  # fmt: skip
    return draw(Scores(request))


def flow_matching(modules: list[ModuleType], request: Request) -> torch.Tensor:
    """Its mixture path's solver, with the guided and normalised conditionals as the network."""
    solver, path, scheduler = modules

    def model(x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        return with_mask_entry(request.guided(x).softmax(-1), 0.0)

    euler = solver.MixtureDiscreteEulerSolver(
        model, path.MixtureDiscreteProbPath(scheduler.CondOTScheduler()), request.vocab_size + 1
    )
    return euler.sample(request.masks(), None, time_grid=torch.linspace(0, 1, request.steps + 1))


# The list --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Peer:
    """A public sampler.

    `marker` is a file that tells its clone; `folder` of it is put on the path to import `modules`; `unused` are
    imports that are not needed here: module -> names that are asked of it. `rule`, `method` and `parameters` are what
    it is compared with.
    """

    repository: str
    marker: str
    folder: str
    modules: tuple[str, ...]
    unused: dict[str, tuple[str, ...]]
    draw: Callable[[list[ModuleType], Request], torch.Tensor]
    law: Callable[[mg.GuidedProcess, int], np.ndarray]
    rule: str
    method: str
    parameters: dict[str, Any]

    def load(self, clone: Path) -> list[ModuleType]:
        """Its modules, imported from the clone."""
        with _imports(str(clone / self.folder), self.unused):
            return [import_module(name) for name in self.modules]


PEERS = (
    Peer("hnisonoff/discrete_guidance", "src/fm_utils.py", "src", ("fm_utils",), {"tqdm": ("tqdm",)},
         discrete_guidance, discrete_guidance_law, "product", "euler", {}),
    Peer("louaaron/Score-Entropy-Discrete-Diffusion", "graph_lib.py", ".", ("sampling", "graph_lib", "noise_lib"),
         {"model.transformer": ("SEDD",)}, sedd, sedd_law, "product", "euler", {}),
    Peer("facebookresearch/flow_matching", "flow_matching/solver/discrete_solver.py", ".",
         ("flow_matching.solver", "flow_matching.path", "flow_matching.path.scheduler"), {"torchdiffeq": ("odeint",)},
         flow_matching, flow_matching_law, "normalized", "tau-leaping", {}),
    Peer("ML-GSAI/LLaDA", "generate.py", ".", ("generate",), {"transformers": ("AutoTokenizer", "AutoModel")},
         llada, llada_law, "normalized", "random-order", {"counts": "even"}),
)  # fmt: skip


@contextmanager
def _imports(folder: str, unused: dict[str, tuple[str, ...]]) -> Iterator[None]:
    """Imports come from a folder, unused ones from nowhere."""
    empty = {name: ModuleType(name) for name in unused}
    for name, attributes in unused.items():
        for attribute in attributes:
            setattr(empty[name], attribute, _first)
    before = {name: sys.modules[name] for name in unused if name in sys.modules}
    with patch.object(sys, "path", [folder, *sys.path]):
        sys.modules.update(empty)
        try:
            yield
        finally:
            for name in empty:
                del sys.modules[name]
            sys.modules.update(before)


def _first(value: Any = None, *rest: Any, **options: Any) -> Any:
    """Stands in for what is not used, and for a progress bar."""
    return value

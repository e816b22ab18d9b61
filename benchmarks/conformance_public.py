"""Public samplers through the conformance suite: MASKGUIDE_PEERS=a:b python -m benchmarks.conformance_public [--quick].

Folders of clones as for `benchmarks.peers`. Each sampler gets the suite's exact denoiser in the shape of its own
models, by `maskguide.conformance.adapters`; its code comes from the clone. docs/conformance-public.md has the outcome.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch

from maskguide.conformance import check
from maskguide.conformance.adapters import adapt
from maskguide.conformance.bank import SamplingCase, default_cases
from maskguide.conformance.claim import Claim

from .peer_samplers import PEERS, Peer
from .peers import clone_of, commit

SEDD_END = 1e-5


@dataclass(frozen=True)
class Trial:
    """A public sampler with a claim: `draw` makes a sampler from the clone's modules, for models of `shape`.

    It is asked for weights from `least_weight` on.
    """

    repository: str
    options: str
    claim: str
    shape: str
    draw: Callable[[list[ModuleType]], Callable[..., Any]]
    least_weight: float = -1.0
    plain: bool = True

    @property
    def peer(self) -> Peer:
        """Where its modules are."""
        return next(peer for peer in PEERS if peer.repository == self.repository)


def seeded(draw: Callable[..., Any]) -> Callable[..., Any]:
    """They draw from torch's global generator; some return tokens as floating-point numbers."""

    def sampler(model, n, *, weight, num_steps, seed, dtype):
        torch.manual_seed(seed)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of autocast without a GPU, and of old names in torch
            return torch.as_tensor(draw(model, n, weight, num_steps)).long()

    return sampler


def llada(remasking: str) -> Callable[[list[ModuleType]], Callable[..., Any]]:
    """`generate` with cfg_scale = w at temperature 1, one block; at most a step a token."""

    def made(modules):
        def draw(model, n, weight, num_steps):
            prompt = torch.as_tensor(model.prompt).repeat(n, 1)
            return modules[0].generate(
                model, prompt, torch.ones_like(prompt), steps=min(num_steps, model.length), gen_length=model.length,
                block_length=model.length, temperature=1.0, cfg_scale=weight, remasking=remasking,
                mask_id=model.mask_id,
            )  # fmt: skip

        return seeded(draw)

    return made


def discrete_guidance(argmax_final: bool) -> Callable[[list[ModuleType]], Callable[..., Any]]:
    """Predictor-free guidance at temperature 1/(1+w), infinite at w = -1."""

    def made(modules):
        def draw(model, n, weight, num_steps):
            temperature = 1 / (1 + weight) if weight > -1 else float("inf")
            return modules[0].flow_matching_sampling_masking_euler(
                lambda x, t: model(x, t, None), n, model.vocab_size + 1, model.length, model.device, dt=1 / num_steps,
                cond_denoising_model=lambda x, t: model(x, t, model.label), guide_temp=temperature,
                argmax_final=argmax_final,
            )  # fmt: skip

        return seeded(draw)

    return made


def sedd(predictor: str) -> Callable[[list[ModuleType]], Callable[..., Any]]:
    """A predictor on guided scores, and its last draw of what is left."""

    def made(modules):
        sampling, graph, noise = modules

        def draw(model, n, weight, num_steps):
            def scores(x, sigma):
                return (1 + weight) * model(x, sigma, model.label) - weight * model(x, sigma, None)

            run = sampling.get_pc_sampler(graph.Absorbing(model.vocab_size), noise.LogLinearNoise(), (n, model.length),
                                          predictor, num_steps, eps=SEDD_END)  # fmt: skip
            return run(Network(scores))

        return seeded(draw)

    return made


class Network(torch.nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]):
        super().__init__()
        self.function = function

    def forward(self, *given: torch.Tensor, **named: torch.Tensor) -> torch.Tensor:
        """The function."""
        return self.function(*given, **named)


def flow_matching(modules: list[ModuleType]) -> Callable[..., Any]:
    """The solver of its mixture path on guided and normalised conditionals."""
    solver, path, scheduler = modules

    def draw(model, n, weight, num_steps):
        def conditionals(x, t):
            return ((1 + weight) * model(x, t, model.label) - weight * model(x, t, None)).softmax(-1)

        euler = solver.MixtureDiscreteEulerSolver(
            Network(conditionals), path.MixtureDiscreteProbPath(scheduler.CondOTScheduler()), model.vocab_size + 1
        )
        masks = torch.full((n, model.length), model.mask_id)
        return euler.sample(masks, None, time_grid=torch.linspace(0, 1, num_steps + 1))

    return seeded(draw)


LLADA, GUIDANCE = "ML-GSAI/LLaDA", "hnisonoff/discrete_guidance"
SEDD, FLOW = "louaaron/Score-Entropy-Discrete-Diffusion", "facebookresearch/flow_matching"
EULER = "product, euler, uniform t, log-linear"
MDLM = "normalized, ancestral, uniform t, log-linear"
TRIALS = (
    Trial(LLADA, "remasking='random', temperature=1", "normalized, random-order:counts=even", "logits",
          llada("random")),
    Trial(LLADA, "remasking='random', temperature=1, w >= 0 only", "normalized, random-order:counts=even", "logits",
          llada("random"), 0.0),
    Trial(LLADA, "remasking='low_confidence', temperature=1, w >= 0 only", "normalized, confidence:counts=even",
          "logits", llada("low_confidence"), 0.0),
    Trial(LLADA, "remasking='low_confidence', temperature=1, w >= 0 only", "normalized, random-order:counts=even",
          "logits", llada("low_confidence"), 0.0),
    Trial(GUIDANCE, "predictor-free, defaults", EULER, "x_theta", discrete_guidance(True)),
    Trial(GUIDANCE, "predictor-free, argmax_final=False", EULER, "x_theta", discrete_guidance(False)),
    Trial(SEDD, "analytic, guided scores", EULER, "scores", sedd("analytic")),
    Trial(SEDD, "analytic, guided scores, w >= 0 only", EULER, "scores", sedd("analytic"), 0.0),
    Trial(SEDD, "euler, guided scores, w >= 0 only", EULER, "scores", sedd("euler"), 0.0),
    Trial(FLOW, "MixtureDiscreteEulerSolver, guided conditionals", MDLM, "x_theta", flow_matching),
    Trial(FLOW, "the same, tokens carried over by the model", MDLM, "x_theta", flow_matching, plain=False),
)  # fmt: skip


def cases(trial: Trial, quick: bool) -> list[SamplingCase]:
    """The suite's own, without its large vocabulary."""
    return default_cases(Claim.parse(trial.claim), quick)


def main(arguments: Sequence[str]) -> int:
    """Run all whose clone is named; 2 where none is."""
    quick, found = "--quick" in arguments, False
    for trial in TRIALS:
        clone = clone_of(trial.peer)
        if clone is None:
            continue
        found = True
        sampler = adapt(trial.draw(trial.peer.load(clone)), trial.shape)
        report = check(
            sampler, trial.claim, quick=quick, backend="torch", plain=trial.plain, cases=cases(trial, quick),
            least_weight=trial.least_weight,
        )  # fmt: skip
        effort = f"{report.n_draws:,} draws, {report.seconds:.0f} s; certified within {max_tv(report):.3f}"
        print(
            f"{trial.repository} {commit(clone)}; {trial.options}\n  claim: {report.claim}; {effort}\n  {said(report)}"
        )
        for finding in report.findings:
            print(f"    {finding.kind}: [{finding.case}] {finding.message}")
    return 0 if found else 2


def max_tv(report: Any) -> float:
    """The largest certified bound on a TV, over laws that passed."""
    return max((row.tv_upper for row in report.checks if row.what == "law" and row.passed), default=float("nan"))


def said(report: Any) -> str:
    """The verdict without the sampler's name."""
    if report.diagnosis is not None:
        return report.diagnosis.sentence
    left = f"; not judged: {report.left_out}" if report.left_out else ""
    return f"passed{left}" if report.passed else f"not passed: {len(report.undecided)} undecided"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

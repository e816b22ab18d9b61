"""Our denoiser in the shapes that models have, so that a sampler written for one can be tested as it is.

======  ======================  ===========================================================================
shape   called as               returns
======  ======================  ===========================================================================
logits  model(input_ids)        .logits (n, 1+D, N): input_ids (n, 1+D) begin with the class token, or with
                                a mask for the unconditional model (LLaDA, Hugging Face)
scores  model(x, sigma)         log p(v | x)/(e^sigma - 1), (n, D, N+1); 0 for the entry that is there (SEDD)
x_theta model(x, t)             log p(v | x), (n, D, N+1), nothing for the mask (MDLM, discrete_guidance)
guided  model(x)                guided logits (n, D, N), log of the rates at the weight asked for
======  ======================  ===========================================================================

All take numpy arrays and torch tensors. `scores` and `x_theta` have an argument `label`; None: the unconditional model.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
from ..guidance import Rule
from ..guidance.rules import RULES
from .denoiser import ServedDenoiser
from .guard import Sampler

LEAST = -60.0  # logarithm of what is impossible: networks give finite logits


class Shaped:
    """A model of another shape over our denoiser, with its length, vocab_size, mask_id and label.

    Parameters
    ----------
    denoiser : ServedDenoiser
    weight : float
        w of the call.
    least : float
        No logarithm is below it, as a network's are finite; -inf leaves them as they are.
    """

    def __init__(self, denoiser: ServedDenoiser, weight: float, *, least: float = LEAST):
        self.denoiser, self.weight, self.least = denoiser, weight, least
        self.length, self.vocab_size, self.num_classes = denoiser.length, denoiser.vocab_size, denoiser.num_classes
        self.mask_id, self.label = denoiser.mask_id, denoiser.label

    @property
    def device(self) -> Any:
        """The device of the model: torch's CPU."""
        import torch

        return torch.device("cpu")

    def log_probs(self, tokens: Any, label: int | None) -> Any:
        """Log-probabilities of the denoiser, none below `least`."""
        logs = self.denoiser(tokens, label)
        return logs if self.least == -np.inf else namespace(logs).clip(logs, self.least, None)

    def eval(self) -> Shaped:
        """The model itself, as torch modules have it: there is nothing to switch."""
        return self


class LogitsModel(Shaped):
    """``model(input_ids).logits``: the class is the first token, N + 1 + k; a mask there is the unconditional model.

    `prompt` (1, 1) is the class token of the target as a numpy array.
    """

    @property
    def prompt(self) -> np.ndarray:
        """The class token of the target, (1, 1)."""
        return np.array([[self.mask_id + 1 + self.label]])

    def __call__(self, input_ids: Any, attention_mask: Any = None, **_: Any) -> Any:
        """An object with .logits (n, 1+D, N); rows of any classes."""
        xp, first, tokens = namespace(input_ids), input_ids[:, 0], input_ids[:, 1:]
        logits = self.log_probs(tokens, None)
        for k in range(self.num_classes):
            chosen = (first == self.mask_id + 1 + k)[:, None, None]
            logits = xp.where(chosen, self.log_probs(tokens, k), logits) if chosen.any() else logits
        return SimpleNamespace(logits=xp.concatenate([xp.zeros_like(logits[:, :1]), logits], 1))


class ScoreModel(Shaped):
    """``model(x, sigma, label=None)``: logarithms of concrete scores at total noise sigma (n,), alpha = e^-sigma."""

    def __call__(self, x: Any, sigma: Any, label: int | None = None) -> Any:
        """log p(v | x) - log(e^sigma - 1), (n, D, N+1); the entry of x itself is 0."""
        xp, logs = namespace(x), self.log_probs(x, label)
        scores = logs - xp.log(xp.expm1(_column(sigma, logs)))
        padded = xp.concatenate([scores, xp.zeros_like(scores[..., :1])], -1)
        own = x[..., None] == _range(self.vocab_size + 1, x)
        return xp.where(own, xp.zeros_like(padded), padded)


class TimeModel(Shaped):
    """``x_theta(x, t, label=None)``: masked diffusion needs no t, and none is looked at.

    With the suite's plain network revealed positions are predicted afresh; otherwise they repeat their token (the SUBS
    convention of MDLM).
    """

    def __call__(self, x: Any, t: Any = None, label: int | None = None) -> Any:
        """log p(v | x), (n, D, N+1); the mask's entry is `least`."""
        xp, logs = namespace(x), self.log_probs(x, label)
        return xp.concatenate([logs, xp.full_like(logs[..., :1], self.least)], -1)


class GuidedModel(Shaped):
    """``model(x)``: (1+w) log p_z - w log p at the weight of the call; less its logsumexp if the rule normalises."""

    def __init__(self, denoiser: ServedDenoiser, weight: float, *, rule: str = "product", least: float = LEAST):
        super().__init__(denoiser, weight, least=least)
        self.rule = _rule_of_logits(rule)

    def __call__(self, x: Any) -> Any:
        """Guided logits (n, D, N)."""
        xp, w = namespace(x), self.weight
        logits = (1 + w) * self.log_probs(x, self.label) - w * self.log_probs(x, None)
        if not self.rule.normalises:
            return logits
        largest = xp.amax(logits, -1)[..., None]
        return logits - largest - xp.log(xp.exp(logits - largest).sum(-1))[..., None]


def _rule_of_logits(name: str) -> Rule:
    return RULES[_checks.choice(name, [n for n, rule in RULES.items() if rule.in_closed_form], "rule of guided logits")]


SHAPES: dict[str, type[Shaped]] = {
    "logits": LogitsModel, "scores": ScoreModel, "x_theta": TimeModel, "guided": GuidedModel,
}  # fmt: skip


def adapt(draw: Callable[..., Any], shape: str, **settings: Any) -> Sampler:
    """A sampler for :func:`.check` from one that is written for a model of another shape.

    Parameters
    ----------
    draw : callable (model, n, *, weight, num_steps, seed, dtype) -> tokens
        As any sampler, but `model` has the shape named. Tokens (n, 1+D) lose their first column, the prompt.
    shape : str
        "logits", "scores", "x_theta" or "guided": the table in :mod:`.adapters`.
    **settings
        `least`, and for "guided" `rule`.

    Returns
    -------
    callable
        (denoiser, n, *, weight, num_steps, seed, dtype) -> tokens (n, D), as :func:`.check` takes it.

    Raises
    ------
    InputError
        Another shape or rule.

    Examples
    --------
    >>> def greedy(x_theta, n, *, weight, num_steps, seed, dtype):
    ...     x = np.full((n, x_theta.length), x_theta.mask_id)
    ...     return x_theta(x, np.ones(n), x_theta.label)[..., :-1].argmax(-1)
    >>> from maskguide import zoo
    >>> call = {"weight": 0.0, "num_steps": 1, "seed": 0, "dtype": np.float64}
    >>> adapt(greedy, "x_theta")(ServedDenoiser(zoo.get("no-blind-2d")), 3, **call).tolist()
    [[0, 0], [0, 0], [0, 0]]
    """
    made = functools.partial(SHAPES[_checks.choice(shape, tuple(SHAPES), "shape of a model")], **settings)
    _rule_of_logits(settings.get("rule", "product"))

    @functools.wraps(draw)
    def sampler(denoiser: ServedDenoiser, n: int, *, weight: float, **given: Any) -> Any:
        drawn = draw(made(denoiser, weight), n, weight=weight, **given)
        return _without_prompt(drawn, denoiser.length)

    return sampler


def _without_prompt(drawn: Any, length: int) -> Any:
    shape = getattr(drawn, "shape", ())
    return drawn[:, 1:] if len(shape) == 2 and shape[1] == length + 1 else drawn


def _column(values: Any, like: Any) -> Any:
    """One value a row of (n, D, N), or one for all."""
    xp = namespace(like)
    column = xp.asarray(values, dtype=like.dtype)
    return column.reshape(-1, 1, 1)


def _range(length: int, like: Any) -> Any:
    xp = namespace(like)
    return xp.arange(length) if xp is np else xp.arange(length, device=like.device)

"""Other ends: argmax or another denoiser for what is left, masks left, masks written over."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...laws.kernels.independent import reveal
from ...methods import Step
from ...process import Rates
from .explanation import Explanation, Prediction
from .setup import Setup, rates_of, tokens_last, with_tokens

LastTokens = Callable[[Setup], Rates]  # the rates whose tokens the end takes


def argmax(law: np.ndarray) -> np.ndarray:
    """All on the first largest entry, as argmax takes it; nothing where nothing is possible."""
    best = np.arange(law.shape[-1]) == law.argmax(axis=-1)[..., None]
    return best * (law.sum(axis=-1, keepdims=True) > 0)


def guided(setup: Setup) -> Rates:
    """The guided rates of the claim."""
    return setup.rates()


def conditional(setup: Setup) -> Rates:
    """The conditional denoiser, no guidance."""
    return setup.changed(weight=0.0).rates()


def unconditional(setup: Setup) -> Rates:
    """The unconditional denoiser."""
    return setup.changed(weight=-1.0).rates()


def last_by(tokens: LastTokens, greedy: bool) -> Prediction:
    """The last step draws its tokens otherwise; in the limit, the last reveal does."""

    def law(setup: Setup) -> np.ndarray:
        other = with_tokens(tokens(setup), argmax) if greedy else tokens(setup)
        rates = _with_tokens_of(setup.rates(), other)
        if not setup.stepped:
            return setup.law_of(_at_the_last_mask(setup.rates(), rates))
        *earlier, last = setup.steps()
        return setup.walk(rates, [last], setup.walk(setup.rates(), earlier))

    return law


def _with_tokens_of(rates: Rates, other: Rates) -> Rates:
    """Hazards of the one, tokens of the other; the others' hazards where the first has none."""
    scale = [np.divide(a, b, out=np.ones_like(a), where=(a > 0) & (b > 0)) for a, b in zip(rates.hazards, other.hazards,
             strict=True)]  # fmt: skip
    return rates_of([np.moveaxis(e * s, i, -1) for i, (e, s) in enumerate(zip(other.edges, scale, strict=True))])


def _at_the_last_mask(rates: Rates, last: Rates) -> Rates:
    """Rates with those of the completing reveals taken from `last`."""
    edges = [edge.copy() for edge in tokens_last(rates)]
    for edge, other in zip(edges, tokens_last(last), strict=True):
        complete = (slice(0, rates.vocab_size),) * (rates.length - 1)
        edge[complete] = other[complete]
    return rates_of(edges)


def finished(tokens: LastTokens, greedy: bool) -> Prediction:
    """Masks that the last step leaves are drawn after it."""
    return lambda setup: _filled(setup, tokens, greedy, setup.law()) if setup.stepped else None


def _filled(setup: Setup, tokens: LastTokens, greedy: bool, law: np.ndarray) -> np.ndarray:
    rates = with_tokens(tokens(setup), argmax) if greedy else tokens(setup)
    return reveal(rates, law, lambda hazard, _: np.sign(hazard), Step(0.0, np.inf, 0.0))


def unfinished(setup: Setup) -> np.ndarray | None:
    """The law after all steps but the last."""
    return setup.walk(setup.rates(), setup.steps()[:-1]) if setup.stepped else None


def overwritten(row: Callable[[int], np.ndarray]) -> Prediction:
    """All steps but the last, then masks are written over by tokens that no denoiser gave."""

    def law(setup: Setup) -> np.ndarray | None:
        law = unfinished(setup)
        if law is None:
            return None
        size = setup.problem.vocab_size
        matrix = np.vstack([np.eye(size, size + 1), np.append(row(size), 0.0)])
        for axis in range(law.ndim):
            law = np.moveaxis(np.moveaxis(law, axis, -1) @ matrix, -1, axis)
        return law

    return law


EXPLANATIONS = (
    Explanation("argmax finish", "the last step takes the argmax instead of drawing", last_by(guided, True)),
    Explanation("conditional finish", "the last step draws from the conditional denoiser, without guidance",
                last_by(conditional, False)),
    Explanation("conditional argmax finish", "the last step takes the argmax of the conditional denoiser, without "
                "guidance", last_by(conditional, True)),
    Explanation("unconditional finish", "the last step draws from the unconditional denoiser",
                last_by(unconditional, False)),
    Explanation("unconditional argmax finish", "the last step takes the argmax of the unconditional denoiser",
                last_by(unconditional, True)),
    Explanation("argmax of what is left", "masks left after the last step are set to the argmax",
                finished(guided, True)),
    Explanation("leftovers drawn", "masks left after the last step are drawn from the guided law",
                finished(guided, False)),
    Explanation("masks left", "the last step is missing: masks are returned", unfinished),
    Explanation("masks clamped", "the last step is missing, and masks are clamped to the last token",
                overwritten(lambda size: np.eye(size)[-1])),
    Explanation("masks set to token 0", "the last step is missing, and masks become token 0",
                overwritten(lambda size: np.eye(size)[0])),
    Explanation("masks set at random", "the last step is missing, and masks become uniform tokens",
                overwritten(lambda size: np.full(size, 1 / size))),
)  # fmt: skip

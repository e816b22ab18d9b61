"""Samplers as users write them, in numpy, from denoiser calls alone; and what may be wrong with them."""

import functools
import inspect
import itertools
import time

import numpy as np


def guided(denoiser, tokens, weight):
    """log of conditional^(1+w) unconditional^(-w), -inf where the reference law has no mass."""
    conditional, unconditional = (denoiser(tokens, label).astype(float) for label in (denoiser.label, None))
    if weight == -1:
        return unconditional
    possible = np.isfinite(conditional)
    filled = [np.where(possible, logs, 0.0) for logs in (conditional, unconditional)]
    return np.where(possible, (1 + weight) * filled[0] - weight * filled[1], -np.inf)


def draw_tokens(rng, rates):
    """One token for each position, in proportion to rates (n, D, N)."""
    steps = rates.cumsum(axis=-1)
    level = rng.random((*rates.shape[:-1], 1)) * steps[..., -1:]
    return (level >= steps[..., :-1]).sum(axis=-1)


def ancestral(denoiser, n, *, weight, num_steps, seed, dtype, start=None):
    """Normalised rule, K steps equal in t, log-linear noise."""
    rng = np.random.default_rng(seed)
    tokens = np.full((n, denoiser.length), denoiser.mask_id)
    if start is not None:
        tokens[:] = start
    times = np.linspace(1, 0, num_steps + 1)
    for now, then in itertools.pairwise(times):
        new = draw_tokens(rng, np.exp(guided(denoiser, tokens, weight)))
        reveal = (tokens == denoiser.mask_id) & (rng.random(tokens.shape) < 1 - then / now)
        tokens = np.where(reveal, new, tokens)
    return tokens


def gillespie(denoiser, n, *, weight, num_steps, seed, dtype):
    """Rate product, without steps; times t = e^-u and ranks of the reveals."""
    rng = np.random.default_rng(seed)
    tokens = np.full((n, denoiser.length), denoiser.mask_id)
    clock, rows = np.zeros(n), np.arange(n)
    times, ranks = np.zeros(tokens.shape), np.zeros(tokens.shape)
    for rank in range(denoiser.length):
        rates = np.exp(guided(denoiser, tokens, weight)) * (tokens == denoiser.mask_id)[..., None]
        hazards = rates.sum(axis=-1)
        clock += rng.exponential(size=n) / hazards.sum(axis=-1)
        place = draw_tokens(rng, hazards[:, None])[:, 0]
        tokens[rows, place] = draw_tokens(rng, rates[rows, place])
        times[rows, place], ranks[rows, place] = np.exp(-clock), rank
    return tokens, {"reveal_time": times, "reveal_order": ranks}


def raises(*_, **__):
    """Fails."""
    raise ValueError("no such layer")


def changed(change, sampler=ancestral):
    """A sampler whose tokens are changed: change(tokens, denoiser, the call's arguments)."""

    def wrong(denoiser, n, **given):
        return change(sampler(denoiser, n, **given), denoiser, given)

    wrong.__qualname__ = getattr(change, "__name__", "wrong")
    return wrong


def with_arguments(sampler=ancestral, **change):
    """A sampler whose arguments are changed by functions of their values: weight=lambda w: w + 1."""
    known = inspect.signature(sampler).parameters

    @functools.wraps(sampler)
    def wrong(denoiser, n, **given):
        return sampler(denoiser, n, **{k: change[k](v) if k in change else v for k, v in given.items() if k in known})

    return wrong


def hang(tokens, denoiser, given):
    """Never comes back."""
    while True:
        time.sleep(0.01)


def relabelled(tokens, denoiser, given):
    """Changes the denoiser it was lent."""
    denoiser.label = 1 - denoiser.label
    return tokens


def masked(tokens, denoiser, given):
    """Leaves one mask in a batch."""
    tokens[0, 0] = denoiser.mask_id
    return tokens


def twice(tokens, denoiser, given):
    """Every draw twice."""
    tokens[1::2] = tokens[: 2 * (len(tokens) // 2) : 2]
    return tokens


def ordered(tokens, denoiser, given):
    """In order."""
    return tokens[np.lexsort(tokens.T)]


def alike(tokens, denoiser, given):
    """One draw for the whole batch."""
    return np.repeat(tokens[:1], len(tokens), axis=0)


def small_wrong(tokens, denoiser, given):
    """Wrong in small batches only."""
    return tokens * 0 if len(tokens) < 10 else tokens


def forgetful(tokens, denoiser, given):
    """Loses what it was given."""
    if given.get("start") is not None:
        tokens[:, 0] = (tokens[:, 0] + 1) % denoiser.vocab_size
    return tokens


def overwriting(denoiser, n, *, weight, num_steps, seed, dtype):
    """Takes the denoiser's word for revealed positions: right only where it carries tokens over."""
    rng = np.random.default_rng(seed)
    tokens = np.full((n, denoiser.length), denoiser.mask_id)
    for k in range(num_steps, 0, -1):
        new = draw_tokens(rng, np.exp(guided(denoiser, tokens, weight)))
        kept = (tokens == denoiser.mask_id) & (rng.random(tokens.shape) >= 1 / k)
        tokens = np.where(kept, tokens, new)
    return tokens


def late(sampler):
    """Reports every reveal a step too early in the run."""

    def wrong(*arguments, **given):
        tokens, extras = sampler(*arguments, **given)
        return tokens, {"reveal_time": extras["reveal_time"] ** 0.5}

    return wrong


def worse_with_steps(denoiser, n, *, weight, num_steps, seed, dtype):
    """The more steps, the more draws are zeros."""
    tokens, _ = gillespie(denoiser, n, weight=weight, num_steps=num_steps, seed=seed, dtype=dtype)
    if num_steps > 8:
        tokens[np.random.default_rng(seed).random(n) < 0.7] = 0
    return tokens

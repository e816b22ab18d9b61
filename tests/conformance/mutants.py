"""A zoo of samplers as authors write them: right ones, wrong ones with the explanation that should win, and rude ones.

Plain numpy, from denoiser calls alone. Each is a :class:`Specimen`: a sampler, what it claims, what is wrong with it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from maskguide.conformance import Claim
from maskguide.conformance.bank import default_cases

ANCESTRAL = "normalized, ancestral, uniform t, log-linear"
LEAPING = "product, tau-leaping, uniform t, log-linear"
EULER = "product, euler, uniform t, log-linear"
POSTERIOR = "product, posterior-product, uniform t, log-linear"
LIMIT, NORMALIZED_LIMIT = "product, limit", "normalized, limit"
RANDOM = "normalized, random-order:counts=even, uniform t, log-linear"
COLD = "normalized, random-order:temperature=0.001:counts=even, uniform t, log-linear"


@dataclass(frozen=True)
class Specimen:
    """A sampler, its claim, the explanation of its faults, the kind of finding, and what it says."""

    sampler: Callable[..., Any]
    claim: str
    explanation: str | None = None
    finding: str = "law"
    says: str = ""
    options: dict[str, Any] = field(default_factory=dict)


# What authors do with two conditionals: (denoiser, tokens, weight) -> rates (n, D, N) -----------------------------


def branches(denoiser, tokens):
    return denoiser(tokens, denoiser.label), denoiser(tokens, None)


def combined(conditional, mixture, weight):
    """exp of (1+w) log p_z - w log p, 0 where one of them is; p_z at w = 0 and p at w = -1."""
    if weight in (0, -1):
        return np.exp(mixture if weight else conditional)
    possible = np.isfinite(conditional) & np.isfinite(mixture)
    here, there = np.where(possible, conditional, 0.0), np.where(possible, mixture, 0.0)
    return np.where(possible, np.exp((1 + weight) * here - weight * there), 0.0)


def share(rows):
    total = rows.sum(axis=-1, keepdims=True)
    return rows / np.where(total > 0, total, 1.0)


def product(denoiser, tokens, weight):
    return combined(*branches(denoiser, tokens), weight)


def normalized(denoiser, tokens, weight):
    return share(product(denoiser, tokens, weight))


def weighted(change):
    """The normalised rule at another weight."""
    return lambda denoiser, tokens, weight: normalized(denoiser, tokens, change(weight))


def swapped(denoiser, tokens, weight):
    conditional, mixture = branches(denoiser, tokens)
    return share(combined(mixture, conditional, weight))


def falsy_weight(denoiser, tokens, weight):
    return normalized(denoiser, tokens, weight) if weight else np.exp(denoiser(tokens, None))


def next_label(denoiser, tokens, weight):
    label = (denoiser.label + 1) % denoiser.num_classes
    return share(combined(denoiser(tokens, label), denoiser(tokens, None), weight))


def mean_of_classes(denoiser, tokens, weight):
    mean = np.mean([np.exp(denoiser(tokens, k)) for k in range(denoiser.num_classes)], axis=0)
    with np.errstate(divide="ignore"):
        return share(combined(denoiser(tokens, denoiser.label), np.log(share(mean)), weight))


def linear(denoiser, tokens, weight):
    conditional, mixture = map(np.exp, branches(denoiser, tokens))
    return share(np.maximum((1 + weight) * conditional - weight * mixture, 0.0))


def tempered(on_conditional=1.0, on_mixture=1.0, after=1.0):
    """Temperatures on either branch, or on what guidance makes of them."""

    def rates(denoiser, tokens, weight):
        conditional, mixture = branches(denoiser, tokens)
        with np.errstate(divide="ignore"):
            here, there = (
                np.log(share(np.exp(x / t))) for x, t in ((conditional, on_conditional), (mixture, on_mixture))
            )
        return share(combined(here, there, weight) ** (1 / after))

    return rates


def blind(rates):
    """Rates of the fully masked state, wherever it is."""
    return lambda denoiser, tokens, weight: rates(denoiser, np.full_like(tokens, denoiser.mask_id), weight)


def unguarded(denoiser, tokens, weight):
    """With nothing done about -inf."""
    conditional, mixture = branches(denoiser, tokens)
    return np.exp((1 + weight) * conditional - weight * mixture)


def softmax(denoiser, tokens, weight):
    rows = unguarded(denoiser, tokens, weight)
    return rows / rows.sum(axis=-1, keepdims=True)


def cold(denoiser, tokens, weight):
    """Temperature 1/1000, by exp of logits whose maximum was not taken off."""
    conditional, mixture = branches(denoiser, tokens)
    logits = np.exp(((1 + weight) * conditional - weight * mixture) * 1000)
    return logits / logits.sum(axis=-1, keepdims=True)


# How they draw ----------------------------------------------------------------------------------------------------


def drawn(rng, rates):
    """One token for each row, in proportion to its entries."""
    steps = rates.cumsum(axis=-1)
    return (rng.random((*rates.shape[:-1], 1)) * steps[..., -1:] >= steps[..., :-1]).sum(axis=-1)


def best(rng, rates):
    return rates.argmax(axis=-1)


def gumbel(rng, rates):
    with np.errstate(divide="ignore"):
        return (np.log(rates) + rng.gumbel(size=rates.shape)).argmax(axis=-1)


# Steps in which masks are independent -----------------------------------------------------------------------------


def linear_share(hazards, now, then):
    return np.sign(hazards) * (1 - then / now)


def frozen(hazards, now, then):
    return 1 - np.where(hazards > 0, (then / now) ** hazards, 1.0)


def clipped(hazards, now, then):
    chance = hazards * (1 - then / now)
    return np.where(chance > 1 - 1e-12, 1.0, chance)


def row_share(hazards, now, then):
    revealed = hazards * (1 - then / now)
    return revealed / np.maximum(revealed + then / now, 1e-300)


def wrong_end(hazards, now, then):
    return np.full_like(hazards, min(1.0, (now - then) / then) if then else 1.0)


def frozen_in_t(hazards, now, then):
    """1 - exp(-dt m'(t)/m(t)) with m(t) = t; the last step reveals what is left."""
    return np.full_like(hazards, -np.expm1(-(now - then) / now) if then else 1.0)


def stay(hazards, now, then):
    return np.full_like(hazards, then / now)


def total_noise(hazards, now, then):
    """dt sigma(t) (1 - m)/m where sigma'(t) belongs; log-linear, sigma = -log(1 - t)."""
    return np.full_like(hazards, 0.0 if now == 1 else min(1.0, (now - then) * -np.log1p(-now) * (1 - now) / now))


def equal_in_t(num_steps):
    return np.linspace(1, 0, num_steps + 1)


def equal_in_clock(num_steps):
    return np.append(np.exp(-np.linspace(0, 1, num_steps + 1)[:-1] * np.log(num_steps + 1)), 0.0)


def in_steps(rates=normalized, chance=linear_share, draw=drawn, *, last=None, last_draw=None, times=equal_in_t,
             steps=lambda k: k, stop=None, keep=True):  # fmt: skip
    """A sampler of K steps in each of which every mask is revealed on its own."""

    def sampler(denoiser, n, *, weight, num_steps, seed, dtype):
        rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
        grid = list(pairwise(times(steps(num_steps))))
        for k, (now, then) in enumerate(grid[:stop]):
            final = k == len(grid) - 1
            row = (last if final and last else rates)(denoiser, tokens, weight)
            new = (last_draw if final and last_draw else draw)(rng, row)
            hazards = np.nan_to_num(row.sum(axis=-1), nan=1.0)
            reveal = rng.random(tokens.shape) < chance(hazards, now, then)
            tokens = np.where(reveal & ((tokens == denoiser.mask_id) | (not keep)), new, tokens)
        return tokens

    return sampler


def as_rows(row, finish=False):
    """Steps that draw from rows over tokens and mask; masks left at the end are set to the argmax, or stay."""

    def sampler(denoiser, n, *, weight, num_steps, seed, dtype):
        rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
        for now, then in pairwise(equal_in_t(num_steps)):
            new = row(rng, product(denoiser, tokens, weight) * (1 - then / now))
            tokens = np.where(tokens == denoiser.mask_id, new, tokens)
        if finish:
            tokens = np.where(tokens == denoiser.mask_id, best(rng, product(denoiser, tokens, weight)), tokens)
        return tokens

    return sampler


def clipped_entries(rng, jumps):
    jumps = np.minimum(jumps, 1.0)
    stays = np.maximum(0.0, 1 - jumps.sum(axis=-1, keepdims=True))
    return drawn(rng, np.concatenate([jumps, stays], axis=-1))


def not_renormalised(rng, jumps):
    return (rng.random((*jumps.shape[:-1], 1)) >= jumps.cumsum(axis=-1)).sum(axis=-1)


def mask_entry_one(rng, jumps):
    return drawn(rng, np.concatenate([jumps, np.ones_like(jumps[..., :1])], axis=-1))


def poisson_clamped(rng, jumps):
    size = jumps.shape[-1]
    moves = (rng.poisson(jumps) * (np.arange(size) - size)).sum(axis=-1)
    return np.clip(size + moves, 0, size)


def float32_race(denoiser, n, *, weight, num_steps, seed, dtype):
    """Each row over tokens and mask by a race of exponentials in float32."""
    rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
    for now, then in pairwise(equal_in_t(num_steps)):
        masked = tokens == denoiser.mask_id
        conditional, mixture = (rows[masked] for rows in branches(denoiser, tokens))
        rates = combined(conditional, mixture, weight)
        stays = rates.sum(axis=-1, keepdims=True) * then / (now - then)
        rows = np.concatenate([rates, stays], axis=-1).astype(np.float32)
        with np.errstate(divide="ignore"):
            tokens[masked] = (-np.log(rng.random(rows.shape, dtype=np.float32)) / rows).argmin(axis=-1)
    return tokens


# One position after another ---------------------------------------------------------------------------------------


def one_by_one(rates, uniform):
    """The next position is uniform over the masks, or in proportion to the hazards."""

    def sampler(denoiser, n, *, weight, num_steps, seed, dtype):
        rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
        for _ in range(denoiser.length):
            row = rates(denoiser, tokens, weight) * (tokens == denoiser.mask_id)[..., None]
            hazards = row.sum(axis=-1)
            place = drawn(rng, np.sign(hazards) if uniform else hazards)[:, None]
            here = np.take_along_axis(row, place[..., None], axis=1)[:, 0]
            np.put_along_axis(tokens, place, drawn(rng, here)[:, None], axis=1)
        return tokens

    return sampler


def first_hitting(denoiser, n, *, weight, num_steps, seed, dtype):
    """t <- t V^(1/m), m masks left; with the times of reveals."""
    rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
    t, times = np.ones(n), np.zeros((n, denoiser.length))
    for left in range(denoiser.length, 0, -1):
        t = t * rng.random(n) ** (1 / left)
        place = drawn(rng, (tokens == denoiser.mask_id).astype(float))
        rows = normalized(denoiser, tokens, weight)[np.arange(n), place]
        tokens[np.arange(n), place], times[np.arange(n), place] = drawn(rng, rows), t
    return tokens, {"reveal_time": times}


def fixed_count(score, draw=drawn, one=False, rates=normalized):
    """D // K positions a step, the remainder one by one on the first steps; those of highest score."""

    def sampler(denoiser, n, *, weight, num_steps, seed, dtype):
        rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
        steps = denoiser.length if one else num_steps
        each, more = divmod(denoiser.length, steps)
        for k in range(steps):
            rows = rates(denoiser, tokens, weight)
            new = draw(rng, rows)
            scores = np.where(tokens == denoiser.mask_id, score(rng, rows, new), -np.inf)
            places = np.argsort(-scores, axis=1)[:, : each + (k < more)]
            np.put_along_axis(tokens, places, np.take_along_axis(new, places, axis=1), axis=1)
        return tokens

    return sampler


def no_score(rng, rows, new):
    return rng.random(new.shape)


def confidence(rng, rows, new):
    return np.take_along_axis(rows, new[..., None], axis=-1)[..., 0]


def margin(rng, rows, new):
    ordered = np.sort(rows, axis=-1)
    return ordered[..., -1] - ordered[..., -2]


def entropy(rng, rows, new):
    return (rows * np.log(np.maximum(rows, 1e-300))).sum(axis=-1)


def leftmost(rng, rows, new):
    return np.broadcast_to(-np.arange(new.shape[1]), new.shape)


# Rude ones --------------------------------------------------------------------------------------------------------

ancestral = in_steps()


def after(change, sampler=ancestral):
    """A sampler whose tokens are changed: change(tokens, denoiser)."""

    def wrong(denoiser, n, **given):
        return change(sampler(denoiser, n, **given), denoiser)

    return wrong


def given(**changes):
    """The ancestral sampler with its arguments changed: seed=lambda seed: 1."""

    def wrong(denoiser, n, **arguments):
        return ancestral(denoiser, n, **{k: changes.get(k, lambda v: v)(v) for k, v in arguments.items()})

    return wrong


def raises(denoiser, n, **_):
    raise RuntimeError("expected a tensor on the device of the model")


def hangs(denoiser, n, **_):
    while True:
        time.sleep(0.01)


def one_uniform_for_all(denoiser, n, *, weight, num_steps, seed, dtype):
    """One random number a position, broadcast over the batch."""
    rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
    for now, then in pairwise(equal_in_t(num_steps)):
        steps = normalized(denoiser, tokens, weight).cumsum(axis=-1)
        new = (rng.random((denoiser.length, 1)) * steps[..., -1:] >= steps[..., :-1]).sum(axis=-1)
        reveal = rng.random(denoiser.length) < 1 - then / now
        tokens = np.where(reveal & (tokens == denoiser.mask_id), new, tokens)
    return tokens


def one_token_uniform_for_all(denoiser, n, *, weight, num_steps, seed, dtype):
    """Reveals are independent, tokens are not."""
    rng, tokens = np.random.default_rng(seed), np.full((n, denoiser.length), denoiser.mask_id)
    for now, then in pairwise(equal_in_t(num_steps)):
        steps = normalized(denoiser, tokens, weight).cumsum(axis=-1)
        new = (rng.random((denoiser.length, 1)) * steps[..., -1:] >= steps[..., :-1]).sum(axis=-1)
        reveal = rng.random(tokens.shape) < 1 - then / now
        tokens = np.where(reveal & (tokens == denoiser.mask_id), new, tokens)
    return tokens


def guidance_of_the_batch(denoiser, n, **arguments):
    """A batch too small to be split gets no guidance."""
    return ancestral(denoiser, n, **arguments | ({"weight": -1.0} if n < 16 else {}))


def relabelled(tokens, denoiser):
    denoiser.label = None
    return tokens


def twice(tokens, denoiser):
    return tokens[np.arange(len(tokens)) // 2]


# The zoo ----------------------------------------------------------------------------------------------------------

LEAPS = in_steps(product, frozen)
BELOW_ZERO = [case for case in default_cases(Claim.parse(EULER)) if case.weight in (-0.5, 3.0)][-4:]  # masks are left

RIGHT = {
    "ancestral": Specimen(ancestral, ANCESTRAL),
    "tau-leaping": Specimen(LEAPS, LEAPING),
    "Euler": Specimen(in_steps(product, clipped), EULER),
    "posterior product": Specimen(in_steps(product, row_share), POSTERIOR),
    "Gillespie": Specimen(one_by_one(product, uniform=False), LIMIT),
    "Gillespie, normalised": Specimen(one_by_one(normalized, uniform=False), NORMALIZED_LIMIT),
    "first-hitting": Specimen(first_hitting, NORMALIZED_LIMIT),
    "random order, one by one": Specimen(one_by_one(normalized, uniform=True), NORMALIZED_LIMIT),
    "random order, fixed count": Specimen(fixed_count(no_score), RANDOM),
}

FAULTY = {
    # rules
    "rate product for normalised": Specimen(LEAPS, ANCESTRAL, "product rule, tau-leaping"),
    "normalised for rate product": Specimen(ancestral, LEAPING, "normalized rule"),
    "posterior product for normalised": Specimen(in_steps(product, row_share), ANCESTRAL,
                                                  "product rule, posterior-product"),
    "normalised Gillespie for rate product": Specimen(one_by_one(normalized, uniform=False), LIMIT, "normalized rule"),
    "linear in probabilities": Specimen(in_steps(linear), ANCESTRAL, "probabilities mixed linearly"),
    # scale and branches
    "gamma for w": Specimen(in_steps(weighted(lambda w: w - 1)), ANCESTRAL, "gamma for w"),
    "w one too large": Specimen(in_steps(weighted(lambda w: w + 1)), ANCESTRAL, "w + 1"),
    "conditionals swapped": Specimen(in_steps(swapped), ANCESTRAL, "conditionals swapped"),
    "guidance ignored": Specimen(in_steps(weighted(lambda w: 0.0)), ANCESTRAL, "guidance ignored"),
    "w = 0 is unconditional": Specimen(in_steps(falsy_weight), ANCESTRAL, "unconditional at w = 0"),
    "another label": Specimen(in_steps(next_label), ANCESTRAL, "another label"),
    "mean of the classes": Specimen(in_steps(mean_of_classes), ANCESTRAL, "class prior ignored"),
    # positions and orders
    "uniform position": Specimen(one_by_one(product, uniform=True), LIMIT, "uniform positions"),
    "position by hazard": Specimen(one_by_one(product, uniform=False), NORMALIZED_LIMIT, "positions by hazard"),
    "confidence for random": Specimen(fixed_count(confidence), RANDOM, "confidence decoding"),
    "margin for random": Specimen(fixed_count(margin), RANDOM, "margin decoding"),
    "entropy for random": Specimen(fixed_count(entropy), RANDOM, "entropy decoding"),
    "left to right for random": Specimen(fixed_count(leftmost, one=True), NORMALIZED_LIMIT, "left to right"),
    "stale state": Specimen(in_steps(blind(normalized)), ANCESTRAL, "stale state"),
    "revealed tokens redrawn": Specimen(in_steps(keep=False), ANCESTRAL, "revealed tokens redrawn"),
    # steps
    "entries clipped": Specimen(as_rows(clipped_entries), EULER, "entries clipped"),
    "entries clipped, argmax at the end": Specimen(as_rows(clipped_entries, finish=True), EULER,
                                                   "entries clipped, argmax finish", options={"cases": BELOW_ZERO}),
    "rates frozen in t": Specimen(in_steps(chance=frozen_in_t), ANCESTRAL, "rates frozen in t",
                                  options={"quick": False}),
    "rows not renormalised": Specimen(as_rows(not_renormalised), EULER, "row cut off"),
    "mask entry one": Specimen(as_rows(mask_entry_one), EULER, "mask entry one", "masks"),
    "Poisson jumps clamped": Specimen(as_rows(poisson_clamped, finish=True), LEAPING,
                                       "Poisson jumps added, argmax finish"),
    "Poisson jumps, masks left": Specimen(as_rows(poisson_clamped), LEAPING, "Poisson jumps added", "masks"),
    "alpha of the wrong end": Specimen(in_steps(chance=wrong_end), ANCESTRAL, "alpha of the wrong end"),
    "stay for reveal": Specimen(in_steps(chance=stay), ANCESTRAL, "stay for reveal", "masks"),
    "sigma for its derivative": Specimen(in_steps(chance=total_noise), ANCESTRAL, "sigma for its derivative", "masks"),
    "one step too few": Specimen(in_steps(steps=lambda k: max(1, k - 1)), ANCESTRAL, "K - 1 steps"),
    "twice the steps": Specimen(in_steps(steps=lambda k: 2 * k), ANCESTRAL, "2 K steps"),
    "Euler for tau-leaping": Specimen(in_steps(product, clipped), LEAPING, "product rule, euler"),
    # ends
    "masks returned": Specimen(in_steps(stop=-1), ANCESTRAL, "masks left", "masks"),
    "argmax at the end": Specimen(in_steps(last_draw=best), ANCESTRAL, "argmax finish"),
    "unguided at the end": Specimen(in_steps(last=weighted(lambda w: 0.0)), ANCESTRAL, "conditional finish"),
    "unconditional at the end": Specimen(in_steps(last=weighted(lambda w: -1.0)), ANCESTRAL, "unconditional finish"),
    # temperatures
    "temperature on one branch": Specimen(in_steps(tempered(on_conditional=0.5)), ANCESTRAL,
                                          "temperature 0.5 on the conditional branch"),
    "temperature on the other branch": Specimen(in_steps(tempered(on_mixture=2.0)), ANCESTRAL,
                                                "temperature 2 on the unconditional branch"),
    "temperature after guidance": Specimen(in_steps(tempered(after=2.0)), ANCESTRAL, "temperature 2 on tokens"),
    "greedy tokens": Specimen(in_steps(draw=best), ANCESTRAL, "greedy tokens"),
    # arithmetic
    "NaN selected": Specimen(in_steps(unguarded, draw=gumbel), ANCESTRAL, "NaN selected"),
    "NaN spread by softmax": Specimen(in_steps(softmax, draw=gumbel), ANCESTRAL, "NaN fills the row"),
}  # fmt: skip

LARGE = Specimen(float32_race, ANCESTRAL, "float32 race")

RUDE = {
    "raises": Specimen(raises, ANCESTRAL, finding="raises"),
    "hangs": Specimen(hangs, ANCESTRAL, finding="hangs", options={"time_limit": 0.3}),
    "a row too few": Specimen(after(lambda tokens, _: tokens[1:]), ANCESTRAL, finding="shape"),
    "float tokens": Specimen(after(lambda tokens, _: tokens.astype(np.float32)), ANCESTRAL, finding="dtype"),
    "a list": Specimen(after(lambda tokens, _: tokens.tolist()), ANCESTRAL, finding="type"),
    "shifted tokens": Specimen(after(lambda tokens, _: tokens + 2), ANCESTRAL, finding="range"),
    "NaN returned": Specimen(after(lambda tokens, _: np.where(tokens == 0, np.nan, tokens)), ANCESTRAL, finding="nan"),
    "exp overflows": Specimen(fixed_count(no_score, gumbel, rates=cold), COLD, says="NaN came up inside"),
    "constant": Specimen(after(lambda tokens, _: np.zeros_like(tokens)), ANCESTRAL, finding="constant"),
    "changes the denoiser": Specimen(after(relabelled), ANCESTRAL, finding="mutates"),
    "one uniform for the batch": Specimen(one_uniform_for_all, ANCESTRAL, finding="independence"),
    "one token uniform for the batch": Specimen(one_token_uniform_for_all, ANCESTRAL, finding="independence"),
    "every draw twice": Specimen(after(twice), ANCESTRAL, finding="independence"),
    "seed ignored": Specimen(given(seed=lambda _: 0), ANCESTRAL, finding="seed"),
    "seed of the clock": Specimen(given(seed=lambda _: time.perf_counter_ns()), ANCESTRAL, finding="seed"),
    "small batches unguided": Specimen(guidance_of_the_batch, ANCESTRAL, finding="batch size"),
}  # fmt: skip

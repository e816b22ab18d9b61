"""One-step kernels state by state from their definitions, in plain loops: nothing of the package's numerics is used.

A method is a function (process facts, x, t, t', w, k, K) -> {y: probability}. `law` multiplies dense matrices.
"""

import itertools
from math import comb, exp, inf, isinf, log, pi, sin

import numpy as np

MASKING = {"linear": lambda t: t, "cosine": lambda t: sin(pi * t / 2)}


class Facts:
    """Conditionals and rates by summing the class laws."""

    def __init__(self, problem, rule, schedule="linear"):
        self.target = np.asarray(problem.class_laws[problem.target])
        self.mixture = sum(a * law for a, law in zip(problem.prior, problem.class_laws, strict=True))
        self.size, self.length, self.rule = problem.vocab_size, problem.length, rule
        self.masking, self.known = MASKING[schedule], {}
        self.states = list(itertools.product(range(self.size + 1), repeat=self.length))

    def masked(self, x):
        return [i for i in range(self.length) if x[i] == self.size]

    def marginal(self, law, x):
        return law[tuple(slice(None) if c == self.size else c for c in x)].sum()

    def rates(self, x, i, w):
        if (x, i, w) not in self.known:
            self.known[x, i, w] = self._rates(x, i, w)
        return self.known[x, i, w]

    def _rates(self, x, i, w):
        if x[i] != self.size or self.marginal(self.mixture, x) == 0:
            return np.zeros(self.size)
        rates = []
        for v in range(self.size):
            y = (*x[:i], v, *x[i + 1 :])
            if w == -1:
                rates.append(self.marginal(self.mixture, y) / self.marginal(self.mixture, x))
                continue
            pz = self.marginal(self.target, y)
            if pz == 0:
                rates.append(0.0)
                continue
            given_z = pz / self.marginal(self.target, x)
            given = self.marginal(self.mixture, y) / self.marginal(self.mixture, x)
            rates.append(given_z ** (1 + w) * given ** (-w))
        total = sum(rates)
        return np.array(rates) / (total if self.rule == "normalized" and total > 0 else 1.0)

    def conditional(self, x, i, w):
        rates = self.rates(x, i, w)
        return rates / rates.sum() if rates.sum() > 0 else rates

    def lengths(self, t, s):
        before, after = self.masking(t), self.masking(s)
        return before, after, (inf if after == 0 else log(before / after))


def outcomes(facts, x, choices):
    """All y with choices[i] = {token or mask: probability} for the coordinates that may change."""
    free = list(choices)
    for values in itertools.product(*(choices[i].items() for i in free)):
        y, chance = list(x), 1.0
        for i, (value, probability) in zip(free, values, strict=True):
            y[i] = value
            chance *= probability
        yield tuple(y), chance


def collect(pairs):
    row = {}
    for y, chance in pairs:
        row[y] = row.get(y, 0.0) + chance
    return row


def revealing(facts, rates, chance):
    """{token: chance r/Z, mask: 1 - chance} of one coordinate."""
    total = rates.sum()
    if total == 0:
        return {facts.size: 1.0}
    return {v: chance * rates[v] / total for v in range(facts.size)} | {facts.size: 1 - chance}


def leap(rates, h):
    return (1.0 if isinf(h) else 1 - exp(-rates.sum() * h)) if rates.sum() > 0 else 0.0


def independent(chance):
    """chance(Z, m, m') -> reveal probability."""

    def kernel(facts, x, t, s, w, k, K):
        before, after, _ = facts.lengths(t, s)
        rates = {i: facts.rates(x, i, w) for i in facts.masked(x)}
        each = {
            i: revealing(facts, r, chance(r.sum(), before, after) if r.sum() > 0 else 0.0) for i, r in rates.items()
        }
        return collect(outcomes(facts, x, each))

    return kernel


tau_leaping = independent(lambda z, m, n: 1.0 if n == 0 else 1 - (n / m) ** z)
euler = independent(lambda z, m, n: min(1.0, z * (m - n) / m))
ancestral = independent(lambda z, m, n: ((1 - n) - (1 - m)) / (1 - (1 - m)))
posterior_product = independent(lambda z, m, n: (m - n) * z / ((m - n) * z + n))


def two_stage(theta, trapezoidal, split="clock"):
    def kernel(facts, x, t, s, w, k, K):
        before, after, h = facts.lengths(t, s)
        if split == "level" or isinf(h):
            middle = (1 - theta) * before + theta * after
            first = inf if middle == 0 else log(before / middle)
        else:
            first = theta * h
        r = {i: facts.rates(x, i, w) for i in facts.masked(x)}
        pairs = []
        for mid, chance in outcomes(facts, x, {i: revealing(facts, r[i], leap(r[i], first)) for i in r}):
            there = {i: facts.rates(mid, i, w) for i in r}
            if chance == 0:
                continue
            if trapezoidal:
                one = 1 / (2 * theta * (1 - theta))
                two = ((1 - theta) ** 2 + theta**2) / (2 * theta * (1 - theta))
                speed = {i: np.maximum(one * there[i] - two * r[i], 0) for i in facts.masked(mid)}
                start, duration = mid, h - first
            else:
                speed = {i: np.maximum((1 - 1 / (2 * theta)) * r[i] + there[i] / (2 * theta), 0) for i in r}
                start, duration = x, h
            each = {i: revealing(facts, q, leap(q, duration)) for i, q in speed.items()}
            pairs += [(y, chance * p) for y, p in outcomes(facts, start, each)]
        return collect(pairs)

    return kernel


def sharpened(law, temperature):
    if temperature == 0:
        best = [v > max(law) - 1e-12 for v in law]
        return [b / sum(best) for b in best]
    powers = [v ** (1 / temperature) for v in law]
    return [p / sum(powers) for p in powers]


def score(kind, law, token):
    if kind == "random-order":
        return 1.0
    if kind == "confidence":
        return law[token]
    if kind == "margin":
        ordered = sorted([*law, 0.0])
        return exp(ordered[-1] - ordered[-2])
    return exp(sum(p * log(p) for p in law if p > 0))


def decoder(kind, counts, temperature=1.0, noise=0.0):
    """Sets of kept positions by counting subsets (no noise) or orders (noise): scores as positive weights."""

    def kernel(facts, x, t, s, w, k, K):
        laws = {i: facts.conditional(x, i, w) for i in facts.masked(x)}
        laws = {i: law for i, law in laws.items() if law.sum() > 0}
        count, pairs = min(counts[k], len(laws)), []
        proposals = {i: dict(enumerate(sharpened(law, temperature))) for i, law in laws.items()}
        for drawn, chance in outcomes(facts, x, proposals):
            if chance == 0:
                continue
            worth = {i: score(kind, laws[i], drawn[i]) for i in laws}
            for kept in itertools.combinations(laws, count):
                part = plackett_luce(worth, kept, noise) if noise else top(worth, kept)
                y = tuple(drawn[i] if i in kept else c for i, c in enumerate(x))
                pairs.append((y, chance * part))
        return collect(pairs)

    return kernel


def top(worth, kept):
    """Uniform over the subsets that hold only largest scores."""
    if not kept:
        return 1.0
    threshold = min(worth[i] for i in kept)
    above = [i for i in worth if worth[i] > threshold + 1e-12]
    level = [i for i in worth if abs(worth[i] - threshold) <= 1e-12]
    return 1 / comb(len(level), len(kept) - len(above)) if set(above) <= set(kept) else 0.0


def plackett_luce(worth, kept, noise):
    total = 0.0
    for order in itertools.permutations(kept):
        left, chance = sum(v ** (1 / noise) for v in worth.values()), 1.0
        for i in order:
            chance *= worth[i] ** (1 / noise) / left
            left -= worth[i] ** (1 / noise)
        total += chance
    return total


def remdm(eta, strategy):
    def kernel(facts, x, t, s, w, k, K):
        alpha_t, alpha_s = 1 - facts.masking(t), 1 - facts.masking(s)
        largest = 1.0 if alpha_t == 0 else min(1.0, (1 - alpha_s) / alpha_t)
        sigma = min(eta, largest) if strategy == "cap" else eta * largest
        chance = (alpha_s - (1 - sigma) * alpha_t) / (1 - alpha_t)
        each = {}
        for i in range(facts.length):
            if x[i] == facts.size:
                each[i] = revealing(facts, facts.rates(x, i, w), chance)
            else:
                each[i] = {x[i]: 1 - sigma, facts.size: sigma}
        return collect(outcomes(facts, x, each))

    return kernel


def corrected(corrections):
    def correction(facts, x, w):
        shown = [i for i in range(facts.length) if x[i] != facts.size]
        pairs = [] if shown else [(x, 1.0)]
        for i in shown:
            parent = (*x[:i], facts.size, *x[i + 1 :])
            law = facts.conditional(parent, i, w)
            if law.sum() == 0:
                pairs.append((x, 1 / len(shown)))
                continue
            pairs += [((*x[:i], v, *x[i + 1 :]), law[v] / len(shown)) for v in range(facts.size)]
        return collect(pairs)

    def kernel(facts, x, t, s, w, k, K):
        row = tau_leaping(facts, x, t, s, w, k, K)
        for _ in range(corrections):
            row = collect((y, p * q) for mid, p in row.items() for y, q in correction(facts, mid, w).items())
        return row

    return kernel


def law(problem, guidance, kernel, grid, schedule="linear"):
    """(K+1, states) laws: dense one-step matrices, whose rows must sum to one, multiplied."""
    facts = Facts(problem, guidance.rule.name, schedule)
    index = {x: j for j, x in enumerate(facts.states)}
    laws = [np.eye(len(index))[index[(facts.size,) * facts.length]]]
    for k in range(len(grid) - 1):
        w = guidance.schedule.at(facts.masking(grid[k]))
        matrix = np.zeros((len(index), len(index)))
        for x, j in index.items():
            for y, chance in kernel(facts, x, grid[k], grid[k + 1], w, k, len(grid) - 1).items():
                matrix[j, index[y]] += chance
        assert np.abs(matrix.sum(axis=1) - 1).max() < 1e-12
        assert matrix.min() >= 0
        laws.append(laws[-1] @ matrix)
    return np.array(laws)

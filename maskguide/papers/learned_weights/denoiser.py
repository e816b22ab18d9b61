r"""A small denoiser, trained too briefly on purpose: what guidance is asked to mend in practice.

    x0(x, a, sigma, c) = m + a v/V (x - a m) + sigma sqrt(v/V) F(y, a, sigma, e_c),   V = a^2 v + sigma^2,
    y = (x - a m)/sqrt(V)

with the data's mean m and variance v (of a coordinate), and a network F of two hidden SiLU layers that starts at zero:
as the denoiser of N(m, v I). The class embeddings e_c start at zero too, so that stochastic gradient descent learns the
data's shape first and the classes later; a class's place is taken by "no class" in a fifth of the rows.

Source: Karras et al. 2022 (preconditioning); Ho, Salimans 2022 (dropped labels).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ... import _checks
from ...gaussian.mixture import Mixture, Prediction
from ...gaussian.noise import process
from .models import Models

EMBEDDING, WIDTH = 8, 64
BATCH, RATE, MOMENTUM = 256, 0.1, 0.9
DROPPED = 0.2  # share of rows trained without their class


class DenoiserNetwork(torch.nn.Module):
    """x0(x, a, sigma, c) for classes 0..K-1; c = K is "no class". float64."""

    def __init__(self, classes: int, mean: np.ndarray, variance: float, seed: int):
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.variance, d = variance, len(mean)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.embedding = torch.nn.Embedding(classes + 1, EMBEDDING, dtype=torch.float64)
            sizes = (d + 2 + EMBEDDING, WIDTH, WIDTH, d)
            one, two, last = (torch.nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes))
        for start in (self.embedding.weight, last.weight, last.bias):
            torch.nn.init.zeros_(start)
        self.layers = torch.nn.Sequential(one, torch.nn.SiLU(), two, torch.nn.SiLU(), last)

    def forward(self, x: Any, scale: Any, sigma: Any, label: Any) -> Any:
        """Points (n, d), scale and sigma (n, 1), classes (n,): (n, d)."""
        total = scale**2 * self.variance + sigma**2
        y = (x - scale * self.mean) / total.sqrt()
        change = self.layers(torch.cat([y, scale, sigma, self.embedding(label)], 1))
        return self.mean + (scale * self.variance * y + sigma * self.variance**0.5 * change) / total.sqrt()


class ClassView:
    """The denoiser for one class (or none), with `predict` and `denoise` as a Mixture has them; numpy."""

    def __init__(self, network: DenoiserNetwork, label: int, dimension: int):
        self.network, self.label, self.dimension = network, label, dimension

    def denoise(self, x: np.ndarray, scale: Any, sigma: Any) -> np.ndarray:
        """x0 (n, d) at points (n, d)."""
        columns = (torch.from_numpy(np.broadcast_to(v, (len(x),)).reshape(-1, 1).copy()) for v in (scale, sigma))
        with torch.no_grad():
            return self.network(torch.from_numpy(x), *columns, torch.full((len(x),), self.label)).numpy()

    def predict(self, x: np.ndarray, scale: float, sigma: float) -> Prediction:
        """x0 and the score (a x0 - x) / sigma^2, sigma > 0; a network has no density (None)."""
        if not np.all(np.asarray(sigma) > 0):
            _checks.fail("a network's score at sigma = 0", "sigma > 0", "use method 'ddim', which never asks for it")
        x0 = self.denoise(x, scale, sigma)
        return Prediction(None, (scale * x0 - x) / sigma**2, x0)


def undertrained(
    mixture: Mixture, steps: int = 100, *, noise: str = "flow", points: int = 20_000, seed: int = 0
) -> Models:
    """A network after `steps` steps of stochastic gradient descent on samples of the mixture.

    Rows are points of the whole mixture: rare classes are seen rarely. Use the views with `sample(..., method="ddim",
    batch=n)`.
    """
    _checks.integer(steps, "steps", 0)
    _checks.integer(points, "points", 2)
    if not 0 <= _checks.integer(seed, "seed", 0) < 2**32:
        _checks.fail(f"seed = {seed}", "0 <= seed < 2^32", "give a smaller seed")
    truth = tuple(mixture.given(label) for label in mixture.classes)
    data, labels = _training_data(mixture, truth, points, seed)
    network = DenoiserNetwork(len(truth), data.mean(0), float(data.var(0).mean()), seed)
    optimizer = torch.optim.SGD(network.parameters(), lr=RATE, momentum=MOMENTUM)
    for step in range(steps):
        optimizer.zero_grad()
        _loss(network, data, labels, noise, np.random.Generator(np.random.Philox(key=[seed, step]))).backward()
        optimizer.step()
    views = [ClassView(network, k, mixture.dimension) for k in range(len(truth) + 1)]
    return Models(f"network, {steps} steps", truth, tuple(views[:-1]), views[-1])


def _training_data(mixture: Mixture, truth: Any, points: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, d) in proportion to the classes' weights, and their classes (N,)."""
    share = [
        sum(w for w, mine in zip(mixture.weights, mixture.labels, strict=True) if mine == c) for c in mixture.classes
    ]
    counts = [max(1, round(points * part)) for part in share]
    data = [law.sample(count, 2**32 * k + seed) for k, (law, count) in enumerate(zip(truth, counts, strict=True))]
    return np.concatenate(data), np.repeat(np.arange(len(truth)), counts)


def _loss(network: DenoiserNetwork, data: np.ndarray, labels: np.ndarray, noise: str, draw: np.random.Generator) -> Any:
    """Mean square of x0's error on one batch, t ~ U(0, 1)."""
    rows = draw.integers(len(data), size=BATCH)
    x0, eps = data[rows], draw.standard_normal((BATCH, data.shape[1]))
    label = np.where(draw.random(BATCH) < DROPPED, labels.max() + 1, labels[rows])
    levels = [process(noise).at(t) for t in draw.random(BATCH)]
    a, sigma = np.array([[v.scale] for v in levels]), np.array([[v.sigma] for v in levels])
    x, a, sigma, label, x0 = map(torch.from_numpy, (a * x0 + sigma * eps, a, sigma, label, x0))
    return ((network(x, a, sigma, label) - x0) ** 2).mean()

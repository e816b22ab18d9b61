r"""The learned weight omega(c, s, t) >= 0: a ReLU network of the class and the two ends of a step t -> s.

omega is what is added, x0 = x0_c + omega (x0_c - x0_u): the weight w of this package. The last ReLU holds omega at
zero; its gradient is that of the projection onto omega >= 0, so a weight at zero can rise again.

Source: Galashov et al., Learn to Guide Your Diffusion Model (arXiv:2510.00815).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import torch

from ... import _checks
from ...gaussian.schedules import ScaleSchedule, decreasing, tabulated

EMBEDDING = 4  # numbers that stand for a class
START = 1.0  # omega of an untrained network, but for its random part


class WeightNetwork(torch.nn.Module):
    """Two hidden ReLU layers on (class embedding, s, t), in float64.

    Parameters
    ----------
    classes : number of classes
    width : neurons of a hidden layer
    seed : of the first parameters; the global random state is left alone
    """

    def __init__(self, classes: int, width: int = 32, seed: int = 0):
        super().__init__()
        self.classes = _checks.integer(classes, "classes", 1)
        _checks.integer(width, "width", 1)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_checks.seed(seed) % 2**63)
            self.embedding = torch.nn.Embedding(classes, EMBEDDING, dtype=torch.float64)
            self.layers = relu_layers(EMBEDDING + 2, width, 1)
        torch.nn.init.constant_(self.layers[-1].bias, START)  # type: ignore[arg-type]

    def forward(self, label: Any, s: Any, t: Any) -> Any:
        """omega (n,) of classes (n,) for steps from t (n,) to s (n,)."""
        inputs = torch.cat([self.embedding(label), s[:, None], t[:, None]], 1)
        return nonnegative(self.layers(inputs)[:, 0])

    def weights(self, label: int, s: Any, t: Any) -> np.ndarray:
        """omega of one class for steps t -> s, numpy in and out: (n,)."""
        if not 0 <= _checks.integer(label, "class", 0) < self.classes:
            _checks.fail(f"class {label}", f"0 <= class < {self.classes}", "count classes from 0")
        s, t = (np.atleast_1d(np.asarray(v, dtype=float)) for v in (s, t))
        if s.shape != t.shape or s.ndim != 1 or not ((s >= 0) & (s < t) & (t <= 1)).all():
            _checks.fail("steps t -> s", "0 <= s < t <= 1, as many s as t", "t = 1 is noise, s < t the step's end")
        with torch.no_grad():
            return self(torch.full((len(s),), label), torch.from_numpy(s), torch.from_numpy(t)).numpy()

    def schedule(self, label: int, times: Any) -> ScaleSchedule:
        """The weight of one class on a sampler's grid: at t_n that of the step t_n -> t_{n+1}, linear between.

        `times` as in `sample`: a number of equal steps or decreasing times. Steps of other lengths than the network
        was trained on are its extrapolation.
        """
        steps = not np.ndim(times)
        grid = np.linspace(1, 0, _checks.integer(times, "times (steps)", 1) + 1) if steps else decreasing(times)
        return tabulated(grid[-2::-1], self.weights(label, grid[1:], grid[:-1])[::-1])


def relu_layers(inputs: int, width: int, outputs: int) -> Any:
    """Linear, ReLU, linear, ReLU, linear, in float64."""
    sizes = [inputs, width, width, outputs]
    linear = [torch.nn.Linear(a, b, dtype=torch.float64) for a, b in pairwise(sizes)]
    return torch.nn.Sequential(linear[0], torch.nn.ReLU(), linear[1], torch.nn.ReLU(), linear[2])


def nonnegative(z: Any) -> Any:
    """max(z, 0), with the gradient of a projection: below zero it passes only where descent raises z."""
    if z.requires_grad:
        z.register_hook(lambda g: torch.where((z > 0) | (g < 0), g, torch.zeros_like(g)))
    return z + (torch.relu(z) - z).detach()

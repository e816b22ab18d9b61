"""Numbers of guided Gaussians: moments, schedules, one dimension, ReCFG, many classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from ...gaussian.closed_forms import Moments, exponent, ode_moments, recfg_factor, sde_moments, tilted_moments
from ...gaussian.mixture import Mixture
from ...gaussian.noise import variance_exploding
from ...gaussian.path_integrals import LinearWeight, WindowWeight
from ...gaussian.samplers import guided_field, sample
from ..register import Number, group
from .discrete import mean_density_bits, predicted_bit_loss
from .one_dimension import interval_flow, tanh_flow
from .random_means import critical_rate, guided_critical_rate, mean_density, predicted_loss, random_means
from .schedules import best_window, exploding_times, neutral_slope, stepped_moments

VENTURA = "Ventura et al., arXiv:2602.00716; docs/gaussian-distortions.md"
LAST_DIGIT = 5.01e-5  # half a unit of the fourth digit, and a hair
Z = 5.6  # |normal| beyond it: 1e-6 / 40
LINEAR = LinearWeight(-1.0, 0.5)


@group
def guided_moments() -> Iterator[Number]:
    """Class N(1, 1) in a total N(0, 2): mean and variance by weight."""
    table: dict[str, tuple[Callable[..., Moments], dict[int, tuple[float, float]]]] = {
        "ODE": (ode_moments, {1: (1.6232, 0.5), 2: (2.0, 0.25), 4: (2.3333, 0.0625)}),
        "SDE": (sde_moments, {1: (1.5, 0.5833), 2: (1.75, 0.3875), 4: (1.9375, 0.2218)}),
        "tilted": (tilted_moments, {1: (1.3333, 0.6667), 2: (1.5, 0.5), 4: (1.6667, 0.3333)}),
    }
    for name, (law, rows) in table.items():
        for w, (mean, variance) in rows.items():
            found = law(1.0, 2.0, 1.0, w)
            yield Number(f"{name}, w={w}: mean", mean, float(found.mean), LAST_DIGIT, VENTURA)
            yield Number(f"{name}, w={w}: variance", variance, float(found.variance), LAST_DIGIT, VENTURA)


@group
def schedules_of_the_noise_level() -> Iterator[Number]:
    """w(s) = w0 + Omega s up to T = 10, the line I = 0, and one window."""
    ode, sde = (law(1.0, 2.0, 1.0, LINEAR, 10.0) for law in (ode_moments, sde_moments))
    for name, value, found in (("ODE: Var/c", 1.0134, ode.variance), ("ODE: mean", 1.1835, ode.mean),
                               ("SDE: Var/c", 1.3742, sde.variance), ("SDE: mean", 0.9866, sde.mean)):  # fmt: skip
        yield Number(f"w = -1 + s/2 up to s = 10, {name}", value, float(found), LAST_DIGIT, VENTURA)
    slope = neutral_slope(1.0, 2.0, 10.0, -1.0)
    yield Number("I = 0 at w0 = -1: slope", 0.5112, slope, LAST_DIGIT, VENTURA)
    left = float(exponent(1.0, 2.0, LinearWeight(-0.3, 0.3 * slope), 10.0))
    yield Number("I on that line, w0 = -0.3", 0.0, left, 1e-12, VENTURA)
    window = best_window(1.0, 2.0, 1.0, 3.0)
    yield Number("w = 3, best window: late weight", -0.951, window.weight.late, 5.1e-4, VENTURA)
    yield Number("w = 3, best window: rms of log(Var/c)", 0.0, window.distortion, 1e-12, VENTURA)
    yield Number("w = 3, best window: separability", 1.896, window.separability, 5.1e-4, VENTURA)
    draws = np.random.default_rng(0).uniform([0, 0, 0.1], [5, 5, 9], (10, 3))
    steps = [WindowWeight(early, late, switch) for early, late, switch in draws]
    most = max(float(law(1.0, 2.0, 1.0, w, 10.0).variance) for w in steps for law in (ode_moments, sde_moments))
    yield Number("ten schedules w >= 0: the largest Var/c is below 1", 1.0, float(most < 1), 0.0, VENTURA)


@group
def sampled_moments() -> Iterator[Number]:
    """Samples have the exact law of their own steps; alpha = 1e-6 over all of them."""
    process, times, n = variance_exploding(10.0), exploding_times(10.0, 1.0, 50), 8 * 2500
    for method in ("heun", "euler-maruyama"):
        for name, w in (("1", 1.0), ("4", 4.0), ("-1 + s/2", lambda t: LINEAR(10 * t))):
            own, total = Mixture([[1.0] * 8]), Mixture([[0.0] * 8], 2.0)
            x = sample(own, total, w, method=method, process=process, times=times, count=2500, initial="class").x
            field = guided_field(Mixture([[1.0]]), Mixture([[0.0]], 2.0), w, "linear", process)
            law: Moments = stepped_moments(field, method, times, 1.0, 11.0)
            spread = Z * np.sqrt(law.variance / n), Z * law.variance * np.sqrt(2 / (n - 1))
            yield Number(f"{method}, w={name}: sampled mean", law.mean, float(x.mean()), spread[0], VENTURA)
            yield Number(
                f"{method}, w={name}: sampled variance", law.variance, float(x.var(ddof=1)), spread[1], VENTURA
            )


@group
def one_dimension() -> Iterator[Number]:
    """The flow of N(1, 1) against N(+-1, 1)/2, and of two intervals."""
    source = "Chidambaram et al., arXiv:2409.13074; docs/gaussian-distortions.md"
    for w, end in {0: 1.0, 1: 1.5638, 3: 2.2848, 7: 3.2054, 15: 4.4145}.items():
        yield Number(f"dx/dv = 1 + w (1 - tanh vx), w={w}: end", end, tanh_flow(w), LAST_DIGIT, source)
    yield Number("dx/dv = 1 + w (1 - tanh vx), w=100: end", 10.247, tanh_flow(100), 5.1e-4, source)
    for w, end in {0: 0.7453, 4: 0.9665, 16: 0.9998}.items():
        got = float(interval_flow([0.0], w)[0])
        yield Number(f"class on [1/2, 1], w={w}: end from the middle", end, got, LAST_DIGIT, source)


@group
def recfg() -> Iterator[Number]:
    """Plain guidance multiplies the class means of q(x|c) = N(c, 1), c ~ N(0, 1), by phi(omega)."""
    for omega, factor in {1: 1.0, 3: 2.0}.items():
        source = "ReCFG, Xia et al. 2024; docs/gaussian-distortions.md"
        yield Number(f"ReCFG: phi({omega})", factor, float(recfg_factor(omega)), 1e-12, source)


@group
def many_classes() -> Iterator[Number]:
    """Rates at which guidance stops, limits for d = inf, and one simulation."""
    yield Number("random means, b = c: critical rate of typical points", 0.3466, critical_rate(), LAST_DIGIT, VENTURA)
    for w, rate in {1: 0.686, 3: 0.8035}.items():
        got = guided_critical_rate(w)
        yield Number(f"random means, w={w}: critical rate of guided points", rate, got, 5.1e-4, VENTURA)
    for alpha, w, ratio in ((0.1, 1, 0.819), (0.4, 3, 0.125)):
        got = predicted_loss(alpha, w)[0]
        yield Number(f"random means, alpha={alpha}, w={w}: typical Var/c", ratio, got, 5.1e-4, VENTURA)
    guided = predicted_loss(0.4, 3, path="guided")[0]
    yield Number("random means, alpha=0.4, w=3: guided Var/c", 0.609, guided, 5.1e-4, VENTURA)
    yield Number(
        "discrete counterpart, alpha=0.1, w=3: variance", 0.865, predicted_bit_loss(0.1, 3)[0], 5.1e-4, VENTURA
    )
    found = random_means(16, 602, 3.0, samples=32, problems=12, steps=32)
    above = found.ratio - Z * found.ratio_error > predicted_loss(found.alpha, 3)[0]
    yield Number(
        "random means, d=16, K=602, w=3: more is left than for typical points", 1.0, float(above), 0.0, VENTURA
    )
    means, bits = mean_density(1024, 0.2, 3.0, samples=16, problems=6, steps=96), mean_density_bits(1024, 0.2, 3.0)
    guided, masked = predicted_loss(0.2, 3, path="guided")[0], predicted_bit_loss(0.2, 3)[0]
    for name, limit, value, error in (
        ("random means", guided, means.ratio, means.ratio_error),
        ("discrete counterpart", masked, bits.variance, bits.variance_error),
    ):
        band = Z * error + 4 / 1024  # of the draws, and of a finite d: 1.3/d and 3.9/d are measured
        yield Number(
            f"{name}, alpha=0.2, w=3, against a mean density, d=1024: variance",
            limit,
            value,
            band,
            VENTURA,
        )

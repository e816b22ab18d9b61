r"""Gaussian mixtures whose noised densities, scores and denoisers are exact.

Data x_0 ~ sum_k pi_k N(mu_k, Sigma_k); at a noise level x_t = a x_0 + sigma eps. With V_k = a^2 Sigma_k + sigma^2 I

    p_t(x) = sum_k pi_k N(x; a mu_k, V_k)            rho_k(x) = P(k | x)
    y_k = V_k^{-1} (x - a mu_k)                      score = -sum_k rho_k y_k
    E[x_0 | x] = sum_k rho_k (mu_k + a Sigma_k y_k)

No step divides by a or sigma, so both predictions hold from pure noise to data. Sigma_k enters by its eigenvectors
and eigenvalues: one formula for isotropic, diagonal and full covariances.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, pi
from typing import Any, NamedTuple

import numpy as np

from .. import _checks
from .._arrays import Placed, namespace
from .normals import normals, uniforms

BLOCK = 2**21  # numbers of one block of (points, components[, d])
LOST = 1e-11  # largest error of a log density that the expanded square may bring
ROUND_OFF = 2.0**-50


class Prediction(NamedTuple):
    """What a mixture says of noised points.

    Attributes
    ----------
    log_density : array or tensor, shape (n,)
        log p_t(x), natural logarithm.
    score : array or tensor, shape (n, d)
        Gradient of log p_t(x) in x.
    x0 : array or tensor, shape (n, d)
        Denoised points E[x_0 | x].
    """

    log_density: Any
    score: Any
    x0: Any


class Mixture:
    """Classes made of Gaussian components, whose scores under Gaussian noise are known exactly.

    Source: docs/gaussian.md.

    Parameters
    ----------
    means : array_like, shape (C, d)
        Centres of the components.
    covariances : number, or array_like of shape (C,), (C, d) or (C, d, d)
        Variances (isotropic, or one a coordinate), or covariance matrices.
    weights : array_like, shape (C,), optional
        Probabilities of the components, uniform by default.
    labels : sequence of C labels, optional
        The class of each component, all 0 by default.

    Raises
    ------
    InputError
        Shapes that do not match, covariances that are not symmetric and positive definite, weights that are
        negative or do not sum to one.

    Examples
    --------
    >>> two = Mixture([[-1.0, 0.0], [1.0, 0.0]], 0.04, [0.25, 0.75])
    >>> two.predict([[1.0, 0.0]], 1.0, 0.1).x0.round(6)
    array([[1., 0.]])
    """

    def __init__(
        self,
        means: Any,
        covariances: Any = 1.0,
        weights: Any = None,
        labels: Sequence[Any] | None = None,
    ):
        self.means = _finite(means, "means")
        if self.means.ndim != 2 or 0 in self.means.shape:
            _checks.fail(f"means have shape {self.means.shape}", "(C, d), C and d >= 1", "one row for each component")
        count = len(self.means)
        given = np.full(count, 1 / count) if weights is None else _finite(weights, "weights")
        if given.shape != (count,):
            _checks.fail(f"weights have shape {given.shape}", f"one for each of {count} components", "give (C,)")
        self.weights = _checks.law(given, "weights")
        self.labels = tuple(labels) if labels is not None else (0,) * count
        if len(self.labels) != count:
            _checks.fail(f"{len(self.labels)} labels", f"one for each of {count} components", "give (C,)")
        self.variances, self.axes = _spectrum(_finite(covariances, "covariances"), *self.means.shape)
        held = self.weights > 0 if (self.weights == 0).any() else slice(None)  # the slice copies nothing
        self._means, self._variances = Placed(self.means[held]), Placed(self.variances[held])
        self._logs = Placed(np.log(self.weights[held]))
        self._axes = None if self.axes is None else Placed(self.axes[held])
        self._reach = float(np.einsum("cd,cd->c", self.means, self.means).max())

    @property
    def dimension(self) -> int:
        """Number of coordinates d."""
        return self.means.shape[1]

    @property
    def classes(self) -> tuple[Any, ...]:
        """The labels, each once, in order of appearance."""
        return tuple(dict.fromkeys(self.labels))

    @property
    def mean(self) -> np.ndarray:
        """Mean of the whole mixture, shape (d,)."""
        return self.weights @ self.means

    def given(self, label: Any) -> Mixture:
        """The mixture of one class: its components, weights divided by their sum.

        Parameters
        ----------
        label : label
            One of `classes`.

        Returns
        -------
        Mixture
            The conditional law.

        Raises
        ------
        InputError
            An unknown label, or a class of weight zero.
        """
        keep = np.array([mine == label for mine in self.labels])
        if not keep.any():
            names = ", ".join(map(repr, self.classes[:10]))
            _checks.fail(f"unknown class {_checks.short(label)}", f"one of {names}", "choose a label of the mixture")
        total = self.weights[keep].sum()
        if total == 0:
            _checks.fail(f"class {_checks.short(label)} has weight 0", "a class has mass", "give it weight")
        part = object.__new__(Mixture)
        covariances = self.variances[keep] if self.axes is None else self.covariances()[keep]
        if covariances.shape[1:] == (1,):
            covariances = covariances[:, 0]
        part.__init__(self.means[keep], covariances, self.weights[keep] / total, [label] * int(keep.sum()))
        return part

    def covariances(self) -> np.ndarray:
        """Covariance matrices of the components, shape (C, d, d)."""
        variances = np.broadcast_to(self.variances, self.means.shape)
        if self.axes is None:
            return variances[:, :, None] * np.eye(self.dimension)
        return np.einsum("cij,cj,ckj->cik", self.axes, variances, self.axes)

    def sample(self, count: int, seed: int = 0) -> np.ndarray:
        """Draw points of the data law.

        Parameters
        ----------
        count : int
            n >= 1.
        seed : int
            0 <= seed < 2^64.

        Returns
        -------
        array, shape (n, d)
            Independent points.

        Raises
        ------
        InputError
            A count below 1 or a seed out of range.
        """
        _checks.integer(count, "count", 1)
        which = np.searchsorted(np.cumsum(self.weights)[:-1], uniforms(_checks.seed(seed), count, 0), side="right")
        z = np.sqrt(np.broadcast_to(self.variances, self.means.shape)[which]) * normals(seed, count, self.dimension, 1)
        return self.means[which] + (z if self.axes is None else np.einsum("nij,nj->ni", self.axes[which], z))

    def predict(self, x: Any, scale: Any = 1.0, sigma: Any = 0.0) -> Prediction:
        """Log density, score and denoised points of the mixture under Gaussian noise.

        Points and components are taken in blocks, their sum by a running log-sum-exp, so memory does not grow with
        either.

        Parameters
        ----------
        x : array or tensor, shape (n, d)
            Points; numpy, or torch in float64, with gradients.
        scale : number, or array of shape (n,)
            a, by which x_0 is multiplied: x_t = a x_0 + sigma z.
        sigma : number, or array of shape (n,)
            Standard deviation of the noise, >= 0.

        Returns
        -------
        Prediction
            Of the kind of x, numpy or torch.

        Raises
        ------
        InputError
            Points of another dimension, or noise that is negative.
        """
        x = self._points(x)
        xp = namespace(x)
        a, s = (_column(v, x, name) for v, name in ((scale, "scale"), (sigma, "sigma")))
        a_range, s_range = _range(scale, a), _range(sigma, s)
        if s_range[0] < 0:
            _checks.fail("sigma is negative", "sigma >= 0", "it is a standard deviation")
        direct = not self._expands(a_range, s_range)
        rows = max(1, BLOCK // (min(len(self.means), 4096) * (self.dimension if direct else 1)))
        rows = min(rows, max(64, BLOCK // self.dimension))
        parts = []
        for i in range(0, len(x), rows):
            ai, si = (v if len(v) == 1 else v[i : i + rows] for v in (a, s))
            parts.append(self._predict(x[i : i + rows], ai, si * si, direct))
        if len(parts) == 1:
            return Prediction(*parts[0])
        join = np.concatenate if xp is np else xp.cat
        return Prediction(*(join([p[j] for p in parts]) for j in range(3)))

    def log_density(self, x: Any, scale: Any = 1.0, sigma: Any = 0.0) -> Any:
        """Logarithm of the density of noised points, log p_t(x).

        Parameters
        ----------
        x : array or tensor, shape (n, d)
            Points; numpy, or torch in float64, with gradients.
        scale : number, or array of shape (n,)
            a, by which x_0 is multiplied: x_t = a x_0 + sigma z.
        sigma : number, or array of shape (n,)
            Standard deviation of the noise, >= 0.

        Returns
        -------
        array or tensor, shape (n,)
            Natural logarithm.
        """
        return self.predict(x, scale, sigma).log_density

    def score(self, x: Any, scale: Any = 1.0, sigma: Any = 0.0) -> Any:
        """Score of noised points, the gradient of log p_t(x) in x.

        Parameters
        ----------
        x : array or tensor, shape (n, d)
            Points; numpy, or torch in float64, with gradients.
        scale : number, or array of shape (n,)
            a, by which x_0 is multiplied: x_t = a x_0 + sigma z.
        sigma : number, or array of shape (n,)
            Standard deviation of the noise, >= 0.

        Returns
        -------
        array or tensor, shape (n, d)
            Of the kind of x.
        """
        return self.predict(x, scale, sigma).score

    def denoise(self, x: Any, scale: Any = 1.0, sigma: Any = 0.0) -> Any:
        """Denoised points E[x_0 | x_t = x].

        Parameters
        ----------
        x : array or tensor, shape (n, d)
            Points; numpy, or torch in float64, with gradients.
        scale : number, or array of shape (n,)
            a, by which x_0 is multiplied: x_t = a x_0 + sigma z.
        sigma : number, or array of shape (n,)
            Standard deviation of the noise, >= 0.

        Returns
        -------
        array or tensor, shape (n, d)
            Of the kind of x.
        """
        return self.predict(x, scale, sigma).x0

    def _points(self, x: Any) -> Any:
        if namespace(x) is np:
            x = np.asarray(x, dtype=float)
        if x.ndim != 2 or x.shape[1] != self.dimension or len(x) == 0:
            _checks.fail(
                f"points have shape {tuple(x.shape)}", f"(n, d), d = {self.dimension}", "one row for each point"
            )
        return x

    def _expands(self, a: tuple[float, float], s: tuple[float, float]) -> bool:
        """Whether |x - a mu|^2 may be expanded (matrix products): isotropic, and few digits are lost by it.

        Where |x| > 2 |a mu|, |x - a mu| > |x| / 2 and none are: only |x|^2 + |a mu|^2 <= 5 |a mu|^2 counts. Points
        are not looked at, so that no device is waited for.
        """
        if self.variances.shape[1] != 1 or self.dimension < 8:
            return False
        least = a[0] ** 2 * float(self.variances.min()) + s[0] ** 2
        return ROUND_OFF * 5 * a[1] ** 2 * self._reach <= LOST * least

    def _predict(self, x: Any, a: Any, s2: Any, direct: bool) -> tuple[Any, Any, Any]:
        """One block of points: components block by block, kept relative to the largest exponent so far."""
        xp = namespace(x)
        size = max(1, BLOCK // (len(x) * (self.dimension if direct else 1)))
        top: Any = None
        total: Any = 0.0
        y: Any = 0.0
        x0: Any = 0.0
        for k in range(0, len(self._logs.array), size):
            logs, block_y, block_x0 = (self._direct if direct else self._expanded)(x, a, s2, slice(k, k + size))
            peak = xp.amax(logs, -1)
            new = peak if top is None else xp.maximum(top, peak)
            old = xp.exp(new * 0 if top is None else top - new)
            share = xp.exp(logs - new[:, None])
            total = total * old + share.sum(-1)
            y, x0 = y * old[:, None] + block_y(share), x0 * old[:, None] + block_x0(share)
            top = new
        return top + xp.log(total), -y / total[:, None], x0 / total[:, None]

    def _direct(self, x: Any, a: Any, s2: Any, block: slice) -> tuple[Any, Any, Any]:
        """log(pi_k N(x; a mu_k, V_k)) from the differences, and sum_k of shares times y_k, x0_k."""
        xp = namespace(x)
        mean, variance = self._means.like(x)[block], self._variances.like(x)[block]
        axes = None if self._axes is None else self._axes.like(x)[block]
        noised = a[:, :, None] ** 2 * variance + s2[:, :, None]
        r = x[:, None] - a[:, :, None] * mean
        r = r if axes is None else xp.einsum("nci,cij->ncj", r, axes)
        y = r / noised
        log_det = xp.log(noised).sum(-1) * (self.dimension // noised.shape[-1])
        logs = self._logs.like(x)[block] - (r * y).sum(-1) / 2 - log_det / 2 - self.dimension / 2 * log(2 * pi)

        def back(share: Any, v: Any) -> Any:
            if axes is None:
                return xp.einsum("nc,ncd->nd", share, v)
            return xp.einsum("cij,ncj->ni", axes, share[:, :, None] * v)

        return logs, lambda p: back(p, y), lambda p: p @ mean + back(p, a[:, :, None] * variance * y)

    def _expanded(self, x: Any, a: Any, s2: Any, block: slice) -> tuple[Any, Any, Any]:
        """The same for isotropic components by matrix products."""
        xp = namespace(x)
        mean, variance = self._means.like(x)[block], self._variances.like(x)[block, 0]
        noised = a * a * variance + s2
        square = (x * x).sum(-1)[:, None] - 2 * a * (x @ mean.T) + a * a * xp.einsum("cd,cd->c", mean, mean)
        logs = self._logs.like(x)[block] - square / (2 * noised) - self.dimension / 2 * xp.log(2 * pi * noised)

        def score_part(p: Any) -> Any:
            q = p / noised
            return x * q.sum(-1)[:, None] - a * (q @ mean)

        def x0_part(p: Any) -> Any:
            q = p / noised
            return (q * s2) @ mean + a * x * (q * variance).sum(-1)[:, None]

        return logs, score_part, x0_part

    def __repr__(self) -> str:
        return f"Mixture({len(self.means)} components, d = {self.dimension}, {len(self.classes)} classes)"


def _finite(values: Any, name: str) -> np.ndarray:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        _checks.fail(f"{name} are {_checks.short(values)}", f"{name} are an array of numbers", "give numbers")
    if not np.isfinite(array).all():
        _checks.fail(f"{name} hold NaN or infinity", f"{name} are finite", "drop or fill the bad entry")
    return array


def _spectrum(given: np.ndarray, count: int, d: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Eigenvalues (C, 1) or (C, d) and, for full matrices, eigenvectors (C, d, d)."""
    if given.shape not in ((), (count,), (count, d), (count, d, d)):
        rule = f"a number, (C,), (C, d) or (C, d, d) with C = {count}, d = {d}"
        _checks.fail(f"covariances have shape {given.shape}", rule, "match the means")
    if given.ndim < 3:
        values, axes = np.broadcast_to(given, (count,))[:, None] if given.ndim < 2 else given, None
    else:
        size = np.abs(given).max((1, 2), keepdims=True)
        if (np.abs(given - given.transpose(0, 2, 1)) > 1e-12 * size).any():
            _checks.fail("a covariance is not symmetric", "Sigma = Sigma^T", "use (Sigma + Sigma.T) / 2")
        values, axes = np.linalg.eigh(given)
    bad = values.min(-1) <= (0 if given.ndim < 3 else d * ROUND_OFF * np.abs(values).max(-1))
    if bad.any():
        k = int(np.flatnonzero(bad)[0])
        _checks.fail(
            f"covariance of component {k} has eigenvalue {values[k].min():g}",
            "covariances are positive definite",
            "add a small multiple of the identity",
        )
    return np.ascontiguousarray(values, dtype=float), axes


def _column(value: Any, like: Any, name: str) -> Any:
    """A number or (n,) numbers as (1, 1) or (n, 1), of the array kind of `like`."""
    xp = namespace(like)
    if isinstance(value, float | int):
        return xp.full_like(like[:1, :1], value)
    column = np.asarray(value, dtype=float) if xp is np else xp.as_tensor(value, dtype=like.dtype, device=like.device)
    if column.ndim > 1 or (column.ndim == 1 and len(column) != len(like)):
        _checks.fail(f"{name} has shape {tuple(column.shape)}", "a number, or one for each point", "give (n,)")
    return column.reshape(-1, 1)


def _range(value: Any, column: Any) -> tuple[float, float]:
    """Least and most; a device is waited for only where each point has its own number."""
    return (value, value) if isinstance(value, float | int) else (float(column.min()), float(column.max()))

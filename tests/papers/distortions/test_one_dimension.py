"""One-dimensional flows: the published column, growth, and samples pushed to the edge of the support."""

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from maskguide import InputError
from maskguide.papers.distortions.one_dimension import FAR, _interval, interval_flow, tanh_flow

COLUMN = {0: "1", 1: "1.5638", 3: "2.2848", 7: "3.2054", 15: "4.4145", 100: "10.247"}


@pytest.mark.parametrize(("w", "printed"), COLUMN.items())
def test_published_column(w, printed):
    digits = len(printed.partition(".")[2])
    assert f"{tanh_flow(w):.{digits}f}" == printed


def test_tanh_flow_against_a_taylor_method():
    with mp.workdps(20):
        flow = mp.odefun(lambda v, x: 1 + 3 * (1 - mp.tanh(v * x)), 0, mp.mpf("0.2"))
        assert tanh_flow(3.0, start=0.2) == pytest.approx(float(flow(1)), rel=1e-9)


def test_the_end_grows_like_the_root_of_the_weight():
    ends = np.array([tanh_flow(w) for w in (1e4, 1e5, 1e6)]) / np.sqrt([1e4, 1e5, 1e6])
    assert (np.diff(ends) < 0).all() and np.diff(ends)[1] > np.diff(ends)[0] / 2 and ends[-1] > 0.93


@pytest.mark.parametrize("s", [1e-6, 0.01, 1.0, 100.0])
def test_interval_score(s):
    for x in (-3.0, 0.2, 0.75, 0.9, 4.0):
        with mp.workdps(40 if s > 0.1 else 700):
            log_mass = lambda y: mp.log(mp.ncdf((1 - y) / mp.sqrt(s)) - mp.ncdf((mp.mpf("0.5") - y) / mp.sqrt(s)))  # noqa: E731
            if s < 1e-3 and not 0.5 < x < 1:
                continue
            exact = float(mp.diff(log_mass, mp.mpf(x)))
        assert _interval(np.array([x]), s, 0.5, 1.0)[1][0] == pytest.approx(exact, rel=1e-9, abs=1e-9)


def test_without_guidance_quantiles_go_to_quantiles():
    z = np.linspace(-2, 2, 9)
    ends = interval_flow(z + 0.75 / np.sqrt(FAR), 0.0)
    assert ends == pytest.approx(0.5 + 0.5 * stats.norm.cdf(z), abs=1e-4)


def test_guidance_pushes_to_the_edge():
    z = stats.norm.ppf((np.arange(21) + 0.5) / 21)
    gaps = [1 - interval_flow(z, w) for w in (0.0, 1.0, 4.0, 16.0)]
    assert all((late < early).all() for early, late in pairwise(gaps))
    assert gaps[-1].max() < 2e-3 and gaps[-1].min() > -1e-4


@pytest.mark.parametrize("bad", [
    lambda: tanh_flow(-2.0),
    lambda: interval_flow([0.0], 1.0, inner=1.0, outer=0.5),
])  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(InputError):
        bad()

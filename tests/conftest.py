"""Shared problems and bounds."""

import os
from fractions import Fraction

os.environ.setdefault("OMP_NUM_THREADS", "1")  # torch: test workers share the cores, and spinning threads starve them

import hypothesis
import numpy as np
import pytest

import maskguide as mg

hypothesis.settings.register_profile("shared machine", deadline=None)
hypothesis.settings.load_profile("shared machine")


def table(target_counts, other_counts, **names):
    """A two-class problem from integer counts, prior one half."""
    laws = [[Fraction(int(v), int(np.sum(c))) for v in np.ravel(c)] for c in (target_counts, other_counts)]
    shape = np.shape(target_counts)
    arrays = np.empty((2, *shape), dtype=object)
    for k in range(2):
        arrays[k].flat[:] = laws[k]
    return mg.TableProblem(arrays, [Fraction(1, 2)] * 2, 0, **names)


def random_problem(seed, vocab_size=3, length=2, num_classes=2, zeros=0.3):
    """Dirichlet laws with some exact zeros; every class keeps a positive prior."""
    rng = np.random.default_rng(seed)
    laws = rng.dirichlet(np.ones(vocab_size**length), num_classes)
    laws *= rng.random(laws.shape) > zeros
    laws[:, 0] += 1e-3
    laws = (laws / laws.sum(axis=1, keepdims=True)).reshape(num_classes, *(vocab_size,) * length)
    return mg.TableProblem(laws, rng.dirichlet(np.ones(num_classes) * 5), target=int(rng.integers(num_classes)))


@pytest.fixture
def fading():
    """Blind contexts that fade: section 2.3 of docs/theory.md."""
    return table([[1, 1, 1], [8, 1, 1], [8, 1, 1]], [[4, 4, 4], [1, 8, 1], [1, 1, 8]], name="fading")


@pytest.fixture
def line():
    """Overlapping classes in one dimension."""
    return table([4, 3, 1, 0], [0, 1, 3, 4], name="line")


@pytest.fixture
def separating():
    """A 2x2 problem found by search on which the two rules differ by TV 0.154 at w = 3."""
    return table([[2, 28], [16, 12]], [[22, 0], [4, 2]], name="separating")

"""Kernels of the compiled engine as plain Python: the same source, run by the interpreter, draws the same tokens."""

import numpy as np
import pytest

import maskguide as mg
from maskguide.methods import METHODS
from maskguide.samplers.compiled import engine

PROBLEM = mg.ProductMixture.random(3, 3, components=2, seed=1)


@pytest.mark.parametrize("method", METHODS)
def test_the_interpreter_draws_what_the_compiler_does(method, monkeypatch):
    process = mg.GuidedProcess(PROBLEM, mg.Guidance("normalized", 2.0))
    options = {} if METHODS[method].is_exact else {"grid": 3}
    fast = mg.sample(process, 12, method, seed=7, engine="compiled", record=True, **options)

    def in_python(chosen, task):
        kernel, parameters = plan(chosen, task)
        called.append(kernel)
        return kernel.py_func, parameters

    plan, called = engine.plan, []
    monkeypatch.setattr(engine, "plan", in_python)
    with np.errstate(all="ignore"):
        slow = mg.sample(process, 12, method, seed=7, engine="compiled", record=True, **options)
    assert called
    assert (slow.tokens == fast.tokens).all() and (slow.info.jumps == fast.info.jumps).all()
    np.testing.assert_allclose(slow.info.reveal_clock, fast.info.reveal_clock, rtol=1e-12)

"""What needs the whole lattice refuses a problem of computed conditionals, in one clear sentence."""

import numpy as np
import pytest

import maskguide as mg

PROBLEM = mg.ProductMixture.random(30, 8, components=3)
PROCESS = mg.GuidedProcess(PROBLEM, mg.Guidance("product", 1.0))

CALLS = {
    "terminal_law": lambda: mg.terminal_law(PROCESS),
    "transient_law": lambda: mg.transient_law(PROCESS, 1.0),
    "tv_decay": lambda: mg.tv_decay(PROCESS, 1.0),
    "late_rate": lambda: mg.late_rate(PROCESS),
    "decay_regime": lambda: mg.decay_regime(PROCESS),
    "stepped_law": lambda: mg.stepped_law(PROCESS, "euler", mg.uniform_grid(3)),
    "tv_error": lambda: mg.tv_error(PROCESS, "euler", 3),
    "completion_time": lambda: mg.completion_time(PROCESS),
    "expected_reveals": lambda: mg.expected_reveals(PROCESS, 1.0),
    "class_posterior": lambda: mg.class_posterior(PROCESS, 1.0),
    "expected_clipping": lambda: mg.expected_clipping(PROCESS, mg.uniform_grid(3)),
    "export": lambda: mg.export(PROCESS, "model.prism"),
    "rate_matrix": PROCESS.rate_matrix,
    "sample exact": lambda: mg.sample(PROCESS, 3, "exact"),
    "tilted_law": lambda: mg.tilted_law(PROBLEM, 1.0),
    "log_h": lambda: mg.log_h(PROBLEM, 1.0),
    "class_law": lambda: mg.class_law(PROBLEM),
    "posterior_table": lambda: mg.posterior_table(PROBLEM),
    "regions": lambda: mg.regions(PROBLEM),
    "symbolic": lambda: mg.symbolic.terminal_law(PROBLEM),
    "tilted rule": lambda: mg.GuidedProcess(PROBLEM, mg.Guidance("tilted", 1.0)),
}


@pytest.mark.parametrize("name", CALLS)
def test_one_clear_error(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(mg.InputError) as error:
        CALLS[name]()
    assert "table" in str(error.value) or "Table" in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_samples_are_drawn():
    assert (mg.sample(PROCESS, 10).tokens < 8).all()


def test_prompts_are_checked():
    with pytest.raises(mg.InputError, match="integers"):
        mg.sample(PROCESS, 3, start=np.zeros((2, 30), dtype=int))
    with pytest.raises(mg.InputError, match="token 9"):
        mg.sample(PROCESS, 3, start=[9] * 30)
    with pytest.raises(mg.InputError, match="dtype"):
        mg.sample(PROCESS, 3, start=[0.5] * 30)


def test_impossible_prompts_are_refused(fading):
    process = mg.GuidedProcess(mg.zoo.get("overlap-1d"), mg.Guidance("product", 1.0))
    two = mg.ProductMixture([[[1.0, 0.0], [0.5, 0.5]], [[0.0, 1.0], [0.5, 0.5]]], [0.5, 0.5], [0, 1])
    with pytest.raises(mg.InputError, match="probability 0"):
        mg.sample(mg.GuidedProcess(two, mg.Guidance("product", 1.0)), 5, start=[1, 2])
    assert (mg.sample(process, 5, start=[0]).tokens == 0).all()  # nothing left to draw

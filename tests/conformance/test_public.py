"""Public samplers' trials, on a stand-in for a clone."""

import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")

from benchmarks import conformance_public as public  # noqa: E402
from maskguide.conformance import check  # noqa: E402
from maskguide.conformance.adapters import adapt  # noqa: E402


def generate(
    model, prompt, attention_mask, steps, gen_length, block_length, temperature, cfg_scale, remasking, mask_id
):
    """One token after another, in random order."""
    x = torch.cat([prompt, torch.full((len(prompt), gen_length), mask_id)], 1)
    for _ in range(gen_length):
        unprompted = x.clone()
        unprompted[:, :1] = mask_id
        given, absent = model(torch.cat([x, unprompted])).logits.double().chunk(2)
        logits = ((1 + cfg_scale) * given - cfg_scale * absent).softmax(-1)
        place = (torch.rand(x.shape) * (x == mask_id)).argmax(-1, keepdim=True)
        new = torch.multinomial(logits.flatten(0, 1), 1).view(x.shape)
        x = x.scatter(1, place, new.gather(1, place))
    return x


def test_a_trial_runs():
    trial = public.TRIALS[1]
    sampler = adapt(trial.draw([SimpleNamespace(generate=generate)]), trial.shape)
    cases = [case for case in public.cases(trial, True) if case.num_steps >= case.problem.length]
    report = check(sampler, trial.claim, quick=True, backend="torch", cases=cases, least_weight=trial.least_weight)
    assert report.passed and all(picture.case.weight >= 0 for picture in report.pictures), str(report)
    assert public.said(report) == "passed; not judged: weights below 0" and 0 < public.max_tv(report) < 0.2


def test_without_clones(monkeypatch):
    monkeypatch.delenv("MASKGUIDE_PEERS", raising=False)
    assert public.main([]) == 2
    assert "fm_utils" not in sys.modules

"""Prompts: every trajectory starts at its own, whatever part of the batch it is in."""

import numpy as np

import maskguide as mg
from maskguide.samplers import prompts

PROCESS = mg.GuidedProcess(mg.zoo.get("squares-2d"), mg.Guidance("product", 1.0))
MASK = PROCESS.vocab_size


def test_a_part_of_the_batch_gets_its_own_prompts():
    start = np.array([[k % MASK, MASK] for k in range(7)], dtype=np.int32)
    part = prompts.rows(PROCESS, start, 3, 2)
    np.testing.assert_array_equal(part, start[3:5])
    part[:] = 0  # a sampler writes into its part
    assert (start[:, 1] == MASK).all()


def test_one_prompt_is_for_all_and_none_is_all_masks():
    one = np.array([1, MASK], dtype=np.int32)
    np.testing.assert_array_equal(prompts.rows(PROCESS, one, 5, 3), [[1, MASK]] * 3)
    assert (prompts.rows(PROCESS, None, 5, 3) == MASK).all()


def test_prompts_of_later_chunks_are_kept():
    problem = mg.zoo.get("mixture-64d")
    process = mg.GuidedProcess(problem, mg.Guidance("normalized", 1.0))
    start = np.full((600, 64), problem.vocab_size)
    start[:, 7] = np.arange(600) % problem.vocab_size
    samples = mg.sample(process, 600, "ancestral", grid=4, start=start, engine="torch")
    np.testing.assert_array_equal(samples.tokens[:, 7], start[:, 7])
    assert (samples.tokens < problem.vocab_size).all()

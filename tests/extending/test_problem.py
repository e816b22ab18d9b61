"""A problem of one's own: anything that gives log conditionals. Here a sentence of an unknown topic, word by word."""

import numpy as np
import pytest

import maskguide as mg


class Topics:
    """Words are independent given the class: p(x | z) = prod_i q_z(x_i). A Denoiser, and nothing else."""

    name, length, vocab_size, num_classes, target = "topics", 3, 4, 2, 1
    class_names = ("sport", "music")
    prior = np.array([0.7, 0.3])
    words = np.array([[0.4, 0.3, 0.2, 0.1], [0.1, 0.1, 0.2, 0.6]])  # (K, N)

    def log_conditionals(self, tokens, label=None):
        """(n, D, N), from tokens (n, D) with masks N; a class, or None for the unconditional law."""
        states, xp = np.asarray(tokens), tokens if hasattr(tokens, "new_tensor") else None
        if label is None:
            padded = np.log(np.append(self.words, np.ones((2, 1)), axis=1))  # a mask says nothing
            joint = np.log(self.prior) + padded[:, states].sum(-1).T
            posterior = np.exp(joint - np.logaddexp.reduce(joint, axis=1, keepdims=True))
            rows = np.log(posterior @ self.words)[:, None]
        else:
            rows = np.log(self.words[label])[None, None]
        own = np.where(states[..., None] == np.arange(self.vocab_size), 0.0, -np.inf)
        found = np.where((states == self.vocab_size)[..., None], rows, own)
        return found if xp is None else xp.new_tensor(found, dtype=float).double()


TABLE = mg.ProductMixture(np.repeat(Topics.words[:, None], 3, axis=1), Topics.prior, [0, 1], 1).table()


@pytest.mark.parametrize("rule", ["product", "normalized", "spherical"])
def test_samples_have_the_law_of_the_table(rule):
    pytest.importorskip("torch")
    guidance = mg.Guidance(rule, 1.5)
    samples = mg.sample(mg.GuidedProcess(Topics(), guidance), 20_000, "tau-leaping", grid=12)
    law = mg.stepped_law(mg.GuidedProcess(TABLE, guidance), "tau-leaping", mg.uniform_grid(12))
    assert mg.compare(samples, law).passed
    wrong = mg.stepped_law(mg.GuidedProcess(TABLE, mg.Guidance(rule, 0.5)), "tau-leaping", mg.uniform_grid(12))
    assert not mg.compare(samples, wrong).passed


def test_what_is_missing_is_named():
    class Half:
        name, length, vocab_size = "half", 3, 4

    with pytest.raises(mg.InputError) as error:
        mg.GuidedProcess(Half(), mg.Guidance("product", 1.0))
    assert "without num_classes, target, class_names, prior, log_conditionals\n" in str(error.value)

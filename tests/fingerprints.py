"""Fingerprints of samples and laws: what a seed draws and what a law is, held fixed while the code is rebuilt.

`python -m tests.fingerprints` writes fingerprints.json anew: only when numbers are meant to change.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

import maskguide as mg
from maskguide.methods import METHODS

from .conftest import random_problem

TABLE = Path(__file__).with_name("fingerprints.json")
RULES = {
    "product": {}, "normalized": {}, "tilted": {}, "predictor": {"temperature": 0.7}, "rectified": {"gamma0": -0.5},
    "spherical": {"cap": 1.0}, "contrastive": {"negative": 0},
}  # fmt: skip
WEIGHTS = mg.WeightSchedule([0.6, 0.3], [0.0, 3.0, 1.5])
ENGINES = ("numba", "torch")
STEPS, DRAWS = 6, 96


def problems():
    """A table with zeros, a table of four coordinates, a mixture and a chain; two or three classes, targets not 0."""
    rng = np.random.default_rng(4)
    initial, transitions = rng.dirichlet(np.ones(3), 2), rng.dirichlet(np.ones(3), (2, 3))
    chain = mg.MarkovProblem(initial, transitions, [0.4, 0.6], length=5, target=1)
    return {
        "table": random_problem(3, vocab_size=3, length=2, num_classes=2, zeros=0.0),
        "zeros": random_problem(8, vocab_size=2, length=4, num_classes=3),
        "mixture": mg.ProductMixture.random(5, 3, components=4, seed=5),
        "chain": chain,
    }


def process(problem, rule):
    """The process under a rule; the negative class is one that is not the target."""
    settings = dict(RULES[rule])
    if rule == "contrastive":
        settings["negative"] = (problem.target + 1) % problem.num_classes
    return mg.GuidedProcess(problem, mg.Guidance(rule, WEIGHTS, **settings))


def drawn(process, method, engine):
    """A digest of tokens and jumps; the error's first words where the combination is refused."""
    grid = {} if METHODS[method].is_exact else {"grid": STEPS}
    samples = mg.sample(process, DRAWS, method, seed=2**40 + 17, engine=engine, **grid)
    text = samples.tokens.astype("<i4").tobytes() + samples.info.jumps.astype("<i4").tobytes()
    return hashlib.sha256(text).hexdigest()[:16]


def projected(probabilities):
    """Two projections of a law and its largest entry: what differs by 1e-15 somewhere differs here."""
    flat = np.asarray(probabilities, dtype=float).ravel()
    angles = np.arange(flat.size)
    return [float(flat @ np.sin(angles + 1.0)), float(flat @ np.cos(1.7 * angles)), float(flat.max())]


def cells():
    """Every fingerprint as (key, function that finds it); what is refused raises InputError."""
    for label, problem in problems().items():
        for rule in RULES:
            made = _or_error(process, problem, rule)
            if made is None:
                continue
            for method in METHODS:
                if method == "uniformization" and made.on_lattice and _largest_rate(made) > 30:
                    continue
                for engine in ENGINES:
                    yield f"{label} {rule} {method} {engine}", lambda m=method, e=engine, p=made: drawn(p, m, e)
                if label == "table" and not METHODS[method].is_exact:
                    yield (
                        f"{label} {rule} {method} law",
                        lambda m=method, p=made: projected(mg.stepped_law(p, m, np.linspace(1, 0, STEPS + 1)).probs),
                    )
            if made.on_lattice:
                yield f"{label} {rule} terminal law", lambda p=made: projected(mg.terminal_law(p).probs)
                yield f"{label} {rule} law at 0.7", lambda p=made: projected(mg.transient_law(p, 0.7).probs)
                yield f"{label} {rule} decay", lambda p=made: projected(mg.tv_decay(p, [0.5, 2.0, 8.0]))


def _largest_rate(process):
    return max(process.exit_rates(weight).max() for weight in WEIGHTS.weights)


def _or_error(function, *arguments):
    try:
        return function(*arguments)
    except mg.InputError:
        return None


def found():
    """All fingerprints that exist."""
    pairs = ((key, _or_error(function)) for key, function in cells())
    return {key: value for key, value in pairs if value is not None}


if __name__ == "__main__":
    TABLE.write_text("{\n" + ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in found().items()) + "\n}\n")

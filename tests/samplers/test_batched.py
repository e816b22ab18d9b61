"""The torch engine against exact laws and against itself in other chunks; mutants that the same asserts reject."""

import itertools
from dataclasses import replace
from math import exp, inf

import numpy as np
import pytest

import maskguide as mg
from maskguide import _random
from maskguide.laws.kernels import one_step
from maskguide.laws.stepped import expected_clipping
from maskguide.methods import METHODS, steps
from maskguide.methods.fixed_count import log_confidence
from maskguide.problems.chain import MarkovProblem
from maskguide.problems.mixture import ProductMixture
from maskguide.samplers.samples import SampleInfo, Samples
from maskguide.samplers.task import REMASK, Task
from maskguide.schedules import noise_schedule

from ..conftest import random_problem, table

torch = pytest.importorskip("torch")

from maskguide.samplers import torch as batched  # noqa: E402
from maskguide.samplers.torch import decoders, jumps, lazy, rates  # noqa: E402
from maskguide.samplers.torch import trajectories as walk  # noqa: E402
from maskguide.samplers.torch.draws import Draws, pick  # noqa: E402

N = 20_000
GRID = mg.uniform_grid(4)
SCHEDULE = mg.WeightSchedule([0.7, 0.4], [0.0, 4.0, 1.0])
EXACT = ["gillespie", "first-hitting", "uniformization"]
STEPPED = [
    ("tau-leaping", {}),
    ("euler", {}),
    ("ancestral", {}),
    ("posterior-product", {}),
    ("theta-trapezoidal", {"theta": 0.4}),
    ("theta-trapezoidal", {"split": "level"}),
    ("theta-rk2", {"theta": 0.4}),
    ("theta-rk2", {"theta": 1.0}),
    ("random-order", {}),
    ("confidence", {}),
    ("confidence", {"noise": 0.7, "temperature": 0.5}),
    ("confidence", {"noise": 0.9, "annealed": True, "counts": "even"}),
    ("margin", {"temperature": 0.0}),
    ("entropy", {"counts": [0, 2, 0, 1]}),
    ("remdm", {"eta": 0.4}),
    ("remdm", {"eta": 0.6, "strategy": "rescale"}),
    ("predictor-corrector", {"corrections": 2}),
]
UNIT = {"ancestral", "remdm"}


def task_of(process, method, grid=GRID, schedule="linear", seed=1, antithetic=False, record=False, **parameters):
    chosen = METHODS[method].with_parameters(**parameters)
    taken = () if chosen.is_exact else tuple(steps(process.guidance, grid, noise_schedule(schedule)))
    return Task(process, chosen, taken, seed, antithetic, record)


def draw(process, method, n=N, start=None, first=0, **options):
    """A batch from one start for all, or from everything masked."""
    begin = process.start if start is None else start
    return batched.run(task_of(process, method, **options), np.tile(np.int32(begin), (n, 1)), first)


def samples_of(batch):
    return Samples(batch.tokens, SampleInfo(batch.completion_clock, batch.jumps, batch.largest_hazard_step, None))


def agrees(batch, process, method, grid=GRID, **parameters):
    """Whether the tokens follow the method's own exact law."""
    if METHODS[method].is_exact:
        return mg.compare(samples_of(batch), mg.terminal_law(process))
    return mg.compare(samples_of(batch), mg.stepped_law(process, method, grid, **parameters))


def same(left, right):
    assert (left.tokens == right.tokens).all()
    assert (left.completion_clock == right.completion_clock).all()
    assert (left.jumps == right.jumps).all()
    assert (left.largest_hazard_step, left.clipped) == (right.largest_hazard_step, right.clipped)


# Laws ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("guidance", [("normalized", SCHEDULE), ("product", 2.0), ("product", -0.5)], ids=str)
@pytest.mark.parametrize("method, parameters", STEPPED, ids=str)
def test_every_stepped_method_follows_its_law(method, parameters, guidance):
    rule = "normalized" if method in UNIT else guidance[0]
    process = mg.GuidedProcess(random_problem(4, 3, 3), mg.Guidance(rule, guidance[1]))
    verdict = agrees(draw(process, method, **parameters), process, method, **parameters)
    assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("method, parameters", STEPPED[::3], ids=str)
def test_random_problems_and_grids_that_stop_early(method, parameters, seed):
    process = mg.GuidedProcess(random_problem(seed, 2 + seed % 2, 1 + seed % 3), mg.Guidance("normalized", -1.0))
    grid = [1.0, 0.7, 0.45, 0.2, 0.1]
    counts = {"counts": "even"} if "counts" in METHODS[method].parameters else {}
    batch = draw(process, method, grid=np.array(grid), seed=seed, **{**parameters, **counts})
    verdict = agrees(batch, process, method, grid, **{**parameters, **counts})
    assert verdict.passed, verdict.sentence


@pytest.mark.parametrize("guidance", [("product", 2.0), ("product", SCHEDULE), ("normalized", 3.0), ("product", -1.0)],
                         ids=str)  # fmt: skip
@pytest.mark.parametrize("method", EXACT)
def test_exact_methods_follow_the_chain(fading, method, guidance):
    """The final law, and completion clocks as recorded reveal clocks have them."""
    process = mg.GuidedProcess(fading, mg.Guidance(*guidance))
    batch = draw(process, method, 8000 if method == "uniformization" else N, record=True)
    clocks = np.geomspace(0.01, 10, 30)
    assert batch.reveal_clock is not None and (batch.completion_clock == batch.reveal_clock.max(axis=1)).all()
    assert agrees(batch, process, method).passed
    assert mg.compare_decay(samples_of(batch), clocks, mg.tv_decay(process, clocks)).passed
    assert (batch.jumps == 2).all() and batch.largest_hazard_step is None


@pytest.mark.parametrize("guidance", [
    mg.Guidance("spherical", 1.5), mg.Guidance("tilted", 2.0), mg.Guidance("rectified", 1.0, gamma0=-0.5),
    mg.Guidance("predictor", 1.0, temperature=0.7), mg.Guidance("contrastive", 1.0, negative=1),
], ids=str)  # fmt: skip
@pytest.mark.parametrize("method", ["gillespie", "first-hitting", "theta-trapezoidal", "random-order"])
def test_other_rules(fading, method, guidance):
    process = mg.GuidedProcess(fading.with_target(0), guidance)
    verdict = agrees(draw(process, method), process, method)
    assert verdict.passed, verdict.sentence


def from_prompt(process, prompt, method, **parameters):
    """The law of a method from given tokens: its one-step laws, or the chain's jumps."""
    law = np.zeros(process.shape)
    law[prompt] = 1.0
    chosen = METHODS[method].with_parameters(**parameters)
    if chosen.is_exact:
        exit = process.exit_rates().ravel()
        jump = process.rate_matrix().toarray() + np.diag(exit)
        jump = np.divide(jump, exit[:, None], out=np.eye(len(exit)), where=exit[:, None] > 0)
        law = (law.ravel() @ np.linalg.matrix_power(jump, process.length)).reshape(process.shape)
    for step in task_of(process, method, **parameters).steps:
        law = one_step(chosen, process.rates(step.weight), law, step)
    return mg.Law(law, process.problem, inf, "by hand")


@pytest.mark.parametrize("method, parameters", [*((m, {}) for m in EXACT), *STEPPED], ids=str)
def test_prompts(method, parameters):
    """Given tokens stay, and the rest follows from them; only remasking and correcting treat them apart."""
    process = mg.GuidedProcess(random_problem(4, 3, 3, zeros=0.0), mg.Guidance("normalized", 2.0))
    prompt = (3, 1, 3)
    batch = draw(process, method, start=prompt, record=True, **parameters)
    assert (batch.tokens[:, 1] == 1).all()
    assert batch.reveal_clock is not None and np.isnan(batch.reveal_clock[:, 1]).all()
    if method not in ("remdm", "predictor-corrector"):
        verdict = mg.compare(samples_of(batch), from_prompt(process, prompt, method, **parameters))
        assert verdict.checks["TV"] and verdict.checks["states"], verdict.sentence  # a given token has no variance


def test_nothing_to_draw_and_nothing_possible():
    """A complete prompt stays at clock 0; where the prompt is impossible the masks stay, at clock inf."""
    problem = table([[2, 0], [1, 0]], [[1, 1], [1, 1]])
    process = mg.GuidedProcess(problem, mg.Guidance("product", 1.0))
    for method in [*EXACT, "tau-leaping", "confidence", "theta-rk2", "predictor-corrector"]:
        done = draw(process, method, 3, start=(1, 0))
        assert (done.tokens == [1, 0]).all() and (done.completion_clock == 0).all() and (done.jumps == 0).all()
        stuck = draw(process, method, 3, start=(2, 1))
        assert (stuck.tokens == [2, 1]).all() and np.isinf(stuck.completion_clock).all()


def test_impossible_tokens_are_never_drawn(line):
    process = mg.GuidedProcess(line, mg.Guidance("product", 3.0))
    for method in ("gillespie", "tau-leaping", "confidence"):
        assert not (draw(process, method, 200_000, seed=3).tokens == 3).any()


# Remasking by confidence: enumerated, since its state is more than the tokens ---------------------------


def remasking_law(process, taken, eta):
    """P(tokens) by following tokens and remembered probabilities through the steps."""
    mask, states = process.vocab_size, {(process.start, (inf,) * process.length): 1.0}
    for step in taken:
        after: dict = {}
        alpha, later = 1 - exp(-step.start), 1 - exp(-step.end)
        top = min(1.0, (1 - later) / alpha) if alpha > 0 else 1.0
        for (x, psi), mass in states.items():
            total = sum(exp(-p) for p in psi)
            options = []
            for i in range(process.length):
                if x[i] < mask:
                    sigma = eta * top * exp(-psi[i]) / total
                    options.append([(x[i], psi[i], 1 - sigma), (mask, inf, sigma)])
                    continue
                edge = np.moveaxis(process.rates(step.weight).edges[i], i, -1)[tuple(np.delete(x, i))]
                chance = (later - alpha) / (1 - alpha)
                options.append([(v, round(q, 12), chance * q) for v, q in enumerate(edge / edge.sum())])
                options[-1].append((mask, inf, 1 - chance))
            for choice in itertools.product(*options):
                key = (tuple(c[0] for c in choice), tuple(c[1] for c in choice))
                after[key] = after.get(key, 0.0) + mass * np.prod([c[2] for c in choice])
        states = after
    law = np.zeros(process.shape)
    for (x, _), mass in states.items():
        law[x] += mass
    return mg.Law(law, process.problem, inf, "by hand")


def test_remasking_by_confidence():
    """The law by enumeration; the same sigma for all tokens has another."""
    eta, grid = 0.7, mg.uniform_grid(5)
    process = mg.GuidedProcess(random_problem(2, 2, 3, zeros=0.0), mg.Guidance("normalized", 1.0))
    law = remasking_law(process, task_of(process, "remdm", grid=grid).steps, eta)
    options = {"eta": eta, "strategy": "confidence", "grid": grid}
    verdict = mg.compare(samples_of(draw(process, "remdm", 60_000, **options)), law)
    assert verdict.passed, verdict.sentence
    assert (draw(process, "remdm", 200, start=(2, 0, 2), **options).tokens[:, 1] == 0).all()
    shared = draw(process, "remdm", 60_000, **{**options, "strategy": "rescale"})
    assert not mg.compare(samples_of(shared), law).passed


# One stream, one answer ---------------------------------------------------------------------------------


EVERY = [*((m, {}) for m in EXACT), *STEPPED, ("remdm", {"strategy": "confidence"})]


@pytest.mark.parametrize("method, parameters", EVERY, ids=str)
def test_chunks_and_batches_do_not_matter(method, parameters, monkeypatch):
    """Bit for bit: chunks of one trajectory, and batches that begin elsewhere."""
    process = mg.GuidedProcess(random_problem(5, 3, 3), mg.Guidance("normalized", SCHEDULE))
    whole = draw(process, method, 24, **parameters)
    later = draw(process, method, 8, first=16, **parameters)
    assert (whole.tokens[16:] == later.tokens).all() and (whole.completion_clock[16:] == later.completion_clock).all()
    for bound in ("RATES_BYTES", "LAZY_BYTES"):
        monkeypatch.setattr(batched, bound, 8)
    same(whole, draw(process, method, 24, **parameters))


def with_zeros():
    """Five coordinates whose components miss tokens: several reveals in a step reach states the target never visits."""
    rows = np.random.default_rng(0).dirichlet(np.ones(3), (6, 5)) * (np.random.default_rng(1).random((6, 5, 3)) > 0.3)
    rows[..., 0] += 0.01
    return ProductMixture(rows / rows.sum(axis=2, keepdims=True), np.full(6, 1 / 6), [0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("problem", [
    with_zeros(),
    MarkovProblem([[0.5, 0.5, 0], [0.2, 0.3, 0.5]], [np.eye(3) * 0.4 + 0.2, np.full((3, 3), 1 / 3)], [0.4, 0.6],
                  length=4),
], ids=["mixture", "chain"])  # fmt: skip
@pytest.mark.parametrize("method, parameters", EVERY, ids=str)
def test_computed_conditionals_draw_what_the_table_draws(problem, method, parameters):
    """The same seed, the same tokens, whether rates are looked up or computed."""
    if problem.length == 1 and "counts" in parameters:
        parameters = {**parameters, "counts": "schedule"}
    for rule in ("normalized",) if method in {*UNIT, "uniformization"} else ("normalized", "product"):
        guidance = mg.Guidance(rule, SCHEDULE)
        computed = draw(mg.GuidedProcess(problem, guidance), method, 2000, **parameters)
        looked_up = draw(mg.GuidedProcess(problem.table(), guidance), method, 2000, **parameters)
        assert (computed.tokens == looked_up.tokens).all()
        np.testing.assert_allclose(computed.completion_clock, looked_up.completion_clock, rtol=1e-12)


def not_lazy(*_):
    """As on a device: nothing is looked at, every rate is computed in every step."""
    return False


@pytest.mark.parametrize("method, parameters", EVERY, ids=str)
@pytest.mark.parametrize("rule", ["normalized", "product", "contrastive"])
def test_looking_at_tensors_does_not_matter(method, parameters, rule, monkeypatch):
    """Rates computed where the host sees that they are needed, and everywhere: tokens, clocks and counts agree."""
    if rule != "normalized" and (method in UNIT or method == "uniformization"):
        return
    settings = {"negative": 1} if rule == "contrastive" else {}
    schedule = mg.WeightSchedule([0.7, 0.4], [-0.5, 1.0, 1.7])
    chain = MarkovProblem([[0.5, 0.5], [0.9, 0.1]], [[[0.7, 0.3], [0.2, 0.8]], [[0.5, 0.5], [0.4, 0.6]]], [0.4, 0.6],
                          length=6)  # fmt: skip
    for problem in (ProductMixture.random(6, 3, 4), chain):
        process = mg.GuidedProcess(problem, mg.Guidance(rule, schedule, **settings))
        options = {
            **parameters,
            "antithetic": True,
            "record": True,
            "grid": mg.uniform_grid(6 if "eta" in parameters else 4),
        }
        with monkeypatch.context() as patch:
            lazy = draw(process, method, 500, **options)
            patch.setattr(walk, "applies", not_lazy)
            dense = draw(process, method, 500, **options)
        assert (lazy.tokens == dense.tokens).all() and (lazy.jumps == dense.jumps).all()
        assert lazy.clipped == dense.clipped
        np.testing.assert_allclose(lazy.reveal_clock, dense.reveal_clock, rtol=1e-12)
        if lazy.largest_hazard_step is not None:
            assert lazy.largest_hazard_step == pytest.approx(dense.largest_hazard_step, rel=1e-12)


def test_what_is_computed_once(monkeypatch):
    """Ten steps without a reveal ask for no context; a step asks for those of the states that have changed."""
    asked, problem = [], ProductMixture.random(3, 4, 4)
    fresh = ProductMixture.context
    monkeypatch.setattr(ProductMixture, "context", lambda self, t, k: asked.append(len(t)) or fresh(self, t, k))
    for rule in ("normalized", "product"):
        asked.clear()
        batch = draw(mg.GuidedProcess(problem, mg.Guidance(rule, 1.0)), "tau-leaping", 40, grid=mg.uniform_grid(50))
        last = 40 - np.isinf(batch.completion_clock).sum()  # the last step's changes are not looked at any more
        assert asked[0] == 40 and batch.jumps.sum() - last <= sum(asked[1:]) <= batch.jumps.sum() and len(asked) == 50


def test_uniforms_are_those_of_the_stream():
    process = mg.GuidedProcess(random_problem(0), mg.Guidance())
    numbers = np.arange(5)
    for antithetic in (False, True):
        draws = Draws(task_of(process, "gillespie", seed=2**40 + 3, antithetic=antithetic), 6, 4)
        first, second = draws.pair(torch.from_numpy(numbers), REMASK)
        assert first.dtype == second.dtype == torch.float64
        for row, trajectory in enumerate(range(6, 10)):
            owner = trajectory // 2 if antithetic else trajectory
            bits = _random.two_draws(*_random.split_seed(2**40 + 3), np.int64(owner), numbers, REMASK)
            for found, exact in zip((first, second), bits, strict=True):
                mirror = antithetic and trajectory % 2
                expected = (2**53 - 1 - exact if mirror else exact) * 2.0**-53
                assert (found[row].numpy() == expected).all()


def test_antithetic_halves_have_the_right_law(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    batch = draw(process, "gillespie", 2 * N, antithetic=True)
    for half in (slice(0, None, 2), slice(1, None, 2)):
        part = replace(batch, tokens=batch.tokens[half], completion_clock=batch.completion_clock[half])
        assert agrees(part, process, "gillespie").passed
    clocks = batch.completion_clock.reshape(-1, 2)
    assert np.corrcoef(clocks.T)[0, 1] < -0.2


@pytest.mark.parametrize("method, parameters", [e for e in EVERY if e[0] not in EXACT], ids=str)
def test_steps_never_make_the_host_wait(method, parameters, monkeypatch):
    """A step as on a device, on tensors without data, where whatever needs a value on the host is an error."""
    from torch._subclasses.fake_tensor import FakeTensorMode

    table, mixture = random_problem(1, 3, 4), ProductMixture.random(4, 3, 4)
    counts = {"counts": [1, 2]} if "counts" in parameters else {}
    for problem in (table, mixture) if method == "tau-leaping" else (mixture,):
        process = mg.GuidedProcess(problem, mg.Guidance("normalized", 1.0))
        task = task_of(process, method, grid=mg.uniform_grid(2), **{**parameters, **counts})
        monkeypatch.setattr(walk, "applies", not_lazy)
        draw(process, method, 2)  # constants that problems keep for a device are real tensors
        with FakeTensorMode(allow_non_fake_inputs=True):
            trajectories = walk.Trajectories(task, np.full((5, 4), 3, dtype=np.int32), 0)
            for step in task.steps:
                batched.advance(task.method, trajectories, step)
            assert type(trajectories.tokens).__name__ == "FakeTensor"
            with pytest.raises(Exception, match="aten"):
                bool(trajectories.masked.any())


# What a batch tells -------------------------------------------------------------------------------------


def test_records_of_steps(fading):
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    grid = np.array([1.0, 0.6, 0.3, 0.1])
    batch = draw(process, "tau-leaping", 2000, grid=grid, record=True)
    assert batch.reveal_clock is not None
    ends = -np.log(grid[1:])
    assert (np.isnan(batch.reveal_clock) == (batch.tokens == 3)).all()
    assert np.isin(batch.reveal_clock[batch.tokens < 3], ends).all()
    distinct = [len(set(row[~np.isnan(row)])) for row in batch.reveal_clock]
    assert (batch.jumps == distinct).all()
    masked = (batch.tokens == 3).any(axis=1)
    assert (np.isinf(batch.completion_clock) == masked).all()
    assert (batch.completion_clock[~masked] == batch.reveal_clock[~masked].max(axis=1)).all()
    hazards = max(float(z.max()) for z in process.rates().hazards)
    assert batch.largest_hazard_step == pytest.approx(hazards * np.log(3), rel=1e-12)
    assert batch.clipped is None and draw(process, "tau-leaping", 5).reveal_clock is None


def test_completion_after_remasking_is_the_last_reveal():
    process = mg.GuidedProcess(random_problem(2, 2, 3), mg.Guidance("normalized", 1.0))
    batch = draw(process, "remdm", 3000, eta=0.5, grid=np.array([1, 0.6, 0.4, 0.2, 0.05]), record=True)
    assert batch.reveal_clock is not None
    done = (batch.tokens < 2).all(axis=1)
    assert 0.2 < done.mean() < 1
    assert (batch.completion_clock[done] == batch.reveal_clock[done].max(axis=1)).all()
    assert (np.isnan(batch.reveal_clock) == (batch.tokens == 2)).all()


def test_clipped_steps_are_as_many_as_expected(separating):
    process = mg.GuidedProcess(separating, mg.Guidance("product", 3.0))
    batch = draw(process, "euler", N)
    expected = expected_clipping(process, GRID).count.sum()
    assert batch.clipped is not None and expected > 0.1
    assert abs(batch.clipped / N - expected) < 2 * len(GRID) * np.sqrt(np.log(2e6) / (2 * N))


@pytest.mark.parametrize("method, guidance, message", [
    ("ancestral", mg.Guidance("product", 2.0), "reveals every mask at rate one"),
    ("remdm", mg.Guidance("predictor", 2.0), "reveals every mask at rate one"),
    ("uniformization", mg.Guidance("product", 2.0), "a bound on"),
    ("gillespie", mg.Guidance("product", 4000.0), "rates overflow float64"),
])  # fmt: skip
def test_refusals_away_from_tables(method, guidance, message):
    process = mg.GuidedProcess(ProductMixture.random(6, 3, 4, concentration=0.2), guidance)
    with pytest.raises(mg.InputError, match=message):
        draw(process, method, 20)


def test_unit_hazards_are_asked_of_tables_by_value(separating):
    for weight in (0.0, -1.0):
        draw(mg.GuidedProcess(separating, mg.Guidance("product", weight)), "ancestral", 5)
        draw(mg.GuidedProcess(ProductMixture.random(3, 2, 2), mg.Guidance("product", weight)), "ancestral", 5)
    with pytest.raises(mg.InputError, match="hazard"):
        draw(mg.GuidedProcess(separating, mg.Guidance("product", 2.0)), "ancestral", 5)


# Mutants ------------------------------------------------------------------------------------------------


def stale_state(monkeypatch):
    """Rates of the fully masked state wherever the chain is."""
    fresh = rates.rates

    def stale(process, tokens, weight):
        here, start = fresh(process, tokens, weight), fresh(process, torch.full_like(tokens, 3), weight)
        return rates.BatchRates(torch.where((tokens == 3)[..., None], start.weights, here.weights))

    monkeypatch.setattr(walk, "rates", stale)


def clock_ignored(monkeypatch):
    """The next coordinate as if all hazards were one."""
    fresh = walk.Trajectories.rates

    def even(self, weight, tokens=None):
        here = fresh(self, weight, tokens)
        return rates.BatchRates(here.weights / here.total[..., None].clamp(min=1e-300))

    monkeypatch.setattr(walk.Trajectories, "rates", even)


def one_weight(monkeypatch):
    """The last segment's weight everywhere."""
    fresh = rates.rates
    monkeypatch.setattr(walk, "rates", lambda process, tokens, weight: fresh(process, tokens, 1.0))


def old_clock(monkeypatch):
    """A remasked coordinate goes on with its old waiting time and token."""
    monkeypatch.setattr(walk.Trajectories, "_clocks", (lambda fresh: lambda self: (self.waiting, self.choice) if
                        hasattr(self, "waiting") else fresh(self))(walk.Trajectories._clocks))  # fmt: skip


def by_index(monkeypatch):
    """Ties are broken by the order of coordinates."""
    fresh = decoders.highest
    monkeypatch.setattr(decoders, "highest", lambda score, uniform, count: fresh(score, uniform * 0, count))


def confident(monkeypatch):
    """Positions by confidence instead of at random."""
    monkeypatch.setitem(METHODS._found, "random-order", replace(METHODS["random-order"], score=log_confidence))


def stage_forgotten(monkeypatch):
    """The second leap at the first one's rates."""
    monkeypatch.setattr(type(METHODS["theta-trapezoidal"]), "combined", lambda self, before, after: before)


def always_a_jump(monkeypatch):
    """Every candidate of uniformization is a jump."""
    monkeypatch.setattr(jumps, "first_above", lambda cumulative, u: pick(cumulative.diff(prepend=u[:, None] * 0), u))


MUTANTS = [
    (stale_state, "tau-leaping", {}),
    (stale_state, "gillespie", {}),
    (stale_state, "predictor-corrector", {}),
    (clock_ignored, "gillespie", {}),
    (clock_ignored, "first-hitting", {}),
    (one_weight, "gillespie", {}),
    (one_weight, "euler", {}),
    (old_clock, "remdm", {"eta": 0.6}),
    (by_index, "random-order", {}),
    (confident, "random-order", {}),
    (stage_forgotten, "theta-trapezoidal", {}),
    (always_a_jump, "uniformization", {}),
]


@pytest.mark.parametrize("mutant, method, parameters", MUTANTS, ids=lambda p: getattr(p, "__name__", str(p)))
def test_mutants_are_rejected(mutant, method, parameters, monkeypatch):
    rule = "normalized" if method in UNIT else "product"
    process = mg.GuidedProcess(random_problem(4, 3, 3), mg.Guidance(rule, SCHEDULE))
    laws = [agrees(draw(process, method, **parameters), process, method, **parameters).passed]
    law = mg.terminal_law(process) if METHODS[method].is_exact else mg.stepped_law(process, method, GRID, **parameters)
    monkeypatch.setattr(walk, "applies", not_lazy)
    mutant(monkeypatch)
    laws.append(mg.compare(samples_of(draw(process, method, **parameters)), law).passed)
    assert laws == [True, False]


def forgets_changes(monkeypatch):
    """Hazards and contexts stay those of the start."""
    fresh = lazy.Memory._follow

    def once(self, *state):
        if not hasattr(self, "_context"):
            fresh(self, *state)

    monkeypatch.setattr(lazy.Memory, "_follow", once)


def other_state(monkeypatch):
    """Tokens are drawn by the rows of the next trajectory."""
    fresh = ProductMixture.rows
    monkeypatch.setattr(ProductMixture, "rows", lambda self, context, at=None: fresh(
        self, context, at if at is None else ((at[0] + 1) % len(context), at[1])))  # fmt: skip


@pytest.mark.parametrize("mutant", [forgets_changes, other_state])
def test_lazy_mutants_are_rejected(mutant, monkeypatch):
    problem = ProductMixture.random(3, 3, 4, concentration=0.3)
    process, table = (mg.GuidedProcess(p, mg.Guidance("product", 1.0)) for p in (problem, problem.table()))
    law = mg.stepped_law(table, "tau-leaping", GRID)
    verdicts = [mg.compare(samples_of(draw(process, "tau-leaping")), law).passed]
    mutant(monkeypatch)
    verdicts.append(mg.compare(samples_of(draw(process, "tau-leaping")), law).passed)
    assert verdicts == [True, False]

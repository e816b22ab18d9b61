"""Claims in words, the laws that follow, the denoiser that is handed out, and the laws of reveals."""

from itertools import permutations, product

import numpy as np
import pytest

import maskguide as mg
from maskguide.conformance import Claim, SamplingCase, ServedDenoiser, check
from maskguide.conformance.reveals import by_time, order_law, orders, reveal_law
from maskguide.conformance.settings import Seeds, prompted
from maskguide.methods import Method
from maskguide.schedules import TimeGrid
from tests.conformance import samplers as wild
from tests.conftest import random_problem

ANCESTRAL = Claim("normalized", "ancestral")


@pytest.mark.parametrize(
    ("text", "claim"),
    [
        ("normalized, ancestral, uniform t, log-linear", ANCESTRAL),
        ("log-linear, uniform in t, Ancestral, normalised", ANCESTRAL),
        ("product, limit", Claim("product", "limit")),
        ("product, tau leaping, uniform clock, cosine", Claim("product", "tau-leaping", "clock", "cosine")),
        ("cosine grid, cosine schedule, product, euler", Claim("product", "euler", "cosine", "cosine")),
        ("predictor:temperature=0.5, limit", Claim("predictor:temperature=0.5", "limit")),
        (
            "normalized, confidence:temperature=0:counts=even",
            Claim("normalized", "confidence:temperature=0:counts=even"),
        ),
    ],
)
def test_parse_and_back(text, claim):
    assert Claim.parse(text) == claim
    assert Claim.parse(str(claim)) == claim
    assert Claim.parse(claim) is claim


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("normalized", "names no method"),
        ("ancestral", "names no rule"),
        ("normalized, product, limit", "names two rules"),
        ("normalized, ancestrall", "did you mean 'ancestral'"),
        ("normalized, ancestral:theta=2", "has no parameters"),
        ("predictor:temp=1, limit", "unknown parameter"),
    ],
)
def test_bad_claims(text, said):
    with pytest.raises(mg.InputError, match=said):
        Claim.parse(text)


def guided_law(problem, tokens, i, weight):
    """Unnormalised guided law of position i from sums over the joint tables, in plain Python."""
    seen = [slice(None) if v == problem.vocab_size else slice(v, v + 1) for v in tokens]
    weights = []
    for v in range(problem.vocab_size):
        here = tuple(slice(v, v + 1) if j == i else s for j, s in enumerate(seen))
        target, unconditional = (
            law[here].sum() / law[tuple(seen)].sum() for law in (problem.target_law, problem.unconditional_law)
        )
        weights.append(target ** (1 + weight) * unconditional**-weight if target > 0 else 0.0)
    return weights


def ancestral_by_hand(problem, weight, num_steps):
    law = {(problem.vocab_size,) * problem.length: 1.0}
    for k in range(num_steps, 0, -1):
        after = {}
        for state, mass in law.items():
            choices = []
            for i, v in enumerate(state):
                if v != problem.vocab_size:
                    choices.append([(v, 1.0)])
                    continue
                rates = guided_law(problem, state, i, weight)
                reveal = [(w, rate / sum(rates) / k) for w, rate in enumerate(rates)]
                choices.append([*reveal, (problem.vocab_size, 1 - 1 / k)])
            for pick in product(*choices):
                child = tuple(v for v, _ in pick)
                after[child] = after.get(child, 0.0) + mass * np.prod([p for _, p in pick])
        law = after
    found = np.zeros((problem.vocab_size + 1,) * problem.length)
    for state, mass in law.items():
        found[state] = mass
    return found


def test_k_step_law_against_plain_enumeration():
    problem = random_problem(3, vocab_size=2, length=3, zeros=0.0)
    expected = ancestral_by_hand(problem, 1.5, 3)
    assert np.abs(ANCESTRAL.law(problem, 1.5, 3) - expected).max() < 1e-12
    assert np.abs(ANCESTRAL.law(problem, 1.5, 4) - expected).max() > 1e-4  # a step more is another law


def test_limit_law_is_the_mean_over_orders(separating):
    expected = np.zeros((3, 3))
    for x in np.ndindex(2, 2):
        for order in permutations(range(2)):
            state, mass = [2, 2], 0.5
            for i in order:
                rates = guided_law(separating, state, i, 3.0)
                mass *= rates[x[i]] / sum(rates)
                state[i] = x[i]
            expected[x] += mass
    assert np.abs(Claim.parse("normalized, limit").law(separating, 3.0, 8) - expected).max() < 1e-12


@pytest.mark.parametrize("text", ["normalized, ancestral, uniform clock, cosine", "product, limit"])
def test_history_ends_in_the_law(text, separating):
    claim = Claim.parse(text)
    times, laws = claim.history(separating, 1.0, 6)
    assert times[0] == 1 and times[-1] == 0 and laws[0, 2, 2] == 1
    assert np.abs(laws[-1] - claim.law(separating, 1.0, 6)).max() < 1e-10


# The denoiser -----------------------------------------------------------------------------------------


def test_plain_denoiser_predicts_revealed_positions_from_the_others():
    problem = random_problem(1, vocab_size=3, length=3, zeros=0.0)
    tokens = np.array([[0, 2, 3], [1, 3, 0], [2, 2, 1]])
    carried, plain = ServedDenoiser(problem)(tokens, 0), ServedDenoiser(problem, carry_over=False)(tokens, 0)
    hidden = tokens == 3
    assert (plain[hidden] == carried[hidden]).all()
    others = problem.class_laws[0][:, 2].sum(axis=1)  # x0 of the first row, given x1 = 2 alone
    assert np.abs(np.exp(plain[0, 0]) - others / others.sum()).max() < 1e-14
    assert np.exp(carried[0, 0]).tolist() == [1, 0, 0]
    assert np.abs(np.exp(plain).sum(axis=-1) - 1).max() < 1e-14


@pytest.mark.parametrize("carry_over", [True, False])
def test_torch_as_numpy(carry_over):
    torch = pytest.importorskip("torch")
    problem = random_problem(2)
    model = ServedDenoiser(problem, carry_over=carry_over, dtype="float32")
    tokens = np.array([[0, 3], [3, 3], [0, 0]])
    found = model(torch.tensor(tokens), None)
    assert found.dtype == torch.float32 and model(tokens, None).dtype == np.float32
    assert np.array_equal(found.numpy(), model(tokens, None))


# Reveals, prompts, seeds ------------------------------------------------------------------------------


def test_reveal_law_of_ancestral_steps_is_their_length(separating):
    times, laws = reveal_law(Claim.parse("normalized, ancestral, uniform t, cosine"), separating, 2.0, 4)
    level = np.sin(np.pi * times / 2)
    for law in laws:
        assert np.abs(law - [*-np.diff(level), 0, 0]).max() < 1e-12


def test_reveal_law_of_a_limit(line):
    """D = 1: P(masked at m) = m^Z."""
    claim = Claim.parse("product, limit")
    times, (law,) = reveal_law(claim, line, 2.0, 1)
    hazard = sum(guided_law(line, [4], 0, 2.0))
    assert np.abs(law - [*-np.diff(times**hazard), 0, 0]).max() < 1e-10


def test_times_fall_into_their_step():
    times = np.array([1.0, 0.75, 0.3, 0.0])
    given = np.array([[0.75, 0.99], [0.3, 0.0], [1.0, -0.1], [np.nan, 0.2]])
    masked = np.array([[0, 0], [0, 0], [0, 0], [1, 0]], dtype=bool)
    assert by_time(given, masked, times).tolist() == [[0, 0], [1, 2], [4, 4], [3, 2]]
    assert by_time(np.array([[0.3 - 1e-12]]), masked[:1, :1], times).tolist() == [[1]]  # forgiven


def test_order_law(fading):
    """D = 2: the first is i with probability Z_i / (Z_0 + Z_1)."""
    process = mg.GuidedProcess(fading, mg.Guidance("product", 2.0))
    hazards = [sum(guided_law(fading, [3, 3], i, 2.0)) for i in range(2)]
    assert np.abs(order_law(process) - [hazards[0] / sum(hazards), hazards[1] / sum(hazards), 0]).max() < 1e-12
    uniform = order_law(mg.GuidedProcess(random_problem(4, 2, 3), mg.Guidance("normalized", 2.0)))
    assert np.abs(uniform - [*[1 / 6] * 6, 0]).max() < 1e-12
    assert orders(np.array([[2, 0, 1], [0, 0, 1], [np.nan, 0, 1]])).tolist() == [
        list(permutations(range(3))).index((1, 2, 0)), 6, 6
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["normalized, ancestral", "product, tau-leaping", "product, limit"])
def test_prompted_problem_is_the_chain_from_the_prompt(text):
    """Steps of single coordinates: the K-step law from x0 = 1, by starting there."""
    problem, claim = random_problem(5, vocab_size=2, length=3, zeros=0.0), Claim.parse(text)
    rest = claim.law(prompted(problem, 0, 1), 1.5, 3)
    if claim.is_limit:
        start = mg.terminal_law(claim.process(problem, 1.5), start=[1, 2, 2]).probs[1]
        assert np.abs(rest[:2, :2] - start).max() < 1e-12
    rates, of_rest = claim.process(problem, 1.5).rates(), claim.process(prompted(problem, 0, 1), 1.5).rates()
    for i in range(2):
        assert np.abs(rates.edges[i + 1][1] - of_rest.edges[i]).max() < 1e-12


def test_seeds_never_come_twice():
    seeds = Seeds(3)
    drawn = [seeds.spread() for _ in range(5000)]
    assert len(set(drawn)) == 5000 and min(drawn) >= 0 and max(drawn) < 2**31
    assert np.diff(Seeds(0).run(5)).tolist() == [1, 1, 1, 1]


# Objects of one's own ---------------------------------------------------------------------------------

HALF = TimeGrid("halves", "m_k = 2^-k", lambda count, noise: np.append(noise.inverse(0.5 ** np.arange(count)), 0.0))
SHARPER = mg.Rule("sharper", lambda log_p, log_q, w: (1 + 2 * w) * log_p - 2 * w * log_q, formula="p_z^(1+2w) p^(-2w)")
LAZY = Method(name="lazy", order=1, use="slowly", keeps="nothing", source="",
              reveal=lambda hazards, step: 0.5 * step.fraction + 0 * hazards)  # fmt: skip


def test_claims_of_objects_have_their_laws():
    problem = random_problem(3, vocab_size=2, length=2, zeros=0.0)
    noise = mg.noise_schedule("polynomial", power=3.0)
    claim = Claim(SHARPER, LAZY, HALF, noise)
    assert str(claim) == "sharper, lazy, halves grid, polynomial" and hash(claim) == hash(claim)
    process = mg.GuidedProcess(problem, mg.Guidance("product", 3.0))
    times = [*(0.5 ** (np.arange(3) / 3)), 0.0]
    expected = mg.stepped_law(process, LAZY, times, noise).probs
    assert np.abs(claim.law(problem, 1.5, 3) - expected).max() < 1e-12
    assert claim.law(problem, 1.5, 3)[2, 2] == pytest.approx(0.5**2 * 0.75**4)  # masks that are never revealed


def test_a_sampler_is_held_against_a_claim_of_objects():
    def sampler(denoiser, n, *, weight, num_steps, seed, dtype):
        rng = np.random.default_rng(seed)
        tokens = np.full((n, denoiser.length), denoiser.mask_id)
        for k in range(num_steps):
            logs = SHARPER.log_rates(denoiser(tokens, denoiser.label), denoiser(tokens, None), weight)
            new = wild.draw_tokens(rng, np.exp(logs))
            chance = 0.5 if k == num_steps - 1 else 0.25
            tokens = np.where((tokens == denoiser.mask_id) & (rng.random(tokens.shape) < chance), new, tokens)
        return tokens

    cases = [SamplingCase(random_problem(3, vocab_size=2, length=2, zeros=0.0), 1.5, 3, "")]
    claim = Claim(SHARPER, LAZY, HALF)
    assert check(sampler, claim, cases=cases, quick=True).passed
    report = check(sampler, Claim("product", LAZY, HALF), cases=cases, quick=True)
    assert report.diagnosis.name == "2 w", str(report)

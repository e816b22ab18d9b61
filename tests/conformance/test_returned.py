"""What samplers return, raise and are: everything is a fault with a name, nothing a traceback."""

from xml.etree import ElementTree

import numpy as np
import pytest

import maskguide as mg
from maskguide.conformance import SamplingCase, ServedDenoiser, check
from maskguide.conformance.faults import Fault, printable
from maskguide.conformance.guard import Caller, takes_start
from tests.conformance import samplers as wild

DENOISER = ServedDenoiser(mg.zoo.get("no-blind-2d"))
ZEROS = np.zeros((8, 2), dtype=np.int64)


def drawn(returned):
    return Caller(lambda *_, **__: returned, 5.0)(DENOISER, 8, weight=1.0, num_steps=2, seed=0)


class Hiding(np.ndarray):
    def min(self, *_, **__):
        return 0

    max = min


class Classless:
    @property
    def __class__(self):
        raise RuntimeError("no class")


class Locked(dict):
    def __contains__(self, key):
        raise KeyError(key)


@pytest.mark.parametrize(
    ("returned", "kind"),
    [
        (ZEROS.astype(np.uint64) + np.uint64(2**63), "range"),
        (np.ma.MaskedArray(ZEROS, mask=True), "type"),
        ((ZEROS + 10**9).view(Hiding), "range"),
        ((ZEROS, {"reveal_time": np.full((8, 2), "a")}), "dtype"),
        ((ZEROS, {"reveal_order": np.full((8, 2), None)}), "dtype"),
        ((ZEROS, {"reveal_time": np.full((8, 2), 1j)}), "dtype"),
        ((ZEROS, [1, 2]), "type"),
        (ZEROS.astype(object), "dtype"),
        (ZEROS.astype(bool), "dtype"),
        (np.zeros((8, 2), dtype=[("x", int)]), "dtype"),
        (None, "type"),
    ],
)
def test_arrays_that_are_no_tokens(returned, kind):
    with pytest.raises(Fault) as found:
        drawn(returned)
    assert found.value.kind == kind


@pytest.mark.parametrize("make", [Classless, lambda: (ZEROS, Locked(reveal_time=1))])
def test_objects_that_refuse_to_be_looked_at(make):
    with pytest.raises(Fault, match="cannot be read"):
        drawn(make())


def test_arrays_of_a_subclass_become_plain_ones():
    for returned in (ZEROS.view(np.matrix), ZEROS.view(Hiding)):
        assert type(drawn(returned).tokens) is np.ndarray


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:The PyTorch API of nested tensors")
def test_tensors_that_are_no_arrays():
    torch = pytest.importorskip("torch")
    whole = torch.zeros((8, 2), dtype=torch.int64)
    strange = {
        "bfloat16": whole.to(torch.bfloat16), "sparse": whole.to_sparse(), "meta": whole.to("meta"),
        "quantised": torch.quantize_per_tensor(torch.zeros(8, 2), 0.1, 0, torch.qint8),
        "nested": torch.nested.nested_tensor([torch.zeros(2) for _ in range(8)]),
    }  # fmt: skip
    for name, tensor in strange.items():
        with pytest.raises(Fault) as found:
            drawn(tensor)
        assert found.value.kind in ("type", "dtype"), name
    assert (drawn(whole).tokens == 0).all()


class Mute(Exception):
    def __str__(self):
        raise ValueError("no text")


class Proxy:
    """Answers every question with an error."""

    def __call__(self, denoiser, n, **given):
        return wild.ancestral(denoiser, n, **given)

    def __getattr__(self, name):
        raise RuntimeError(name)


def raising(error):
    def sampler(denoiser, n, **given):
        raise error

    return sampler


def run(sampler, **options):
    cases = [SamplingCase(DENOISER._problem, 1.5, 3, "")]
    return check(sampler, "normalized, ancestral", **{"cases": cases, "quick": True, "plain": False} | options)


@pytest.mark.parametrize("error", [Mute(), SystemExit(0), KeyboardInterrupt(), BaseException("any")])
def test_exceptions_of_all_kinds_are_faults(error):
    report = run(raising(error))
    assert {finding.kind for finding in report.findings} == {"raises"} and type(error).__name__ in str(report)


def test_objects_that_answer_nothing():
    assert not takes_start(Proxy())
    report = run(Proxy())
    assert report.passed and "Proxy" in report.sampler, str(report)


def test_text_that_no_file_can_hold():
    def sampler(denoiser, n, **given):
        raise ValueError("a\x00b\ud800\x1b[31m\ufffe</testcase>\x0cmore")

    sampler.__qualname__ = "sam\x01pler\ud83d"
    report = run(sampler)
    for text in (report.to_junit(), report.to_html(), str(report)):
        assert "\x00" not in text and "\ud800" not in text and "\x1b" not in text
        text.encode("utf-8")
    suite = ElementTree.fromstring(report.to_junit().encode("utf-8"))
    assert "</testcase>" in suite.find("testcase/failure").get("message")
    assert printable("déjà vu ∑") == "déjà vu ∑"


def test_messages_have_an_end():
    long = type("x" * 10**6, (Exception,), {})
    for error in (long("y"), ValueError("z" * 10**6)):
        (finding, *_) = run(raising(error)).findings
        assert len(finding.message) <= 400


def no_weight(denoiser, n):
    return ZEROS


@pytest.mark.parametrize("sampler", [no_weight, lambda: None, int])
def test_a_wrong_signature_is_one_sentence(sampler):
    report = run(sampler)
    assert [finding.kind for finding in report.findings] == ["signature"] and not report.passed
    assert len(str(report).splitlines()) == 1 and "cannot be called as" in report.verdict
    assert report.n_calls == 1 and {row.status for row in report.checks} == {"failed", "skipped"}


def test_a_type_error_within_the_sampler_is_its_own():
    def sampler(denoiser, n, **given):
        return len(3)

    assert {finding.kind for finding in run(sampler).findings} == {"raises"}

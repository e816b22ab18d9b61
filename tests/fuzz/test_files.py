"""Bytes of every kind of file we read, damaged: an answer or one error, never a traceback, a hang or a crash."""

import io

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import maskguide as mg
from maskguide.papers.learned_weights import checkpoint
from maskguide.papers.learned_weights.models import leaking
from maskguide.papers.learned_weights.study import five_modes
from maskguide.papers.learned_weights.training import Learning

from .harness import end, mutant, tally


def csv():
    rng = np.random.default_rng(0)
    rows = [f"{rng.choice(['s', 'm'])},{rng.normal():.3f},{'ab'[i % 2]}" for i in range(10)]
    return "\n".join(["size,height,class", *rows, '"m, l",1.5,a']).encode() + b"\n"


def parquet():
    rng, out = np.random.default_rng(0), io.BytesIO()
    columns = {"size": rng.choice(["s", "m"], 40), "rooms": rng.integers(3, size=40), "class": ["a", "b"] * 20}
    pq.write_table(pa.table({**columns, "height": rng.normal(size=40)}), out)
    return out.getvalue()


def npz(**more):
    out = io.BytesIO()
    laws = np.array([[[0.1, 0.2], [0.3, 0.4]], [[0.25, 0.25], [0.25, 0.25]]])
    names = {"class_names": ["p", "q"], "coordinate_names": ["a", "b"], "token_names": [["u", "v"], ["w", ""]]}
    sound = {"class_laws": laws, "prior": np.array([0.5, 0.5]), "target": np.array(1)}
    np.savez(out, **(sound | names | more))
    return out.getvalue()


def state():
    models = leaking(five_modes(), 0.3)
    return checkpoint.TrainingState(Learning(steps=4, groups=2, points=5), models).state()


SAMPLES = {"label": "class", "bins": 2}
FILES = {".csv": (csv, SAMPLES), ".parquet": (parquet, SAMPLES), ".npz": (npz, {})}


def ends_of_mutants(suffix, folder, count):
    make, options = FILES[suffix]
    whole, path = make(), folder / f"file{suffix}"
    path.write_bytes(whole)
    assert end(lambda: mg.read_problem(path, **options)) == "answered"
    for seed in range(count):
        path.write_bytes(mutant(whole, seed))
        yield end(lambda: mg.read_problem(path, **options))


@pytest.mark.parametrize(("suffix", "count"), [(".csv", 400), (".parquet", 400), (".npz", 500)])
def test_mutants(suffix, count, tmp_path):
    found = tally(ends_of_mutants(suffix, tmp_path, count))
    assert found["refused"] > count / 10, found


@pytest.mark.verify
@pytest.mark.parametrize(("suffix", "count"), [(".csv", 25_000), (".parquet", 25_000), (".npz", 40_000)])
def test_many_mutants(suffix, count, tmp_path):
    print(suffix, tally(ends_of_mutants(suffix, tmp_path, count)))


def ends_of_checkpoints(folder, count):
    path = folder / "run.pt"
    checkpoint.save(path, state())
    whole = path.read_bytes()
    assert end(lambda: checkpoint.read(path)) == "answered"
    for seed in range(count):
        damaged = mutant(whole, seed)
        path.write_bytes(damaged)
        found = end(lambda: checkpoint.read(path))
        yield found if damaged != whole else "refused"


@pytest.mark.parametrize("count", [200, pytest.param(3_000, marks=pytest.mark.verify)])
def test_damaged_checkpoints_are_refused(count, tmp_path):
    assert tally(ends_of_checkpoints(tmp_path, count)) == {"refused": count}


def test_archives_that_name_more_than_they_hold(tmp_path, monkeypatch):
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, class_laws=np.zeros((2, 2, 2)), prior=[0.5, 0.5], target=0, notes=np.zeros(2**24))
    monkeypatch.setattr(mg._checks, "LEAST_MEMORY", 0)
    monkeypatch.setattr(mg._checks, "available_memory", lambda: 2**20)
    with pytest.raises(mg.InputError, match="sums to 0"):  # what is not ours is not unpacked
        mg.read_problem(path)
    np.savez_compressed(path, class_laws=np.zeros((2, 1024, 1024)), prior=[0.5, 0.5], target=0)
    assert path.stat().st_size < 2**16
    with pytest.raises(mg.InputError, match=r"unpacked, needs .* \(64 MiB\)"):
        mg.read_problem(path)


SCALARS = hnp.integer_dtypes() | hnp.floating_dtypes() | hnp.unicode_string_dtypes() | hnp.boolean_dtypes()
KINDS = SCALARS | hnp.complex_number_dtypes() | hnp.datetime64_dtypes() | hnp.byte_string_dtypes()
ARRAYS = hnp.arrays(KINDS, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=3))
KEYS = ("class_laws", "prior", "target", "class_names", "coordinate_names", "token_names")


@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(KEYS), ARRAYS, min_size=1, max_size=3))
def test_sound_archives_of_other_arrays(tmp_path_factory, arrays):
    path = tmp_path_factory.getbasetemp() / "arrays.npz"
    path.write_bytes(npz(**arrays))
    assert end(lambda: mg.read_problem(path)) in ("answered", "refused")


@settings(max_examples=200, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.text(max_size=60), st.sampled_from(["size", "class", "a", "é", None]))
def test_texts_that_are_hardly_tables(tmp_path_factory, text, label):
    path = tmp_path_factory.getbasetemp() / "text.csv"
    path.write_text("size,class\n" * (len(text) % 2) + text, encoding="utf-8", errors="surrogatepass")
    assert end(lambda: mg.read_problem(path, label=label, bins=2)) in ("answered", "refused")

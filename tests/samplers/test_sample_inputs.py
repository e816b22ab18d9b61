"""Bad input to sample(), and the files samples are written to."""

import json

import numpy as np
import pytest

import maskguide as mg


@pytest.fixture
def process(line):
    return mg.GuidedProcess(line, mg.Guidance("product", 1.0))


@pytest.mark.parametrize(
    "options, words",
    [
        ({"n": 0}, "n = 0"),
        ({"n": 2.5}, "integer"),
        ({"method": "tau"}, "did you mean 'tau-leaping'"),
        ({"engine": "jax"}, "numba, torch"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "2^64"),
        ({"grid": 8}, "take no time steps"),
        ({"method": "tau-leaping", "grid": [1.0, 0.5, 0.5]}, "does not decrease"),
        ({"method": "tau-leaping", "grid": [0.0, 1.0]}, "starts at exactly t = 1"),
        ({"method": "tau-leaping", "grid": [1.0, np.nan]}, "NaN"),
        ({"method": "tau-leaping", "grid": 0}, "num_steps"),
        ({"method": "tau-leaping", "schedule": "cos"}, "did you mean 'cosine'"),
        ({"device": "cuda"}, "numba runs on the CPU"),
        ({"engine": "torch", "device": "nonsense"}, "device"),
        ({"threads": 0}, "threads"),
        ({"batch_size": 0}, "batch_size"),
    ],
)
def test_bad_input(process, options, words):
    with pytest.raises(mg.InputError) as error:
        mg.sample(process, **({"n": 10} | options))
    assert words in str(error.value)
    assert len(str(error.value).splitlines()) <= 3


def test_tables_that_do_not_fit(process, monkeypatch):
    from maskguide import _checks

    monkeypatch.setattr(_checks, "LEAST_MEMORY", 0)
    monkeypatch.setattr(_checks, "available_memory", lambda: 100)
    with pytest.raises(mg.InputError, match="states") as error:
        mg.sample(process, 10)
    assert "bytes" in str(error.value)


def test_more_samples_than_memory_are_refused_before_they_are_drawn(process):
    with pytest.raises(mg.InputError, match="99,999,999,999,999 samples needs"):
        mg.sample(process, 99_999_999_999_999)


def test_npz_round_trip(process, tmp_path):
    samples = mg.sample(process, 50, seed=4)
    samples.save(tmp_path / "s.npz")
    stored = np.load(tmp_path / "s.npz", allow_pickle=False)
    assert (stored["tokens"] == samples.tokens).all()
    assert json.loads(str(stored["provenance"]))["seed"] == 4


def test_parquet_round_trip(process, tmp_path):
    import pyarrow.parquet as pq

    samples = mg.sample(process, 50, "tau-leaping", seed=4, grid=5)
    samples.save(tmp_path / "s.parquet")
    stored = pq.read_table(tmp_path / "s.parquet")
    assert stored["x0"].to_numpy().tolist() == samples.tokens[:, 0].tolist()
    assert json.loads(stored.schema.metadata[b"provenance"])["grid"] == list(mg.uniform_grid(5))


def test_the_old_name_of_the_provenance_warns(process):
    info = mg.sample(process, 3).info
    with pytest.warns(DeprecationWarning, match="provenance"):
        assert info.origin is info.provenance


def test_failed_write_leaves_nothing(process, tmp_path, monkeypatch):
    def broken(*args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", broken)
    with pytest.raises(mg.InputError, match="disk full"):
        mg.sample(process, 5).save(tmp_path / "s.npz")
    assert list(tmp_path.iterdir()) == []


def test_progress_is_called(process):
    seen = []
    mg.sample(process, 100, batch_size=40, progress=seen.append)
    assert seen == [40, 80, 100]

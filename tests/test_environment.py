"""Surroundings that are not as usual: no cache of compiled code, terminals that know ASCII only, full devices."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from numba.core.caching import CompileResultCacheImpl

from maskguide import _memory
from maskguide._compiled import jit


def run(*arguments, stdout=subprocess.PIPE, **environment):
    return subprocess.run([sys.executable, "-m", "maskguide.cli", *map(str, arguments)], stdout=stdout,
                          stderr=subprocess.PIPE, env=os.environ | environment, timeout=120)  # fmt: skip


def test_kernels_are_compiled_whatever_numba_is_told(tmp_path):
    """Those who debug functions of their own with NUMBA_DISABLE_JIT keep maskguide."""
    for name, environment in (("usual", {}), ("disabled", {"NUMBA_DISABLE_JIT": "1"})):
        done = run("sample", "squares-2d", "--n", 100, "--out", tmp_path / f"{name}.npz", **environment)
        assert done.returncode == 0, done.stderr.decode()
    usual, disabled = (np.load(tmp_path / f"{name}.npz")["tokens"] for name in ("usual", "disabled"))
    assert np.array_equal(usual, disabled)


def test_what_numba_compiles_on_the_way_is_compiled_too():
    """int() is a function of numba's own, which it would leave as Python."""
    code = "from maskguide._compiled.jit import njit\n@njit\ndef floor(x): return int(x)\nprint(floor(2.5))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120,
                          env=os.environ | {"NUMBA_DISABLE_JIT": "1"})  # fmt: skip
    assert done.stdout == b"2\n", done.stderr.decode()


CACHED = """
from maskguide._compiled.jit import njit

@njit(cache=True)
def twice(x):
    return 2 * x

print(twice(4.0), sum(twice.stats.cache_hits.values()))
"""


@pytest.mark.parametrize("damage", [lambda whole: whole[: len(whole) // 2], lambda whole: b"\x80" * 50])
def test_a_damaged_cache_costs_a_compilation_only(tmp_path, damage):
    (tmp_path / "mine.py").write_text(CACHED)
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    said = []
    for _ in range(3):
        done = subprocess.run([sys.executable, tmp_path / "mine.py"], capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        said.append(done.stdout.split())
        if len(said) == 1:
            for path in (tmp_path / "cache").rglob("*.nb?"):
                path.write_bytes(damage(path.read_bytes()))
    assert said == [["8.0", "0"], ["8.0", "0"], ["8.0", "1"]]


def test_without_a_place_for_the_cache_there_is_one_notice(monkeypatch):
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])
    jit._notice.cache_clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        first, second = jit.njit(cache=True)(lambda x: 2 * x), jit.njit(cache=True)(lambda x: 3 * x)
    assert (first(4), second(4)) == (8, 12)
    assert ["NUMBA_CACHE_DIR" in str(w.message) for w in caught] == [True]


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("arguments", [("problems",), ("derive", "overlap-1d", "--weight", "ε")])
def test_every_terminal_shows_it(encoding, arguments):
    done = run(*arguments, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert done.returncode == (2 if "ε" in arguments else 0) and b"Traceback" not in done.stderr


def test_file_names_that_are_not_ascii(tmp_path):
    path = os.fsencode(tmp_path) + b"/caf\xc3\xa9.npz"
    raw = os.fsencode(tmp_path) + b"/caf\xe9.npz"
    for name in (path, raw):
        command = [sys.executable, "-m", "maskguide.cli", "sample", "overlap-1d", "--n", "5", "--out", name]
        done = subprocess.run(command, capture_output=True, env=os.environ | {"LC_ALL": "C"})
        assert done.returncode == 0 and Path(os.fsdecode(name)).exists(), done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [("problems",), ("problems", "--json"), ("solve", "overlap-1d")])
def test_a_full_device_is_one_sentence(arguments):
    with open("/dev/full", "w") as full:
        done = run(*arguments, stdout=full)
    said = done.stderr.decode().splitlines()
    assert done.returncode == 2 and len(said) == 3 and "cannot print: No space left" in said[0]


def test_memory_is_that_of_the_container(monkeypatch, tmp_path):
    for version, names in zip("21", _memory.LIMIT_FILES, strict=True):
        folder = tmp_path / version
        folder.mkdir()
        for name, size in zip(names, (300 * 2**20, 100 * 2**20), strict=True):
            (folder / name).write_text(f"{size}\n")
    monkeypatch.setattr(_memory, "CGROUPS", [tmp_path / "none"])
    free = _memory.available()
    assert free > 200 * 2**20
    for version in "12":
        monkeypatch.setattr(_memory, "CGROUPS", [tmp_path / version])
        assert _memory.available() == 200 * 2**20
    (tmp_path / "2" / "memory.max").write_text("max\n")
    monkeypatch.setattr(_memory, "CGROUPS", [tmp_path / "2"])
    assert _memory.available() >= free / 2

"""Files appear whole or not at all: on full disks, under kills, with the mode that the umask gives."""

import os
import resource
import shutil
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

import maskguide as mg
from maskguide import _files


@pytest.fixture(scope="module")
def drawn():
    return mg.sample(mg.GuidedProcess(mg.zoo.get("squares-2d"), mg.Guidance()), 2000)


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def no_room(size=1000):
    """Every file ends after some bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_the_mode_is_that_of_the_umask(drawn, tmp_path, mask):
    with umask(mask):
        drawn.save(tmp_path / "s.npz")
        drawn.save(tmp_path / "s.parquet")
        mg.export(mg.GuidedProcess(mg.zoo.get("overlap-1d"), mg.Guidance()), tmp_path / "m.prism")
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o666 & ~mask}


def test_an_existing_file_keeps_its_mode_and_a_link_its_target(tmp_path):
    path, link = tmp_path / "there", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o604)
    link.symlink_to(path)
    _files.write(link, "new")
    assert link.is_symlink() and path.read_text() == "new" and path.stat().st_mode & 0o777 == 0o604


def test_a_full_disk_is_one_error_and_nothing_is_left(drawn, tmp_path):
    process = mg.GuidedProcess(mg.zoo.get("squares-2d"), mg.Guidance())
    saves = {
        "s.npz": drawn.save, "s.parquet": drawn.save, "m.drn": lambda path: mg.export(process, path),
        "m.prism": lambda path: mg.export(process, path), "page": lambda path: _files.write(path, "x" * 5000),
    }  # fmt: skip
    (tmp_path / "s.npz").write_text("old")
    for name, save in saves.items():
        with no_room(), pytest.raises(mg.InputError, match=r"cannot write.*File too large") as error:
            save(tmp_path / name)
        assert len(str(error.value).splitlines()) == 3
        assert [path.name for path in tmp_path.iterdir()] == ["s.npz"], name
    assert (tmp_path / "s.npz").read_text() == "old"


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KiB with one block left, where mounting is allowed."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(place)]
    if not shutil.which("mount") or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        (place / "fill").write_bytes(bytes(56 * 1024))
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_is_full_in_earnest(drawn, tiny_disk):
    process = mg.GuidedProcess(mg.zoo.get("cubes-5d"), mg.Guidance())
    saves = {"s.npz": drawn.save, "s.parquet": drawn.save, "m.prism": lambda path: mg.export(process, path)}
    for name, save in saves.items():
        with pytest.raises(mg.InputError, match=r"cannot write.*No space left"):
            save(tiny_disk / name)
        assert [path.name for path in tiny_disk.iterdir()] == ["fill"], name


def test_errors_that_are_not_the_disks_pass_through(tmp_path):
    def lines():
        yield "half"
        raise KeyError("ours")

    with pytest.raises(KeyError, match="ours"):
        _files.write(tmp_path / "page", lines())
    assert not list(tmp_path.iterdir())


def test_what_a_dead_process_left_goes_and_what_a_live_one_writes_stays(tmp_path):
    (tmp_path / ".maskguide-0123456789abcdef.part").write_text("half")
    with _files.replacing(tmp_path / "first") as first:
        first.write(b"one")
        _files.write(tmp_path / "second", "two")
        assert len(list(tmp_path.glob(".maskguide-*"))) == 1
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"first": "one", "second": "two"}


def test_temporary_names_are_hidden_and_random(tmp_path):
    names = set()
    for _ in range(20):
        with _files.replacing(tmp_path / "s.npz"):
            (path,) = (p for p in tmp_path.iterdir() if p.name != "s.npz")
            names.add(path.name)
    assert len(names) == 20 and all(name.startswith(".") and not name.endswith(".npz") for name in names)


@pytest.mark.parametrize("name", ["a" * 300 + ".npz", "none/s.npz", "there/s.npz", "a\0b.npz"])
def test_places_that_cannot_be_written(drawn, tmp_path, name):
    (tmp_path / "there").write_text("a file")
    with pytest.raises(mg.InputError, match="cannot write"):
        drawn.save(tmp_path / name)
    with pytest.raises(mg.InputError, match="cannot write"):
        _files.write(tmp_path / name, "x")


KILLED = """
import os, random, signal, sys, time
import maskguide as mg
from pathlib import Path
path = Path(sys.argv[1]) / "s.npz"
drawn = mg.sample(mg.GuidedProcess(mg.zoo.get("squares-2d"), mg.Guidance()), 20000)
drawn.save(path)
random.seed(0)
for _ in range(20):
    child = os.fork()
    while not child:
        drawn.save(path)
    time.sleep(random.uniform(0.005, 0.06))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    print(sum(1 for p in path.parent.iterdir() if p.name.startswith(".")), flush=True)
drawn.save(path)
"""


def test_twenty_kills_leave_a_whole_file_and_no_scrap(tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    left = [int(word) for word in done.stdout.split()]
    assert len(left) == 20 and max(left) == 1  # a kill in the middle of a save leaves one, which the next save removes
    assert [path.name for path in tmp_path.iterdir()] == ["s.npz"]
    assert np.load(tmp_path / "s.npz")["tokens"].shape == (20000, 2)

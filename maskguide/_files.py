"""Files: written whole or not at all, under the mode that the umask gives; read with one error, whatever is wrong."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NoReturn

from . import _checks

try:
    import fcntl
except ImportError:  # no such locks on Windows: leftovers stay there
    fcntl = None

PREFIX, SUFFIX = ".maskguide-", ".part"  # hidden: a glob for results does not pick them up


@contextmanager
def replacing(path: str | Path) -> Iterator[IO[bytes]]:
    """A binary file to write to, which takes the name `path` when all is written.

    Until then `path` is as it was, and stays so if anything fails. Links are followed, the mode of an existing file is
    kept. What a killed save has left in the directory is removed.

    Raises
    ------
    InputError
        The file cannot be written: no room, no permission, no directory.
    """
    path = Path(path)
    target = _resolved(path)
    try:
        _remove_leftovers(target.parent)
        temporary, file = _hidden_file(target.parent)
        try:
            with file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if target.exists():
                    os.chmod(temporary, target.stat().st_mode & 0o777)
                os.replace(temporary, target)
        finally:
            temporary.unlink(missing_ok=True)
    except _checks.InputError:
        raise
    except Exception as error:
        cause = _system_error(error)
        if cause is None:
            raise
        _refuse(path, cause)


def write(path: str | Path, content: str | bytes | Iterable[str]) -> Path:
    """Write bytes, a text, or the pieces of one (UTF-8; what it cannot hold becomes "?"), whole or not at all."""
    pieces = [content] if isinstance(content, (str, bytes)) else content
    with replacing(path) as file:
        file.writelines(piece if isinstance(piece, bytes) else piece.encode("utf-8", "replace") for piece in pieces)
    return Path(path)


@contextmanager
def readable(path: Path, wanted: str) -> Iterator[None]:
    """Whatever a reader raises inside is an InputError that says `wanted`: libraries raise a dozen kinds."""
    try:
        yield
    except _checks.InputError:
        raise
    except MemoryError:
        _checks.fail(f"{path.name} does not fit in memory", f"{wanted}, of a size that fits", "use a smaller one")
    except Exception as error:
        reason = next(iter(str(error).splitlines()), "") or type(error).__name__
        _checks.fail(
            f"{path.name} cannot be read: {reason if len(reason) <= 100 else reason[:97] + '...'}",
            f"{wanted}, complete",
            "the file is damaged, or its extension is wrong: write it again",
        )


def directory(path: str | Path) -> Path:
    """Create a directory with its parents, unless it is there."""
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        _refuse(Path(path), error)
    return Path(path)


def check_file(path: Path, file_types: Iterable[str]) -> None:
    """Refuse, before any work is done, a file that could not be written in the end."""
    _checks.choice(path.suffix, file_types, "file type")
    try:
        writable = (path.is_file() or not path.exists()) and os.access(path.parent, os.W_OK)
    except (OSError, ValueError) as error:
        _refuse(path, error)
    if not writable:
        _checks.fail(
            f"cannot write {_checks.short(str(path))}",
            "a file in an existing, writable directory",
            "create the directory first",
        )


def check_directory(path: Path) -> None:
    """Refuse a directory that could not be created or written."""
    try:
        there = next(p for p in (path, *path.absolute().parents) if p.exists())
        writable = there.is_dir() and os.access(there, os.W_OK)
    except (OSError, ValueError) as error:
        _refuse(path, error)
    if not writable:
        _checks.fail(
            f"cannot write to {_checks.short(str(path))}",
            "a directory that can be created and written",
            "choose another one",
        )


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, ValueError, RuntimeError) as error:  # a null byte in the name, a circle of links
        _refuse(path, error)


def _hidden_file(directory: Path) -> tuple[Path, IO[bytes]]:
    """A new file that nobody can guess, locked for as long as it is open."""
    while True:
        path = directory / f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        file = open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o666), "w+b")
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(file.fileno()).st_nlink:  # not taken for a leftover before it was locked
            return path, file
        file.close()


def _remove_leftovers(directory: Path) -> None:
    """Remove hidden files that no process holds any more."""
    if fcntl is None:
        return
    for path in directory.glob(f"{PREFIX}*{SUFFIX}"):
        with suppress(OSError), open(path, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink()


def _system_error(error: BaseException | None) -> OSError | None:
    """The failure of the disk behind an exception: libraries report it as they close, as an error of their own."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _refuse(path: Path, error: Exception) -> NoReturn:
    reason = getattr(error, "strerror", None) or str(error)
    _checks.fail(
        f"cannot write {_checks.short(str(path))}: {reason}",
        "a place with room that can be written",
        "make room, or choose another place; nothing was written",
    )

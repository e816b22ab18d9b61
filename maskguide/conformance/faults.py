"""What a sampler does wrong besides its law: every fault has a name and one line of text."""

from __future__ import annotations

import traceback

KINDS = (
    "signature", "raises", "hangs", "crashes", "type", "shape", "dtype", "nan", "range", "mutates",
)  # fmt: skip
LONGEST = 400  # characters of a message, however long names and texts of exceptions are
OURS = ("faults.py", "guard.py", "child.py", "returned.py")  # files of this package that call the sampler


class Fault(Exception):
    """What a sampler did wrong besides its law.

    Attributes
    ----------
    kind : str
        One of KINDS.
    message : str
    """

    def __init__(self, kind: str, message: str):
        super().__init__(kind, message)
        self.kind, self.message = kind, shortened(printable(message))


def printable(text: object) -> str:
    """Text in one line without control characters and lone surrogates, which no file of ours can hold."""
    return "".join(c if c.isprintable() else " " for c in str(text))


def shortened(text: str) -> str:
    """Text that fits into a line of a report."""
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."


def described(error: BaseException) -> str:
    """Type, first line, and where: the innermost frame that is not ours."""
    try:
        lines = str(error).splitlines()
    except Exception:  # an exception whose own text fails
        lines = ["(its text cannot be shown)"]
    frames = foreign_frames(error)
    where = f" ({frames[-1].name}, line {frames[-1].lineno})" if frames else ""
    return printable(f"{type(error).__name__}: {lines[0][: LONGEST // 2] if lines else ''}{where}")


def foreign_frames(error: BaseException) -> list[traceback.FrameSummary]:
    """Where an exception was raised, without the frames of this package that called the sampler."""
    ours = tuple(f"conformance/{name}" for name in OURS)
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.replace("\\", "/").endswith(ours)]

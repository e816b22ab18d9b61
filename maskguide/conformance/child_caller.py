"""Calls of a sampler in a process of its own: whatever it does there, the suite goes on and has a verdict."""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any

from .. import _checks
from .denoiser import ServedDenoiser
from .faults import Fault, described
from .guard import Draw

IMPORT_SECONDS = 120.0  # for a sampler's module, and for what it imports when it is first called
ANSWER_SECONDS = 1.0  # in which a process says where it is, unless something holds the interpreter's lock
GLANCE = 0.2  # seconds between looks at whether the process still lives
PROGRAM = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from maskguide.conformance.child import main; "
    "main(int(sys.argv[2]), int(sys.argv[3]))"
)


class ChildCaller:
    """Calls of one sampler, in a process that is started once, and again whenever it has died or hangs.

    The problem behind a denoiser is sent across once; then a call sends numbers, and tokens come back. A call over the
    limit is a Fault, and ends the process, even where compiled code holds the interpreter's lock; so is a process that
    ends, in whatever way. Imports inside a call have IMPORT_SECONDS beyond the limit.

    Parameters
    ----------
    sampler : str
        "module:function".
    time_limit : float
        Seconds a call may take.
    backend : str
        "numpy" or "torch": whose dtypes the sampler is given.

    Raises
    ------
    InputError
        When it is first asked for anything: the module cannot be imported, or has no such function.
    """

    def __init__(self, sampler: str, time_limit: float, backend: str = "numpy"):
        self.sampler, self.time_limit, self.backend = sampler, time_limit, backend
        self.calls = self.draws = 0
        self._process: subprocess.Popen | None = None
        self._takes_start: bool | None = None
        self._start()

    @property
    def name(self) -> str:
        """What the sampler is called in the report."""
        return self.sampler

    @property
    def takes_start(self) -> bool:
        """Whether the sampler has an argument named `start`."""
        if self._takes_start is None:
            self._takes_start = self._greeting()
        return self._takes_start

    def __call__(self, denoiser: ServedDenoiser, n: int, **given: Any) -> Draw:
        """One call; a :class:`Fault` for anything but whole tokens (n, D) in 0..N."""
        self.calls += 1
        self._ready()
        self._send(denoiser, n, given)
        answer = self._answer()
        if not isinstance(answer, Draw):
            raise Fault(*answer)
        self.draws += n
        return answer

    def close(self) -> None:
        """End the process, with all that it has started."""
        if self._process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._calls.close()
        self._questions.close()
        self._process = None

    def _start(self) -> None:
        self._calls, calls = _pipe()
        self._questions, questions = _pipe()
        self._problems: list[Any] = []
        prints = _standard_error()
        numbers = [connection.fileno() for connection in (calls, questions)]
        command = [sys.executable, "-c", PROGRAM, json.dumps([str(entry) for entry in sys.path]), *map(str, numbers)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=prints, stderr=prints, pass_fds=numbers, start_new_session=True
        )
        calls.close()
        questions.close()
        with suppress(OSError):
            self._calls.send((self.sampler, self.backend, _checks.available_memory()))

    def _ready(self) -> None:
        """A living process that has imported the sampler."""
        if self._takes_start is None:
            self._takes_start = self._greeting()
        if self._process is None:
            self._start()
            try:
                self._greeting()
            except _checks.InputError as error:
                raise Fault("raises", f"a second import fails: {error}") from None

    def _greeting(self) -> bool:
        """Whether the sampler takes a start, when it is imported."""
        fix = "let the module define the function, and nothing else"
        rule = "a module that imports, and a function in it"
        if not self._wait(self._calls, IMPORT_SECONDS):
            self.close()
            _checks.fail(f"importing {self.sampler!r} took more than {IMPORT_SECONDS:g} s", rule, fix)
        try:
            imported, said = self._received()
        except (EOFError, OSError):
            ending = self._ending()
            _checks.fail(f"importing {self.sampler!r} ended its process ({ending})", rule, fix)
        if not imported:
            self.close()
            raise _checks.InputError(said)
        return said

    def _send(self, denoiser: ServedDenoiser, n: int, given: dict[str, Any]) -> None:
        """A problem itself the first time, then its number."""
        key, pickled = self._sent(denoiser._problem)
        how = {"carry_over": denoiser.carry_over, "dtype": denoiser.dtype}
        with suppress(OSError):  # the process has died: the answer says how
            self._calls.send((key, pickled, how, n, given))

    def _sent(self, problem: Any) -> tuple[int, bytes | None]:
        """The number of a problem, and its bytes unless the process has it already."""
        for key, known in enumerate(self._problems):
            if known is problem:
                return key, None
        try:
            pickled = pickle.dumps(problem, pickle.HIGHEST_PROTOCOL)
        except Exception as error:
            _checks.fail(f"the problem {_checks.short(problem)} cannot be sent to another process: {described(error)}",
                         "cases of a sampler given by name can be pickled", "run it with in_process=True")  # fmt: skip
        self._problems.append(problem)
        return len(self._problems) - 1, pickled

    def _answer(self) -> Any:
        if not self._wait(self._calls, self.time_limit):
            self._over_the_limit()
        try:
            return self._received()
        except (EOFError, OSError):
            raise Fault("crashes", f"a call ended the process it ran in ({self._ending()})") from None

    def _over_the_limit(self) -> None:
        """Time for imports; otherwise the end of the process, and where it was."""
        importing, where = self._asked()
        until = monotonic() + IMPORT_SECONDS
        while importing and monotonic() < until:
            if self._wait(self._calls, self.time_limit):
                return
            importing, where = self._asked()
        self.close()
        raise Fault("hangs", f"a call did not return within {self.time_limit:g} s{where}")

    def _asked(self) -> tuple[bool, str]:
        try:
            self._questions.send("where?")
            if self._questions.poll(ANSWER_SECONDS):
                importing, where = self._questions.recv()
                return importing, f" ({where})"
        except (EOFError, OSError):
            pass
        return False, " (in compiled code that holds the interpreter's lock)"

    def _received(self) -> Any:
        """The message that is there; the end of file where there is none, and the process has died."""
        if not self._calls.poll(0):
            raise EOFError
        return self._calls.recv()

    def _wait(self, connection: Connection, seconds: float) -> bool:
        """Whether there is something to read, be it the end, within some seconds."""
        until = monotonic() + seconds
        while (left := until - monotonic()) > 0:
            if connection.poll(min(left, GLANCE)):
                return True
            if self._process is None or self._process.poll() is not None:
                return True
        return False

    def _ending(self) -> str:
        """How the process ended, in words; it is ended if it has not."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=ANSWER_SECONDS)
        except subprocess.TimeoutExpired:
            code = None
        self.close()
        if code is None:
            return "it closed the connection to the suite"
        if code >= 0:
            return f"exit code {code}"
        with suppress(ValueError):
            return f"signal {signal.Signals(-code).name}"
        return f"signal {-code}"


def _standard_error() -> int:
    """Where the sampler's prints go."""
    return subprocess.DEVNULL if sys.__stderr__ is None else 2


def _pipe() -> tuple[Connection, Connection]:
    """Two ends of a connection, neither of them numbered as one of the standard streams, should these be closed."""
    low, ends = [], Pipe()
    while any(end.fileno() <= 2 for end in ends):
        low.append(ends)
        ends = Pipe()
    for end in (end for pair in low for end in pair):
        end.close()
    return ends

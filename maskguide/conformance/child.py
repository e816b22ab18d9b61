"""The process in which a sampler runs: it imports the sampler, answers calls, and says where a call stands.

Started by :mod:`.child_caller` with two connections: calls and their answers on one, questions about a call that takes
long on the other. What the sampler prints goes to the standard error.
"""

from __future__ import annotations

import ctypes
import faulthandler
import os
import pickle
import signal
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection
from threading import Thread, main_thread
from typing import Any

from .. import _checks
from .denoiser import ServedDenoiser
from .faults import Fault, described, printable
from .guard import dtype_of, perform, takes_start
from .outside import imported

PR_SET_PDEATHSIG = 1  # of Linux


def main(calls: int, questions: int) -> None:
    """Serve until the connection closes; `calls` and `questions` are file descriptors."""
    with Connection(calls) as connection:
        name, backend, memory = connection.recv()
        _confine(memory)
        Thread(target=_answer_questions, args=(Connection(questions),), daemon=True).start()
        with suppress(EOFError, OSError):  # the suite has ended
            _serve(connection, name, backend)
    os._exit(0)  # whatever threads the sampler has left


def _confine(memory: int) -> None:
    """If memory runs out it is this process that ends; no core dumps; it ends with its parent."""
    faulthandler.enable()
    with suppress(OSError):
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write("1000")
    with suppress(Exception):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    try:
        import resource
    except ImportError:
        return
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_DATA, (memory, resource.getrlimit(resource.RLIMIT_DATA)[1]))


def _serve(connection: Connection, name: str, backend: str) -> None:
    process, problems = os.getpid(), {}
    try:
        sampler = imported(name)
        dtype_of(backend, "float64")
        connection.send((True, takes_start(sampler)))
    except _checks.InputError as error:
        connection.send((False, str(error)))
        return
    while True:
        answer = _performed(connection.recv(), sampler, backend, problems)
        if os.getpid() != process:  # a copy of this process that the sampler has made
            os._exit(0)
        connection.send(answer)


def _performed(asked: tuple[int, bytes | None, Any, int, Any], sampler: Any, backend: str, problems: dict) -> Any:
    """The draw of a call, or kind and message of its fault."""
    key, problem, how, n, given = asked
    try:
        if problem is not None:
            problems[key] = pickle.loads(problem)
        return perform(sampler, ServedDenoiser(problems[key], **how), n, backend, **given)
    except Fault as fault:
        return fault.kind, fault.message
    except BaseException as error:
        return "raises", described(error)


def _answer_questions(connection: Connection) -> None:
    """Where the main thread is, in words, and whether it is importing something."""
    with suppress(EOFError, OSError):
        while True:
            connection.recv()
            frames = traceback.extract_stack(sys._current_frames().get(main_thread().ident or 0))
            importing = any("importlib" in frame.filename for frame in frames)
            connection.send((importing, printable(f"{frames[-1].name}, line {frames[-1].lineno}") if frames else ""))

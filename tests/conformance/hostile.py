"""Samplers that do worse than draw from a wrong law: they are run by name, in a process of their own."""

import ctypes
import os
import re
import sys
import threading
import time

from tests.conformance.samplers import ancestral


def exits(denoiser, n, **given):
    """Ends the interpreter, as if all were well."""
    os._exit(0)


def aborts(denoiser, n, **given):
    """Ends it by a signal."""
    os.abort()


def segfaults(denoiser, n, **given):
    """Reads at address 0."""
    ctypes.string_at(0)


def closes_everything(denoiser, n, **given):
    """Closes every file, the connection to the suite among them."""
    os.closerange(0, 256)
    return ancestral(denoiser, n, **given)


def holds_the_lock(denoiser, n, **given):
    """Is in compiled code that no other thread can interrupt."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def sleeps(denoiser, n, **given):
    """Never comes back, in Python."""
    while True:
        time.sleep(0.01)


def greedy(denoiser, n, **given):
    """Wants more memory than there is."""
    return bytearray(2**46)


def right_but_rude(denoiser, n, **given):
    """Prints, changes directory, leaves a thread and a copy of the process, loses the standard output; and is right."""
    print("a line on the standard output")
    if not threading.active_count() > 2:
        os.chdir("/")
        threading.Thread(target=time.sleep, args=(1000,)).start()
        if os.fork() == 0:
            time.sleep(1000)
        sys.stdout = None
    return ancestral(denoiser, n, **given)


def imports_slowly(denoiser, n, **given):
    """Imports something in the call that takes longer than a call may."""
    import tests.conformance.slow_import  # noqa: F401

    return ancestral(denoiser, n, **given)


def prompted(denoiser, n, *, weight, num_steps, seed, dtype, start=None):
    """Takes given tokens."""
    return ancestral(denoiser, n, weight=weight, num_steps=num_steps, seed=seed, dtype=dtype, start=start)


def relabels(denoiser, n, **given):
    """Changes the denoiser it was lent."""
    denoiser.label = 1 - denoiser.label
    return ancestral(denoiser, n, **given)

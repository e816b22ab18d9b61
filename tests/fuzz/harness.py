"""Malformed inputs, each with one of two ends: an answer, or one InputError; within 20 s."""

import signal
import traceback
from contextlib import contextmanager

import numpy as np

from maskguide import InputError

LONGEST = 20  # seconds
BITES = (b"\x00", b"\xff", b"\x80", b",", b"\n", b'"', b"'", b"(", b"PK", b"-1", b"9" * 20, b"\xe9", b"nan", b"1e999")


class Hang(BaseException):
    """Beyond what any reader catches."""


@contextmanager
def time_limit(seconds=LONGEST):
    def stop(*_):
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def end(call):
    """One word, answered or refused, or what went wrong."""
    try:
        with time_limit():
            call()
    except InputError as error:
        return "refused" if len(str(error).splitlines()) <= 4 else f"{len(str(error).splitlines())} lines"
    except Hang:
        return "hang"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {place.filename.rpartition('/')[2]}:{place.lineno}: {str(error)[:80]}"
    return "answered"


def tally(ends):
    """The ends and how often each occurred; an assertion that no other than the two right ones did."""
    counts = {}
    for number, found in enumerate(ends):
        counts.setdefault(found, []).append(number)
    wrong = {found: (len(seen), seen[:5]) for found, seen in counts.items() if found not in ("answered", "refused")}
    assert not wrong, wrong
    return {found: len(seen) for found, seen in counts.items()}


def mutant(content, seed):
    """The bytes with one to four faults: overwritten, flipped, taken out, put in, doubled or cut off."""
    rng, made = np.random.default_rng(seed), bytearray(content)
    for _ in range(rng.integers(1, 5)):
        place, length = int(rng.integers(len(made) + 1)), int(rng.integers(1, 1 + min(32, 1 + len(made) // 4)))
        kind = rng.integers(6)
        if kind == 0:
            bite = BITES[rng.integers(len(BITES))]
            made[place : place + len(bite)] = bite
        elif kind == 1 and place < len(made):
            made[place] ^= 1 << int(rng.integers(8))
        elif kind == 2:
            del made[place : place + length]
        elif kind == 3:
            made[place:place] = rng.bytes(length)
        elif kind == 4:
            made[place:place] = made[place : place + length]
        elif rng.random() < 0.3:
            del made[place:]
    return bytes(made)

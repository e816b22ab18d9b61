"""How long a run of the suite goes on: draws, calls, seconds, and the TV within which a law is certified."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

from .evidence import tv_width

WHOLE_SECONDS, LEAST_LARGE = 115.0, 20.0  # of the whole suite with a large vocabulary, and of that alone


@dataclass
class Budget:
    """How long a run goes on.

    Attributes
    ----------
    most : int
        Draws of a case after which its law stays undecided.
    tolerance : float or None
        TV within which a law is certified; None: DEFAULT_TOLERANCE, or what `most` draws allow on many states.
    single_calls : int
        Calls of batches of 1, and of 7.
    single_seconds : float
        Seconds that they may take at most.
    seed_draws : int
        Draws of a call in the checks of seeds.
    large_seconds : float or None
        Seconds that a large vocabulary may take at most; None: what is left of WHOLE_SECONDS, and LEAST_LARGE at
        least. A quick run has no large vocabulary.
    begun : float
        When the run began, by `perf_counter`.
    """

    most: int = 60_000
    tolerance: float | None = None
    single_calls: int = 300
    single_seconds: float = 4.0
    seed_draws: int = 256
    large_seconds: float | None = None
    begun: float = field(default_factory=perf_counter)

    DEFAULT_TOLERANCE = 0.03

    def quick(self) -> Budget:
        """A shorter run: fewer draws of each case, fewer small calls, and the wider tolerance that they allow."""
        return Budget(8_000, self.tolerance, 60, 1.0, 128)

    def seconds_for_large(self) -> float:
        """Seconds that a large vocabulary may take from now on."""
        if self.large_seconds is not None:
            return self.large_seconds
        return max(LEAST_LARGE, WHOLE_SECONDS - (perf_counter() - self.begun))

    def tolerance_of(self, law: np.ndarray, alpha: float) -> float:
        """The tolerance for a law, which a right sampler reaches within `most` draws.

        TV of the counts to a law on S states is about 0.4 sqrt(S/n), and seldom 2.5/sqrt(n) more.
        """
        if self.tolerance is not None:
            return self.tolerance
        spread = (0.4 * np.sqrt((law > 0).sum()) + 2.5) / np.sqrt(self.most)
        return max(self.DEFAULT_TOLERANCE, float(np.ceil(100 * (tv_width(self.most, alpha) + spread)) / 100))

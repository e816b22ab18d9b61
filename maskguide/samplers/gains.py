"""Methods whose step multiplies the chance to be masked still by 1 + g Z, or by its inverse if g > 0.

Products in the place of sums of logarithms: with g < 0 (euler, g = -a) a coordinate is revealed when the product of the
factors falls below e^-E, with g > 0 (posterior-product, g = a / (1 - a)) when it exceeds e^E.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

GAINS: dict[str, Callable[[np.ndarray], np.ndarray]] = {  # a -> g
    "euler": lambda a: -a,
    "posterior-product": lambda a: np.divide(a, 1 - a, out=np.full_like(a, np.inf), where=a < 1),
}

"""One step of every kind of method on a law over the lattice: law -> law, exactly.

States are taken in blocks by their revealed set; a method that treats masked coordinates independently is a
product over axes, and the block of its outcomes is one outer product.
"""

from . import corrector, fixed_count, remasking, two_stage  # noqa: F401  (they register their steps)
from .dispatch import one_step

__all__ = ["one_step"]

"""Every published or derived number the package claims, recomputed on demand: `maskguide verify`."""

from . import masked
from .register import GROUPS, Claim, group, verify

__all__ = ["GROUPS", "Claim", "group", "masked", "verify"]

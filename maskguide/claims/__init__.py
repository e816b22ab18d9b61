"""Every published or derived number the package claims, recomputed on demand: `maskguide verify`."""

from . import gaussian_angle, gaussian_distortions, gaussian_learned, gaussian_stages, masked
from .register import GROUPS, Claim, group, verify

__all__ = [
    "GROUPS",
    "Claim",
    "gaussian_angle",
    "gaussian_distortions",
    "gaussian_learned",
    "gaussian_stages",
    "group",
    "masked",
    "verify",
]

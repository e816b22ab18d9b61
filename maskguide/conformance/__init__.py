"""ANYONE'S sampler against exact laws: anytime-valid tests, claims, findings.

`check(sampler, claim)` holds a callable against the law it claims to draw from and says what is wrong with it:
docs/conformance-tests.md. Names load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

_HOME = {
    "check": "run",
    "planned": "run",
    "Claim": "claim",
    "Model": "denoiser",
    "own": "own",
    "adapt": "adapters",
    "Report": "findings",
    "Finding": "findings",
    "Check": "findings",
}
__all__ = ["Check", "Claim", "Finding", "Model", "Report", "adapt", "check", "own", "planned"]

if TYPE_CHECKING:
    from .adapters import adapt
    from .claim import Claim
    from .denoiser import Model
    from .findings import Check, Finding, Report
    from .own import own
    from .run import check, planned


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'maskguide.conformance' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

"""Anyone's sampler against exact laws: anytime-valid tests, claims, findings.

`check(sampler, claim)` holds a callable against the law it claims to draw from and says what is wrong with it:
docs/conformance-tests.md. Names load on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from .._deprecated import moved

_HOME = {
    "check": "run",
    "planned": "run",
    "Claim": "claim",
    "ServedDenoiser": "denoiser",
    "builtin_sampler": "builtin",
    "adapt": "adapters",
    "Report": "report",
    "Finding": "findings",
    "CheckResult": "findings",
    "SamplingCase": "bank",
    "Explanation": "explanations",
    "explanations": "explanations",
}
_OLD = {"Model": "ServedDenoiser", "own": "builtin_sampler", "Check": "CheckResult"}
__all__ = [
    "CheckResult",
    "Claim",
    "Explanation",
    "Finding",
    "Report",
    "SamplingCase",
    "ServedDenoiser",
    "adapt",
    "builtin_sampler",
    "check",
    "explanations",
    "planned",
]

if TYPE_CHECKING:
    from . import explanations
    from .adapters import adapt
    from .bank import SamplingCase
    from .builtin import builtin_sampler
    from .claim import Claim
    from .denoiser import ServedDenoiser
    from .explanations import Explanation
    from .findings import CheckResult, Finding
    from .report import Report
    from .run import check, planned


def __getattr__(name: str):
    if name in _OLD:
        return moved(__name__, name, _OLD[name])
    if name not in _HOME:
        raise AttributeError(f"module 'maskguide.conformance' has no attribute {name!r}")
    module = import_module(f".{_HOME[name]}", __name__)
    value = module if name == "explanations" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

"""Guidance in continuous diffusion: Gaussian mixtures with exact scores (docs/gaussian.md).

Mixture and process -> guided field (rule, weight over the noise level) -> samples. Names load on first use.
"""

import warnings
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING

_HOME = {
    "Mixture": "mixture",
    "Prediction": "mixture",
    "NoiseProcess": "noise",
    "flow_matching": "noise",
    "variance_preserving": "noise",
    "variance_preserving_cosine": "noise",
    "variance_exploding": "noise",
    "convert": "noise",
    "GaussianMethod": "methods",
    "GaussianRule": "rules",
    "rule": "rules",
    "combine": "rules",
    "power_law": "rules",
    "rectified": "rules",
    "moment_ratio": "rules",
    "regression_ratio": "rules",
    "sample": "samplers",
    "guided_field": "samplers",
    "Trajectories": "trajectories",
}
_MOVED = {  # until 0.2: modules that reproduce a paper, now in its folder
    "angle": "papers.angle.geometry",
    "angle_measures": "papers.angle.measures",
    "angle_twin": "papers.angle.discrete",
    "confidence": "papers.confidence.bounds",
    "distortions": "papers.distortions.schedules",
    "energy_distance": "papers.learned_weights.energy_distance",
    "learned": "papers.learned_weights.training",
    "learned_checkpoint": "papers.learned_weights.checkpoint",
    "learned_denoiser": "papers.learned_weights.denoiser",
    "learned_losses": "papers.learned_weights.losses",
    "learned_models": "papers.learned_weights.models",
    "learned_optimum": "papers.learned_weights.optimum",
    "learned_settings": "papers.learned_weights.settings",
    "one_dimension": "papers.distortions.one_dimension",
    "random_means": "papers.distortions.random_means",
    "splitting": "papers.confidence.splitting",
    "stage_flow": "papers.stages.flow",
    "stage_line": "papers.stages.line",
    "stage_twin": "papers.stages.discrete",
    "stages": "papers.stages.measures",
    "twins": "papers.distortions.discrete",
    "weight_network": "papers.learned_weights.weight_network",
}
_MODULES = {module.name for module in iter_modules(__path__)}
__all__ = [
    "GaussianMethod",
    "GaussianRule",
    "Mixture",
    "NoiseProcess",
    "Prediction",
    "Trajectories",
    "combine",
    "convert",
    "flow_matching",
    "guided_field",
    "moment_ratio",
    "power_law",
    "rectified",
    "regression_ratio",
    "rule",
    "sample",
    "variance_exploding",
    "variance_preserving",
    "variance_preserving_cosine",
]

if TYPE_CHECKING:
    from .methods import GaussianMethod
    from .mixture import Mixture, Prediction
    from .noise import (
        NoiseProcess,
        convert,
        flow_matching,
        variance_exploding,
        variance_preserving,
        variance_preserving_cosine,
    )
    from .rules import GaussianRule, combine, moment_ratio, power_law, rectified, regression_ratio, rule
    from .samplers import guided_field, sample
    from .trajectories import Trajectories


def __getattr__(name: str):
    if name in _MODULES:
        return import_module(f".{name}", __name__)
    if name in _MOVED:
        warnings.warn(f"maskguide.gaussian.{name} is maskguide.{_MOVED[name]} now", DeprecationWarning, stacklevel=2)
        return import_module(f"..{_MOVED[name]}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module 'maskguide.gaussian' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME, *_MODULES])

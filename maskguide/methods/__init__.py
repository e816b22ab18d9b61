"""HOW one steps: one file per method, its step written once for samplers and for stepped laws."""

from .gillespie import GILLESPIE
from .method import Method, Step, steps
from .tau_leaping import TAU_LEAPING

METHODS: dict[str, Method] = {method.name: method for method in (GILLESPIE, TAU_LEAPING)}

__all__ = ["METHODS", "Method", "Step", "steps"]

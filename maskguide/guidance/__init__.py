"""Guidance: rules that combine two conditionals, and weights over the masking level."""

from .guidance import Guidance
from .parameter import Parameter
from .rule import Rule
from .weight_schedule import Segment, WeightSchedule

__all__ = ["Guidance", "Parameter", "Rule", "Segment", "WeightSchedule"]

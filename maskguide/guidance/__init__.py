"""Guidance: rules that combine two conditionals, and weights over the masking level."""

from .guidance import Guidance
from .rule import Parameter, Rule
from .weight_schedule import Segment, WeightSchedule

__all__ = ["Guidance", "Parameter", "Rule", "Segment", "WeightSchedule"]

"""Guidance: rules that combine two conditionals, and weights over the masking level."""

from .guidance import Guidance, Segment, WeightSchedule

__all__ = ["Guidance", "Segment", "WeightSchedule"]

"""The report of the main job: one self-contained page."""

from .page import write

__all__ = ["write"]

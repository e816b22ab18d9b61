"""The command line: `maskguide`, one function a command."""

from .commands import main

__all__ = ["main"]

"""The command line: `maskguide`, one function a command."""

from .app import main

__all__ = ["main"]

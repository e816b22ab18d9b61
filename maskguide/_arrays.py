"""One formula for numpy arrays and torch tensors."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np


def namespace(array: Any) -> ModuleType:
    """torch for a tensor, numpy for anything else; torch is not imported unless a tensor is at hand."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(array, torch.Tensor) else np

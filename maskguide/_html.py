"""Reports as self-contained pages, from templates: they load nothing from anywhere and hold no script."""

from __future__ import annotations

import math
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import _checks, _files

try:
    from jinja2 import Environment, PackageLoader, StrictUndefined
except ImportError:
    _checks.fail("jinja2 is not installed", "reports need it", "pip install 'maskguide[report]'")


def page(template: str, **values: Any) -> str:
    """The text of a page; all `values` are escaped."""
    environment = Environment(
        loader=PackageLoader("maskguide"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"number": number, "data_uri": data_uri, "count": "{:,}".format}
    return environment.get_template(template).render(**values)


def write(directory: str | Path, render: Callable[[], str]) -> Path:
    """Write the page that `render` gives to `directory`/index.html, whole or not at all, and return its path.

    Raises
    ------
    InputError
        The directory cannot be created or written; found out before anything is rendered, where it can be.
    """
    directory = Path(directory)
    _files.check_directory(directory)
    text = render()
    return _files.write(_files.directory(directory) / "index.html", text)


def number(value: float) -> str:
    """Three digits; a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.3g}"


def data_uri(image: bytes) -> str:
    """An SVG or PNG image as a data: URI. As an <img> its ids cannot clash with those of another figure."""
    kind = "png" if image.startswith(b"\x89PNG") else "svg+xml"
    return f"data:image/{kind};base64,{b64encode(image).decode()}"

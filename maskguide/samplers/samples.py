"""Samples: tokens, and what helps to diagnose how they came about."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from .. import _checks

FILE_TYPES = (".npz", ".parquet")


@dataclass(frozen=True)
class Origin:
    """Everything needed to draw the same samples again."""

    problem: str
    rule: str
    parameters: dict[str, object]
    weight: str
    method: str
    engine: str
    device: str
    seed: int
    num_samples: int
    grid: tuple[float, ...] | None
    schedule: str | None
    versions: dict[str, str]


@dataclass(frozen=True)
class SampleInfo:
    """Diagnostics, not state.

    Attributes
    ----------
    completion_clock : (n,) float64
        Clock u at which the last mask disappeared. Stepped methods: the clock at the end of that step, inf
        when the step ends at data (t = 0) or masks are left.
    jumps : (n,) int32
        Gillespie: reveals. Stepped methods: steps in which at least one coordinate was revealed.
    largest_hazard_step : float or None
        Stepped methods: the largest Z_i(x) h met by a masked coordinate, over steps of finite length. Well below
        one means the grid is fine enough; None for exact methods.
    origin : Origin
    """

    completion_clock: np.ndarray
    jumps: np.ndarray
    largest_hazard_step: float | None
    origin: Origin


@dataclass(frozen=True)
class Samples:
    """Tokens (n, D) int32 in 0..N-1 (N = a mask that the grid left), and their :class:`SampleInfo`."""

    tokens: np.ndarray
    info: SampleInfo

    def __len__(self) -> int:
        return len(self.tokens)

    def counts(self, vocab_size: int) -> np.ndarray:
        """How often each lattice state occurs, (N+1,)*D int64."""
        shape = (vocab_size + 1,) * self.tokens.shape[1]
        flat = np.ravel_multi_index(tuple(self.tokens.T), shape)
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)

    def save(self, path: str | Path) -> None:
        """Write tokens and info to .npz or .parquet; the file appears whole or not at all."""
        path = Path(path)
        _checks.output_file(path, FILE_TYPES)
        suffix, writers = path.suffix, {".npz": self._write_npz, ".parquet": self._write_parquet}
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=suffix)
        os.close(handle)
        try:
            writers[suffix](temporary)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def _write_npz(self, path: str) -> None:
        np.savez_compressed(
            path,
            tokens=self.tokens,
            completion_clock=self.info.completion_clock,
            jumps=self.info.jumps,
            origin=json.dumps(asdict(self.info.origin)),
        )

    def _write_parquet(self, path: str) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            _checks.fail("pyarrow is not installed", "Parquet needs it", 'pip install "maskguide[data]", or write .npz')
        columns = {f"x{i}": self.tokens[:, i] for i in range(self.tokens.shape[1])}
        table = pa.table(columns | {"completion_clock": self.info.completion_clock, "jumps": self.info.jumps})
        origin = json.dumps(asdict(self.info.origin))
        pq.write_table(table.replace_schema_metadata({"origin": origin}), path)

"""Samples: tokens, and what helps to diagnose how they came about."""

from __future__ import annotations

import json
import platform
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any

import numpy as np

from .. import _checks, _files
from .._deprecated import moved, renamed

FILE_TYPES = (".npz", ".parquet")


def __getattr__(name: str) -> Any:
    if name == "Origin":
        return moved(__name__, "Origin", "Provenance")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@dataclass(frozen=True)
class Provenance:
    """Everything needed to draw the same samples again.

    Attributes
    ----------
    problem, rule, method : str
        Their names.
    parameters, method_parameters : dict of str to value
        Those of the rule and of the method.
    weight : str
        The weight w, or the weight schedule.
    engine, device : str
        Where the samples were drawn; the tokens do not depend on it.
    seed, num_samples : int
        As given to `sample`.
    grid : tuple of K+1 floats, or None
        Times of the steps; None for exact methods.
    schedule : str or None
        The noise schedule of the grid.
    start : list of D ints, "per sample", or None
        The common prompt; "per sample": those are the given entries of ``.tokens``; None: everything was masked.
    antithetic : bool
        As given to `sample`.
    versions : dict of str to str
        Of Python and the packages that drew.
    """

    problem: str
    rule: str
    parameters: dict[str, object]
    weight: str
    method: str
    method_parameters: dict[str, object]
    engine: str
    device: str
    seed: int
    num_samples: int
    grid: tuple[float, ...] | None
    schedule: str | None
    start: list[int] | str | None
    antithetic: bool
    versions: dict[str, str]

    @classmethod
    def of(
        cls, process, method, parameters, engine, device, seed, count, times, schedule, start, antithetic
    ) -> Provenance:
        """Collect the arguments of a call of `sample`."""
        return cls(
            problem=process.problem.name,
            rule=process.guidance.rule.name,
            parameters=process.guidance.parameters,
            weight=str(process.guidance.weight),
            method=method,
            method_parameters={key: _plain(value) for key, value in parameters.items()},
            engine=engine.name,
            device=device,
            seed=seed,
            num_samples=count,
            grid=None if times is None else tuple(float(t) for t in times),
            schedule=None if times is None else str(schedule),
            start=None if start is None else start.tolist() if start.ndim == 1 else "per sample",
            antithetic=bool(antithetic),
            versions={"python": platform.python_version()}
            | {p: _version(p) for p in ("maskguide", "numpy", engine.package)},
        )


@cache
def _version(package: str) -> str:
    """Looked up in the file system: most of a small call's time, otherwise."""
    from importlib.metadata import version

    return version(package)


def _plain(value: object) -> object:
    return value if isinstance(value, (int, float, str, bool, type(None))) else repr(value)


@dataclass(frozen=True)
class SampleInfo:
    """Diagnostics of a run: how long it took, how fine the steps were, and where the samples come from.

    Attributes
    ----------
    completion_clock : array, (n,) float64
        Clock u at which the last mask disappeared. Stepped methods: the clock at the end of that step, inf
        when the step ends at data (t = 0) or masks are left.
    jumps : array, (n,) int32
        Gillespie: reveals. Stepped methods: steps in which at least one coordinate was revealed.
    largest_hazard_step : float or None
        Stepped methods: the largest Z_i(x) h met by a masked coordinate, over steps of finite length. Well below
        one means the grid is fine enough; None for exact methods.
    provenance : Provenance
        Everything needed to draw the same samples again.
    clipped : int or None
        Euler: how many reveal probabilities above one were clipped, over all steps, coordinates and trajectories.
    reveal_clock : array, (n, D) float64, or None
        With ``record=True``: clock of each coordinate's (last) reveal; nan for given tokens and masks that are left.
    only_reveals : bool
        Whether a token stays once it is revealed: not so where the method remasks.
    """

    completion_clock: np.ndarray
    jumps: np.ndarray
    largest_hazard_step: float | None
    provenance: Provenance
    clipped: int | None = None
    reveal_clock: np.ndarray | None = None
    only_reveals: bool = True

    origin = renamed("origin", "provenance")


@dataclass(frozen=True)
class Samples:
    """Tokens drawn from the chain, with diagnostics, and with weights where the method gives any.

    Weighted samples ("smc") estimate expectations under the tilted law: mean(exp(log_weights) f(tokens)) estimates Z E
    f without bias (docs/smc.md).

    Attributes
    ----------
    tokens : array, (n, D) int32
        0..N-1; N is a mask that the grid left.
    info : SampleInfo
        Completion clocks, jumps, provenance.
    log_weights : array, (n,), or None
        Natural logarithms of the weights, whose mean weight is the estimate of Z; None for samples of equal weight.
    log_normalizer : float or None
        Logarithm of the estimate of Z.
    log_normalizers : array, (P,), or None
        Those of P independent populations: their spread is the error.
    """

    tokens: np.ndarray
    info: SampleInfo
    log_weights: np.ndarray | None = None
    log_normalizer: float | None = None
    log_normalizers: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def shares(self) -> np.ndarray:
        """Weights divided by their sum, shape (n,); 1/n each where there are none."""
        if self.log_weights is None:
            return np.full(len(self), 1 / len(self))
        weights = np.exp(self.log_weights - self.log_weights.max())
        return weights / weights.sum()

    def counts(self, vocab_size: int) -> np.ndarray:
        """How often each lattice state occurs.

        Parameters
        ----------
        vocab_size : int
            N, the number of tokens.

        Returns
        -------
        int64 array, shape (N+1,)*D
            Counts that sum to n; index N is a mask that is left.
        """
        shape = (vocab_size + 1,) * self.tokens.shape[1]
        flat = np.ravel_multi_index(tuple(self.tokens.T), shape)
        return np.bincount(flat, minlength=int(np.prod(shape))).reshape(shape)

    def save(self, path: str | Path) -> None:
        """Write tokens and info to a file, which appears whole or not at all.

        Parameters
        ----------
        path : str or Path
            Ends in .npz or .parquet; a Parquet file needs pyarrow.

        Raises
        ------
        InputError
            Another extension, a folder that does not exist or cannot be written to, a full disk, pyarrow not installed.
        """
        path = Path(path)
        _files.check_file(path, FILE_TYPES)
        with _files.replacing(path) as file:
            (self._write_npz if path.suffix == ".npz" else self._write_parquet)(file)

    def _write_npz(self, file: IO[bytes]) -> None:
        arrays: dict[str, Any] = {
            "tokens": self.tokens,
            "completion_clock": self.info.completion_clock,
            "jumps": self.info.jumps,
            "provenance": json.dumps(asdict(self.info.provenance)),
            "reveal_clock": self.info.reveal_clock,
            "log_weights": self.log_weights,
        }
        np.savez_compressed(file, **{name: value for name, value in arrays.items() if value is not None})

    def _write_parquet(self, file: IO[bytes]) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ImportError:
            _checks.fail("pyarrow is not installed", "Parquet needs it", 'pip install "maskguide[data]", or write .npz')
        columns = {f"x{i}": self.tokens[:, i] for i in range(self.tokens.shape[1])}
        columns |= {"completion_clock": self.info.completion_clock, "jumps": self.info.jumps}
        if self.info.reveal_clock is not None:
            columns |= {f"reveal_clock{i}": clock for i, clock in enumerate(self.info.reveal_clock.T)}
        if self.log_weights is not None:
            columns["log_weight"] = self.log_weights
        table = pa.table(columns)
        provenance = json.dumps(asdict(self.info.provenance))
        pq.write_table(table.replace_schema_metadata({"provenance": provenance}), file)

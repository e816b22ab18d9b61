"""Run benchmarks by name, all of them by default; print their tables and write benchmarks/results."""

from __future__ import annotations

import os
import sys
import time
from importlib import import_module

NAMES = {
    "terminal_law": "Terminal law: lattice sweep against sparse solvers",
    "sweep": "Terminal law: compiled sweep, its growth, threads and memory",
    "transient": "Law at a clock: contour against expm_multiply",
    "storm": "Law at a clock: one state by Storm against the whole law",
    "lumped": "Exchangeable problems: laws on counts",
    "gillespie": "Gillespie: against its random numbers alone, numpy and GillesPy2",
    "tau_leaping": "Tau-leaping: idle steps skipped, against vectorised numpy",
    "sampler_cost": "Samplers: cost by method, problem, weight and steps",
    "peers": "Samplers: public ones, called from clones, against ours",
    "smc": "Weighted particles: exact and measured variance by proposal",
    "grids": "Time grids: steps needed by weight",
    "conformance_power": "Conformance tests: samples needed, power against planted bias",
    "gaussian": "Gaussian mixtures: guided trajectories and exact scores",
    "exact_against_simulated": "Error for CPU time: exact law against simulation",
}
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main(arguments: list[str]) -> int:
    """0, or 2 for an unknown name."""
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"unknown benchmark {unknown[0]!r}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    for variable in ONE_THREAD:  # before numpy, numba and torch load
        os.environ[variable] = "1"
    for name in arguments or NAMES:
        _run(name)
    return 0


def _run(name: str) -> None:
    from .results import Result, write
    from .timing import load_average

    before, started = load_average(), time.perf_counter()
    outcome = import_module(f".{name}", __package__).run()
    if outcome is None:  # skipped; the benchmark has said why
        return
    rows, notes, rounds = outcome
    seconds = time.perf_counter() - started
    result = Result(name, NAMES[name], notes, rows, [before, load_average()], rounds, seconds)
    write(result)
    print(result.markdown(), flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

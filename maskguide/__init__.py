"""maskguide: exact laws of guided masked discrete diffusion, samplers, and the proof that they agree.

Problem -> guidance -> process -> exact law | samples -> comparison -> report. Conventions: weight w with
conditional^(1+w) unconditional^(-w); t = 0 data, t = 1 fully masked; mask = token N; clock u = -log m(t).
Names load on first use: importing the package loads none of numba, torch, sympy or matplotlib.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

_HOME = {
    "TableProblem": "problems.table",
    "ExchangeableProblem": "problems.exchangeable",
    "ProductMixture": "problems.mixture",
    "MarkovProblem": "problems.chain",
    "problem_from_samples": "problems.samples",
    "read_problem": "problems.data",
    "regions": "problems.regions",
    "zoo": "problems.zoo",
    "Guidance": "guidance",
    "WeightSchedule": "guidance",
    "Rule": "guidance",
    "Parameter": "guidance",
    "Method": "methods",
    "TimeGrid": "schedules",
    "GuidedProcess": "process",
    "NoiseSchedule": "schedules",
    "noise_schedule": "schedules",
    "uniform_grid": "schedules",
    "time_grid": "schedules",
    "guided_grid": "comparison.guided_grid",
    "rate_change": "comparison.guided_grid",
    "Law": "laws.law",
    "CountLaw": "laws.counts.count_law",
    "terminal_law": "laws.terminal",
    "transient_law": "laws.transient",
    "stepped_law": "laws.stepped",
    "tv_error": "laws.convergence",
    "measured_order": "laws.convergence",
    "steps_needed": "laws.convergence",
    "expected_clipping": "laws.stepped",
    "tv_decay": "laws.decay",
    "late_rate": "laws.decay",
    "decay_regime": "laws.regime",
    "tilted_law": "laws.tilted",
    "log_h": "laws.tilted",
    "completion_time": "laws.completion",
    "CompletionTime": "laws.completion",
    "expected_reveals": "laws.quantities",
    "class_posterior": "laws.quantities",
    "posterior_table": "laws.quantities",
    "mutual_information": "laws.quantities",
    "divergences": "laws.quantities",
    "class_law": "laws.quantities",
    "export": "laws.export",
    "symbolic": "laws.symbolic",
    "sample": "sampling",
    "Samples": "samplers.samples",
    "Paths": "comparison.paths",
    "couple": "comparison.ensembles",
    "tv_difference": "comparison.ensembles",
    "compare": "comparison.comparison",
    "compare_decay": "comparison.comparison",
    "conformance": "conformance",
    "gaussian": "gaussian",
    "InputError": "_checks",
    "AccuracyWarning": "_checks",
}
_MODULES = {"zoo", "symbolic", "conformance", "gaussian"}
__all__ = [
    "AccuracyWarning",
    "CompletionTime",
    "CountLaw",
    "ExchangeableProblem",
    "Guidance",
    "GuidedProcess",
    "InputError",
    "Law",
    "MarkovProblem",
    "Method",
    "NoiseSchedule",
    "Parameter",
    "Paths",
    "ProductMixture",
    "Rule",
    "Samples",
    "TableProblem",
    "TimeGrid",
    "WeightSchedule",
    "class_law",
    "class_posterior",
    "compare",
    "compare_decay",
    "completion_time",
    "conformance",
    "couple",
    "decay_regime",
    "divergences",
    "expected_clipping",
    "expected_reveals",
    "export",
    "gaussian",
    "guided_grid",
    "late_rate",
    "log_h",
    "measured_order",
    "mutual_information",
    "noise_schedule",
    "posterior_table",
    "problem_from_samples",
    "rate_change",
    "read_problem",
    "regions",
    "sample",
    "stepped_law",
    "steps_needed",
    "symbolic",
    "terminal_law",
    "tilted_law",
    "time_grid",
    "transient_law",
    "tv_decay",
    "tv_difference",
    "tv_error",
    "uniform_grid",
    "zoo",
]

if TYPE_CHECKING:
    from . import conformance, gaussian
    from ._checks import AccuracyWarning, InputError
    from .comparison.comparison import compare, compare_decay
    from .comparison.ensembles import couple, tv_difference
    from .comparison.guided_grid import guided_grid, rate_change
    from .comparison.paths import Paths
    from .guidance import Guidance, Parameter, Rule, WeightSchedule
    from .laws import symbolic
    from .laws.completion import CompletionTime, completion_time
    from .laws.convergence import measured_order, steps_needed, tv_error
    from .laws.counts.count_law import CountLaw
    from .laws.decay import late_rate, tv_decay
    from .laws.export import export
    from .laws.law import Law
    from .laws.quantities import (
        class_law,
        class_posterior,
        divergences,
        expected_reveals,
        mutual_information,
        posterior_table,
    )
    from .laws.regime import decay_regime
    from .laws.stepped import expected_clipping, stepped_law
    from .laws.terminal import terminal_law
    from .laws.tilted import log_h, tilted_law
    from .laws.transient import transient_law
    from .methods import Method
    from .problems import zoo
    from .problems.chain import MarkovProblem
    from .problems.data import read_problem
    from .problems.exchangeable import ExchangeableProblem
    from .problems.mixture import ProductMixture
    from .problems.regions import regions
    from .problems.samples import problem_from_samples
    from .problems.table import TableProblem
    from .process import GuidedProcess
    from .samplers.samples import Samples
    from .sampling import sample
    from .schedules import NoiseSchedule, TimeGrid, noise_schedule, time_grid, uniform_grid


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'maskguide' has no attribute {name!r}")
    module = import_module(f".{_HOME[name]}", __name__)
    value = module if name in _MODULES else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])

"""Gillespie's direct method: the chain itself, jump by jump with its holding times."""

from dataclasses import dataclass

from .method import Method


@dataclass(frozen=True, kw_only=True)
class Gillespie(Method):
    """Exact: the next reveal and when it happens, at the rates of the state."""

    is_exact: bool = True


GILLESPIE = Gillespie(
    name="gillespie",
    order=None,
    use="whenever D jumps a trajectory are affordable: no discretisation error, and the completion clock comes free",
    keeps="the chain's own law, every rule and w",
    source="Gillespie, J. Phys. Chem. 81 (1977): holding time Exp(R(x)), next reveal with probability r(x->y)/R(x)",
)

"""Gillespie's direct method: the chain itself, jump by jump with its holding times."""

from .method import Method

GILLESPIE = Method(
    name="gillespie",
    order=None,
    is_exact=True,
    reveal=None,
    use="whenever D jumps a trajectory are affordable: no discretisation error, and the completion clock comes free",
    keeps="the chain's own law, every rule and w",
    source="Gillespie, J. Phys. Chem. 81 (1977): holding time Exp(R(x)), next reveal with probability r(x->y)/R(x)",
)

"""Weighted particles for the tilted law and for rewards: sequential Monte Carlo over reveals, on any device.

All particles have k coordinates revealed after k reveals. With q the rates of the process, the proposal, and
r = p_z^(1+w) p^(-w) the rate product at the weight w of the goal, a reveal x -> y has probability q(x -> y) / R_q(x)
and multiplies the particle's weight by

    R_q(x) / |M(x)|  r(x -> y) / q(x -> y):

R(x) / |M(x)| for the rate product itself, the hazard Z_i(x) of the revealed coordinate for the normalised rule. Along a
path the r multiply to p_z^(1+w) p^(-w) and the 1 / |M| to one over the number of orders. So the weighted law is the
tilted law, and the mean weight estimates its normalising constant Z without bias, for any number of particles and
whenever they are resampled.

Source: docs/smc.md; docs/theory.md section 2.4.
"""

from .particles import Particles
from .run import completion_value, run

__all__ = ["Particles", "completion_value", "run"]

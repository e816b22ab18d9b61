"""Angle-domain guidance (ADG): turn predictions towards the class instead of extrapolating them.

Jin, Xiao, Liu, Gu, "Angle Domain Guidance: Latent Diffusion Requires Rotation Rather Than Extrapolation",
arXiv:2506.11039. Claimed: linear guidance makes samples longer, which shows as distorted colours; a rotation does not.

    geometry    norm of one guided prediction under both rules, and where it points away from its conditional: closed
    measures    norm growth along trajectories; norms, variance, atypical share at their ends; classes on a sphere
    discrete    the same classes on a grid of tokens under the masked rules product, normalized, spherical, capped
    study       all of it over omega; figures, numbers (recomputed by `maskguide verify`)

The rule itself is `maskguide.gaussian.rules`, "angle". Reproduced: growth up to sqrt 2 and no further, norms that stay
near the class's, at the price of 45 % of its variance. Left open: "anomalous diffusion". Read docs/gaussian-angle.md
and notebooks/05_angle.ipynb; run `maskguide gaussian angle`.
"""

from .. import Paper, Study

PAPER = Paper(
    "angle",
    authors="Jin, Xiao, Liu, Gu",
    title="Angle Domain Guidance: Latent Diffusion Requires Rotation Rather Than Extrapolation",
    arxiv="2506.11039",
    page="docs/gaussian-angle.md",
    studies=(Study("angle", "angle.study", "angle.figures"),),
)

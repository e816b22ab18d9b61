"""Distortions: how much of a class's variance guidance takes, alone and among many competing classes.

Ventura, Achilli, Ambrogioni, Lucibello, "Emergence of Distortions in High-Dimensional Guided Diffusion Models",
arXiv:2602.00716. Claimed: guidance shrinks variance unless the weight is negative for a while; among K = e^{alpha d}
classes the loss stays as d grows, among fewer it goes away.

    schedules      which w(s) keep the variance, and the best negative window; moments by a sampler's own steps
    map            the schedules w0 + Omega s: a study of its own, drawn by map_figure
    one_dimension  how far a flow in one dimension pushes a sample out
    random_means   many classes with random means: predictions for d = inf, and simulation
    discrete       many random product classes on bits, masked
    study          all four parts; figures, numbers (recomputed by `maskguide verify`)

Reproduced: both claims, in both worlds. Not reproduced: the critical alpha of typical points as the place where guided
classes are fully distorted. Run `maskguide gaussian distortions` and `maskguide gaussian map`; read
docs/gaussian-distortions.md and notebooks/04_distortions.ipynb.
"""

from .. import Paper, Study

PAPER = Paper(
    "distortions",
    authors="Ventura, Achilli, Ambrogioni, Lucibello",
    title="Emergence of Distortions in High-Dimensional Guided Diffusion Models",
    arxiv="2602.00716",
    page="docs/gaussian-distortions.md",
    studies=(
        Study("distortions", "distortions.study", "distortions.figures"),
        Study("map", "distortions.map", "distortions.map_figure"),
    ),
)

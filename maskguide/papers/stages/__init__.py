"""Three stages of guidance towards a class of several modes: direction shift, mode separation, concentration.

Jin, Shi, Gu, "Stage-wise Dynamics of Classifier-Free Guidance in Diffusion Models", arXiv:2509.22007. Claimed: early
guidance starves weak modes, late guidance narrows what is within a mode, and a weight that rises and falls is better.

    line, flow   modes along one axis without sampling: borders of basins, the region no guidance leaves, final masses
    measures     the stages on trajectories that were kept
    discrete     two modes on bits, masked, by exact laws
    study        schedules of one mean in both worlds; results (data and text), figures
    numbers      recomputed by `maskguide verify`

Reproduced: the three stages and what early and late guidance cost. Not reproduced: an advantage of the triangle at the
same mean; in the masked world it has one. Run `maskguide gaussian stages`; read docs/gaussian-stages.md and
notebooks/03_stages.ipynb.
"""

from .. import Paper, Study

PAPER = Paper(
    "stages",
    authors="Jin, Shi, Gu",
    title="Stage-wise Dynamics of Classifier-Free Guidance in Diffusion Models",
    arxiv="2509.22007",
    page="docs/gaussian-stages.md",
    studies=(Study("stages", "stages.study", "stages.figures"),),
)

"""Guidance weights learned by a small network, omega(c, s, t), instead of chosen.

Galashov et al., "Learn to Guide Your Diffusion Model", arXiv:2510.00815. Proposed: the weight
under which one guided step from t to s agrees best with points noised to s; claimed: samples nearer to their class.

    training, settings, losses, weight_network   Adam on the energy distance or the square loss; checkpoint
    models, denoiser                             what is guided: exact, deliberately wrong, under-trained predictions
    optimum, energy_distance                     the square loss's minimum; a distance to the exact law with its error
    study, results                               learned weights against the best constants; figures, numbers

Reproduced: no weight for exact scores, positive ones where the label was not learned. Not reproduced: a lower loss does
not always mean a closer law. Needs torch; no discrete counterpart yet. Run `maskguide gaussian learn`, and `maskguide
verify` for the numbers; read docs/gaussian-learned.md and notebooks/06_learned_weights.ipynb.
"""

from .. import Paper, Study

PAPER = Paper(
    "learned_weights",
    authors="Galashov et al.",
    title="Learn to Guide Your Diffusion Model",
    arxiv="2510.00815",
    page="docs/gaussian-learned.md",
    studies=(Study("learn", "learned_weights.study", "learned_weights.figures"),),
)

"""What guidance does to masked diffusion in one and two dimensions, solved exactly.

He, Rojas, Tao, "What Exactly Does Guidance Do in Masked Discrete Diffusion Models", arXiv:2506.10971. The paper's
subject is this package's: what it derives is not in this folder but where a theorist looks for it.

    the guided chain and its final law       process, laws.terminal; docs/theory.md, sections 2 and 2.1
    one dimension: the tilted law            laws.tilted; docs/theory.md, section 2.1
    regions that guidance feeds or drains    problems.regions, Law.region_weights
    TV along the way, its decay in w         laws.decay, laws.regime; docs/theory.md, section 2.3
    5D cubes                                 zoo problem "cubes-5d"; docs/theory.md, section 4

Here: numbers (recomputed by `maskguide verify`) and figures (the law by weight, TV by theory and simulation, the four
regimes of decay). Reproduced: the final laws, the draining of shared regions, TV = m^Z in one dimension, and the table
of 5D cubes up to the errors of its learned score. Corrected: TV falls double-exponentially in w in two dimensions only
while no reachable context is blind. Run `maskguide validate squares-2d cubes-5d --report report`; read docs/theory.md
and notebooks/01_one_and_two_dimensions.ipynb.
"""

from .. import Paper

PAPER = Paper(
    "he_rojas_tao",
    authors="He, Rojas, Tao",
    title="What Exactly Does Guidance Do in Masked Discrete Diffusion Models",
    arxiv="2506.10971",
    page="docs/theory.md",
)

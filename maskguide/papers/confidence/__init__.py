"""What guidance buys: more confidence of the classifier, less entropy; and steps that are too long.

Wu, Chen, Li, Wang, Wei, "Theoretical Insights for Diffusion Guidance: A Case Study for Gaussian Mixture Models",
arXiv:2403.01639, claim that guidance raises p(c|x) and lowers the entropy of samples, and show a strong guidance that
splits a class; Li, Jiao, "Provable Efficiency of Guidance in Diffusion Models for General Data Distribution",
arXiv:2505.01382, that it lowers E[1/p(c|x)] for any classes.

    bounds      E[p(c|x)], E[1/p(c|x)] and the entropy under ODE and SDE: without draws where the classes allow it
    splitting   three classes in a row, DDIM steps, and the weight up to which no sample is thrown out of the middle
    numbers     recomputed by `maskguide verify`

Reproduced: all three quantities move as claimed. Neither confirmed nor refuted: the threshold of the splitting, whose
constants were not at hand; here it is an effect of finite steps, not of the flow. There is no command of its own and no
discrete counterpart; read docs/gaussian-confidence.md and the end of notebooks/04_distortions.ipynb.
"""

from .. import Paper

PAPER = Paper(
    "confidence",
    authors="Wu, Chen, Li, Wang, Wei",
    title="Theoretical Insights for Diffusion Guidance: A Case Study for Gaussian Mixture Models",
    arxiv="2403.01639",
    page="docs/gaussian-confidence.md",
)

"""He, Rojas and Tao, arXiv:2506.10971: what guidance does to masked diffusion in one and two dimensions."""

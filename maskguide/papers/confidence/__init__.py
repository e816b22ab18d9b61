"""What guidance buys, arXiv:2403.01639 and arXiv:2505.01382: confidence up, entropy down, and what it may split."""

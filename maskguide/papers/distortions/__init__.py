"""Distortions of guidance, arXiv:2602.00716: what it takes of a class's variance, alone and among many classes."""

"""Angle-domain guidance, arXiv:2506.11039: norm growth, the anomalous region, colour distortion."""

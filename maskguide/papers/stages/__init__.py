"""Stages of guided trajectories, arXiv:2509.22007: direction shift, mode separation, concentration."""

"""Slow, plain computations that fast ones are held to."""

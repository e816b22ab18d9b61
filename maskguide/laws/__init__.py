"""Exact laws, no randomness: terminal, at a clock, of stepped samplers, their decay, and in symbols."""

"""ANYONE'S sampler against exact laws: anytime-valid tests, claims, findings."""

"""Recipes for strangers: each file adds one thing to maskguide from outside, and uses it (docs/extending.md)."""

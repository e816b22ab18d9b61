"""HOW one steps: one file per method, its step as a formula."""

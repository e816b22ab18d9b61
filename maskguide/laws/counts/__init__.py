"""The engine behind the laws of exchangeable problems: the chain on revealed counts."""

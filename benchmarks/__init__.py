"""Speed, measured side by side in one run: ``python -m benchmarks [NAME ...]``; results in benchmarks/results."""

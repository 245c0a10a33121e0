"""Benchmarks: what the project claims, measured side by side in one run. They print ratios and never fail on a time."""

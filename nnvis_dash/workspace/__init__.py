"""Datasets, models and artifacts on disk, content-addressed; and the checks on what comes in."""

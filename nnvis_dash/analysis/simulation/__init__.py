"""Simulation: how every class holds up when all images of a dataset are turned, blurred, corrupted or attacked.

`change` says what is done, `answers` asks classifiers, a `Sweep` holds what they say image by image, and the rest reads
it: `curves`, breaking points, scores. `order` takes the samples so that a coarse result comes first.
"""

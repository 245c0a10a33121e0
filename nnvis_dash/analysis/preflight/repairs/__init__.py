"""Turns the description of an older model into one that today's Keras builds, with the same outputs.

The repairs run after a description passed the first check and before anything is written or loaded; what they made is
held against the list once more, in its strict form. Each is a small function that changes a `Draft` in place and
returns words for the model's card, or nothing where it had nothing to do.

Invariant: a repair never changes what a model computes. Where the same can't be computed, the model is refused with
the reason; where something had to be guessed, the words say so.
"""

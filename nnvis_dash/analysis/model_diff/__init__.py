"""Model diff: what changed from one classifier to the next on the same samples.

`transitions` says which samples were fixed and which were broken, and whether that is more than chance; `confusion`
counts labels and predictions against each other; `calibration` and `temperature` hold confidences against what is
right; `similarity` compares layers, and `alignment` lays one map of the samples over the other.

Invariant: arrays in, arrays out; nothing here knows a model, a dataset or a page.
"""

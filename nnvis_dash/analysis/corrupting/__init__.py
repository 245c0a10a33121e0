"""Common corruptions of photographs: what the nineteen of ImageNet-C share.

Each corruption is a transformation of its own file in `nnvis_dash.analysis.transformations`; here are the severities
that it goes by, the random fields that it draws and the filters that it is made of.

Invariants: the same random field lies over every image of a batch, and over every severity of one seed, so that an
image's damage neither depends on its neighbours nor jumps as the severity grows.
"""

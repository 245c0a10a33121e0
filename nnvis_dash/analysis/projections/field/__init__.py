"""Field-based t-SNE: repulsion read off a grid, attraction over the neighbour list, on as many threads as are free.

The loops are numba's and the transforms scipy's. TensorFlow was tried: see docs/projection.md. Nothing here is
imported before a map is made.
"""

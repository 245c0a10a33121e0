"""The engine: Dask tasks that run the analyses, the table of their rows, and the client that the web tier holds.

Invariant: nothing here imports TensorFlow in the process of a client; only the tasks, in a worker, do.
"""

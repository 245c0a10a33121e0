"""Contracts: limits that a classifier's answers have to keep, written in a file, held against simulations.

`reading` makes a `Contract` of a file, `judging` holds sweeps against it, `report` says what came out (text, JSON,
JUnit), and `drafting` writes a contract from what a classifier does now.
"""

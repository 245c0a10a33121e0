"""Fuzzing of everything that reads what people give: small good inputs, changed at random from a seed.

    mutations   what is changed: bytes, text, JSON
    samples     the small good inputs
    datasets    a target for each reader of images and labels
    models      a target for each kind of model file
    judge       what must hold of every answer
    checking    how those are given to child processes
    child       the process in which model files are read, many after another
    session     examples one after another, what was found, and the files that did it

A few examples of each target run with the tests. `python -m tests.fuzz` runs longer, and keeps what it finds.
"""

"""Labels and class names in files that are too long, too short, of the wrong kind or no text at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError, NotFound
from nnvis_dash.workspace import labels as labels_module
from nnvis_dash.workspace.labels import MAX_CLASSES, read_class_names, read_labels, resolve
from nnvis_dash.workspace.store import Workspace
from tests.security.crafted_arrays import gzip_of_zeros, idx_header, npy, saved
from tests.security.rows import Row, adding, good_dataset, refused, table, workspace
from tests.unit.workspace.files import encoded, pixels, write_tree

__all__ = ["workspace"]

WHOLE = "The labels are not whole numbers"
NO_TEXT, TABLE = "is not UTF-8 text", "is not a table of text"


def labels(value: Any) -> Callable[[Path], Any]:
    """Return a maker of four good images with these labels: a value, or a file's name and bytes."""

    def make(folder: Path) -> Any:
        given = value
        if isinstance(value, tuple):
            given = folder / value[0]
            given.write_bytes(value[1])
        return good_dataset(), {"labels": given}

    return make


def names(value: Any, numbers: Any = None) -> Callable[[Path], Any]:
    """Return a maker of four good images with these class names: a value, or a file's name and bytes."""

    def make(folder: Path) -> Any:
        given = value
        if isinstance(value, tuple):
            given = folder / value[0]
            given.write_bytes(value[1])
        return good_dataset(), {"class_names": given, "labels": [0, 1, 1, 0] if numbers is None else numbers}

    return make


def files(name: str, content: bytes) -> Callable[[Path], Path]:
    """Return a maker of a folder of two images, with a file beside them."""
    images = {f"{letter}.png": encoded(pixels(0, 4, 4)) for letter in "ab"}
    return lambda folder: write_tree(folder / "pets", {**images, name: content})


VALUES = [
    Row("too few", labels([0, 1, 0]), "There are 3 labels for 4 images"),
    Row("too many", labels([0] * 5), "There are 5 labels for 4 images"),
    Row("none at all", labels([]), "There are 0 labels for 4 images"),
    Row("a label below -1", labels([0, 1, -2, 0]), "The label -2 is not a class"),
    Row("the lowest number", labels(np.full(4, np.iinfo(np.int64).min)), "The label -9.22e+18 is not a class"),
    Row("a label of MAX_CLASSES", labels([0, 1, 0, MAX_CLASSES]), f"The label {MAX_CLASSES:,} is too large"),
    Row("fractions", labels([0.5, 1, 0, 1]), WHOLE),
    Row("NaN", labels([np.nan, 1, 0, 1]), WHOLE),
    Row("infinite", labels([np.inf, 1, 0, 1]), WHOLE),
    Row("minus infinite", labels([-np.inf, 1, 0, 1]), WHOLE),
    Row("complex", labels(np.ones(4, complex)), WHOLE),
    Row("dates", labels(np.zeros(4, "datetime64[s]")), WHOLE),
    Row("1e300", labels([1e300, 0, 0, 0]), "The label 1e+300 is too large"),
    Row("one-hot of twos", labels([[0, 2]] * 4), "the shape (4, 2) and are not one-hot"),
    Row("one-hot of two at once", labels([[1, 1]] * 4), "the shape (4, 2) and are not one-hot"),
    Row("one-hot of none", labels([[0, 0]] * 4), "the shape (4, 2) and are not one-hot"),
    Row("one-hot of NaN", labels([[np.nan, 1]] * 4), "the shape (4, 2) and are not one-hot"),
    Row("three axes", labels(np.zeros((4, 1, 1))), "The labels have the shape (4, 1, 1)"),
    Row("one number", labels(np.int64(3)), "The labels have the shape ()"),
    Row("text of two axes", labels([["a", "b"]] * 4), "The labels have the shape (4, 2)"),
    Row("lists of different lengths", labels([[0], [1, 2], [0], [1]]), "lists of different lengths"),
    Row("a text of 1,001 letters", labels(["a" * 1001, "b", "b", "a"]), "has 1,001 characters"),
    Row("more classes than are read", labels([0, 1, 2, 2**31]), "The label 2,147,483,648 is too large"),
]

LABEL_FILES = [
    Row("no such file", labels("labels.csv"), "There is no file 'labels.csv' with labels", NotFound),
    Row("a path of 5,000 letters", labels("a" * 5000), "There is no file 'aaaa", NotFound),
    Row("a zero in the path", labels("a\x00.csv"), "There is no file", NotFound),
    Row("a folder", labels("/"), "There is no file '' with labels", NotFound),
    Row("a file of another kind", labels(("y.xlsx", b"PK\x03\x04")), "Labels can't be read from 'y.xlsx'"),
    Row("an empty file", labels(("y.csv", b"")), "The file 'y.csv' has no labels"),
    Row("a file of empty lines", labels(("y.txt", b"\n\n\n")), "The file 'y.txt' has no labels"),
    Row("UTF-16", labels(("y.csv", "a\nb\na\nb\n".encode("utf-16"))), NO_TEXT),
    Row("Latin-1", labels(("y.csv", "café\nb\nb\nb\n".encode("latin1"))), NO_TEXT),
    Row("binary", labels(("y.csv", b"\x80\x04\x95\x00\xff" * 9)), NO_TEXT),
    Row("zeros", labels(("y.csv", bytes(100))), "There are 1 labels for 4 images"),
    Row("a field of 200,000 letters", labels(("y.csv", b"a" * 200_000)), TABLE),
    Row("a quote that never ends", labels(("y.csv", b'"a\n' + b"b\n" * 100_000)), TABLE),
    Row("too few lines", labels(("y.txt", b"a\nb\na\n")), "There are 3 labels for 4 images"),
    Row("a header and too few", labels(("y.csv", b"label\na\nb\na\n")), "There are 3 labels for 4 images"),
    Row(
        "names of files for images without", labels(("y.csv", b"a.png,cat\nb.png,dog\n")), "these images have no names"
    ),
    Row("rows of unequal length", labels(("y.csv", b"a.png,cat\nb.png\n")), "Row 2 of 'y.csv' has one column"),
    Row("npy of objects", labels(("y.npy", npy("|O", (4,), bytes(32)))), "holds Python objects, which could run code"),
    Row("npy that lies", labels(("y.npy", npy("<i8", (2**40,)))), "promises 8,796,093,022,208 bytes"),
    Row("npy of a huge length", labels(("y.npy", npy("<i8", (2**70, 0)))), "has the shape"),
    Row("npy of no size", labels(("y.npy", npy("|S0", (4,)))), "has the type"),
    Row("npy of broken text", labels(("y.npy", npy("<U1", (4,), b"\xff" * 16))), "is damaged or incomplete"),
    Row("npy of big-endian broken text", labels(("y.npy", npy(">U1", (4,), b"\x00\x11" * 8))), "is damaged"),
    Row("npy of NaN", labels(("y.npy", saved(np.full(4, np.nan)))), WHOLE),
    Row("npy that is none", labels(("y.npy", b"0\n1\n")), "is not a NumPy array, or is damaged"),
    Row("idx of 2^32 - 1 labels", labels(("y-idx1", idx_header(2**32 - 1))), "promises 4,294,967,295 bytes"),
    Row(
        "idx of 200 million labels",
        labels(("y-idx1.gz", gzip_of_zeros(idx_header(200_000_000), 1 << 20) + bytes(200_000))),
        "has 200,000,000 labels",
    ),
    Row("idx of images", labels(("y-idx1", idx_header(4, 1, 1) + bytes(4))), "has 3 dimensions"),
    Row("gzip of something", labels(("y.gz", gzip_of_zeros(b"hello", 0))), "doesn't begin as an idx file does"),
    Row("gzip that is none", labels(("y.gz", b"\x1f\x8b\x08" + b"\xff" * 30)), "is damaged or incomplete"),
    Row(
        "beside: unknown image",
        files("labels.csv", b"a.png,x\nb.png,y\nc.png,x\n"),
        "a label for 'c.png', which is not",
    ),
    Row("beside: missing image", files("labels.csv", b"a.png,x\n"), "has no label for 1 of 2 images, such as 'b.png'"),
    Row("beside: two labels", files("labels.csv", b"a.png,x\nb.png,y\na.png,z\n"), "gives 'a.png' two labels, 'x' and"),
    Row(
        "beside: a path outside", files("labels.csv", b"a.png,x\nb.png,y\n../../../etc/evil,x\n"), "'../../../etc/evil'"
    ),
    Row("beside: markup", files("labels.csv", b"a.png,x\nb.png,y\n<script>\x1b[2J,x\n"), "for '<script> [2J', which"),
    Row(
        "beside: a formula",
        files("labels.csv", b"a.png,x\nb.png,y\n=cmd|'/C calc'!A0,x\n"),
        "which is not among the im",
    ),
    Row("beside: binary", files("labels.csv", b"\xff\xd8\xff\xe0"), NO_TEXT),
    Row("beside: npy of objects", files("labels.npy", npy("|O", (2,), bytes(16))), "could run code"),
]

NAMES = [
    Row("names: too few", names(["cat"]), "The label 1 is not a class: there are 1 class names"),
    Row("names: text labels of others", names(["a", "b"], ["a", "b", "c", "a"]), "The label 'c' is not a class"),
    Row("names: an empty one", names(["cat", ""]), "The name of class 1 is empty"),
    Row("names: of control characters", names(["cat", "\x00\x1b"]), "The name of class 1 is empty"),
    Row("names: a comma too many", names("cat,,dog"), "The name of class 1 is empty"),
    Row("names: 1,001 letters", names(["a", "b" * 1001]), "The name of class 1 has 1,001 characters"),
    Row("names: too many", names([str(n) for n in range(MAX_CLASSES + 1)]), "There are more than 100,000 class names"),
    Row("names: no such file", names("classes.txt"), "There is no file 'classes.txt' with class names", NotFound),
    Row("names: no such path", names("no/where"), "There is no file 'where' with class names", NotFound),
    Row("names: long path", names(f"{'a' * 5000}.txt"), "There is no file 'aaa", NotFound),
    Row("names: an empty csv", names(("n.csv", b"")), "The file 'n.csv' has no class names"),
    Row("names: binary", names(("n.txt", b"\x80\x04\xff")), NO_TEXT),
    Row("names: UTF-16", names(("n.json", '["a", "b"]'.encode("utf-16"))), NO_TEXT),
    Row("names: no JSON", names(("n.json", b"{")), "The file 'n.json' is not JSON"),
    Row("names: JSON too deep", names(("n.json", b"[" * 100_000)), "The file 'n.json' is not JSON"),
    Row("names: a number of 10,000 digits", names(("n.json", b"[" + b"9" * 10_000 + b"]")), "is not JSON"),
    Row("names: numbers in JSON", names(("n.json", b"[1, 2]")), "has no list of names"),
    Row("names: a text in JSON", names(("n.json", b'"cat"')), "has no list of names"),
    Row("names: NaN in JSON", names(("n.json", b"[NaN]")), "has no list of names"),
    Row("names: a gap in JSON", names(("n.json", b'{"0": "a", "2": "b"}')), "are not 0, 1, 2, ..."),
    Row("names: lists in JSON", names(("n.json", b'{"0": [], "1": []}')), "has no list of names"),
    Row("names: surrogates in JSON", names(("n.json", json.dumps(["\x00", "a"]).encode())), "name of class 0 is empty"),
    Row("names: several columns", names(("n.csv", b"a,b,c\nd,e,f\n")), "has several columns, none headed 'name'"),
    Row("names: a number twice", names(("n.csv", b"index,name\n0,a\n0,b\n")), "are not 0, 1, 2, ..."),
    Row("names: numbers that are none", names(("n.csv", b"index,name\nx,a\ny,b\n")), "are not 0, 1, 2, ..."),
    Row("names: a long field", names(("n.csv", b"a" * 200_000)), TABLE),
    Row("names: a long line", names(("n.txt", b"a" * 200_000)), "has 200,000 characters"),
]


@table([*VALUES, *LABEL_FILES, *NAMES])
def test_bad_labels_and_class_names_are_refused(row: Row, workspace: Workspace, tmp_path: Path):
    refused(row, adding(workspace), tmp_path, workspace.path)


def test_a_file_of_text_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "y.txt"
    path.write_bytes(b"0\n1\n")
    monkeypatch.setattr(labels_module, "MAX_TEXT_BYTES", 4)
    assert read_labels(path) is not None
    monkeypatch.setattr(labels_module, "MAX_TEXT_BYTES", 3)
    for read in (read_labels, read_class_names):
        with pytest.raises(DatasetError, match=r"'y.txt' has 4 bytes. At most 3 are read"):
            read(path)


def test_the_limits_of_labels_hold_exactly():
    numbers, found = resolve(np.array([MAX_CLASSES - 1]), (), 1)
    assert numbers is not None and len(found) == MAX_CLASSES
    assert len(read_class_names([str(number) for number in range(MAX_CLASSES)])) == MAX_CLASSES
    assert read_class_names(["a" * 1000]) == ("a" * 1000,)
    texts = np.array([f"c{number}" for number in range(MAX_CLASSES + 1)])
    assert len(resolve(texts[1:], (), MAX_CLASSES)[1]) == MAX_CLASSES
    with pytest.raises(DatasetError, match="more than 100,000 class names"):
        resolve(texts, (), MAX_CLASSES + 1)


def test_names_that_are_long_together_are_no_path(workspace: Workspace):
    given = ",".join(f"class {number}" for number in range(1000))
    assert read_class_names(given) == tuple(given.split(","))


def test_a_label_with_an_underscore_is_a_name():
    numbers, found = resolve(read_labels(["1_0", "2_0"]), (), 2)
    assert found == ("1_0", "2_0") and numbers is not None and numbers.tolist() == [0, 1]


def test_formulas_and_markup_are_kept_as_they_are(workspace: Workspace):
    names = [
        "=cmd|'/C calc'!A0",
        "+1",
        "-1+1",
        "@SUM(A1)",
        "<script>alert(1)</script>",
        "</script>",
        "c\u202ed",
        "a\tb",
    ]
    card, _ = workspace.add_dataset(good_dataset(), class_names=names, name="good")
    assert card.class_names == (*names[:-2], "c d", "a b")
    workspace.remove_dataset("good")

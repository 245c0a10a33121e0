"""Labels and class names in all their forms, to numbers and names."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError, NotFound
from nnvis_dash.workspace.labels import plain_text, read_class_names, read_labels, resolve
from tests.unit.workspace.files import idx


def labelled(text: str, tmp_path: Path, *file_names: str, suffix: str = ".csv") -> list[object]:
    path = tmp_path / f"labels{suffix}"
    path.write_text(text, encoding="utf-8")
    labels = read_labels(path, file_names)
    assert labels is not None
    return labels.tolist()


def test_names_in_a_row_a_list_or_a_file(tmp_path: Path) -> None:
    assert read_class_names("cat, dog ,T-shirt/top") == ("cat", "dog", "T-shirt/top")
    assert read_class_names(["cat", "dog"]) == ("cat", "dog")
    assert read_class_names("cat") == ("cat",)
    assert read_class_names(None) == ()
    (tmp_path / "a.txt").write_text("crane, a bird\n\nT-shirt/top\n", encoding="utf-8")
    assert read_class_names(tmp_path / "a.txt") == ("crane, a bird", "T-shirt/top")
    assert read_class_names(str(tmp_path / "a.txt")) == ("crane, a bird", "T-shirt/top")
    (tmp_path / "b.csv").write_text('index,wnid,name\n1,n2,"b, c"\n0,n1,a\n', encoding="utf-8")
    assert read_class_names(tmp_path / "b.csv") == ("a", "b, c")
    (tmp_path / "c.csv").write_text("1,dog\n0,cat\n", encoding="utf-8")
    assert read_class_names(tmp_path / "c.csv") == ("cat", "dog")
    (tmp_path / "d.json").write_text(json.dumps({"1": ["n2", "dog"], "0": ["n1", "cat"]}), encoding="utf-8")
    assert read_class_names(tmp_path / "d.json") == ("cat", "dog")
    (tmp_path / "e.json").write_text('["cat", "dog"]', encoding="utf-8")
    assert read_class_names(tmp_path / "e.json") == ("cat", "dog")


def test_repeated_names_get_a_number_and_text_is_plain() -> None:
    assert read_class_names(["crane", "dog", "crane", "crane"]) == ("crane", "dog", "crane (2)", "crane (3)")
    assert read_class_names(["<img onerror=x>", "a\x1b[31m\nb", "x\ud800"]) == ("<img onerror=x>", "a [31m b", "x?")
    assert plain_text("  two\twords ") == "two words"
    assert plain_text("a\u202egnp.exe\u2028b\ud800") == "a gnp.exe b?"  # turned writing, a line end, half a character
    assert plain_text("<img src=x onerror=alert(1)>") == "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("gap.csv", "index,name\n0,a\n2,b\n", "not 0, 1, 2"),
        ("wide.csv", "a,b,c\nd,e,f\n", "none headed 'name'"),
        ("bad.json", "{", "not JSON"),
        ("number.json", "[1, 2]", "no list of names"),
        ("gap.json", '{"0": "a", "7": "b"}', "not 0, 1, 2"),
    ],
)
def test_a_file_of_names_that_is_wrong_says_how(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=words) as caught:
        read_class_names(tmp_path / name)
    assert str(tmp_path) not in str(caught.value) and caught.value.mend


def test_names_that_are_not_there_or_empty() -> None:
    with pytest.raises(NotFound, match=r"'names\.txt'"):
        read_class_names("/somewhere/names.txt")
    with pytest.raises(DatasetError, match="class 1 is empty"):
        read_class_names("a,,b")
    with pytest.raises(DatasetError, match="2,000 characters"):
        read_class_names(["a" * 2000])


def test_one_label_a_line(tmp_path: Path) -> None:
    assert labelled("3\n1\n\n2\n", tmp_path, suffix=".txt") == [3, 1, -1, 2]
    assert labelled("cat\ndog\ncat\n", tmp_path) == ["cat", "dog", "cat"]
    assert labelled("label\n1\n0\n", tmp_path) == [1, 0]


def test_labels_by_file_name(tmp_path: Path) -> None:
    names = ("a.png", "sub/b.png", "sub/c.png")
    assert labelled("filename,label\nc.png,2\na.png,0\nsub/b.png,1\n", tmp_path, *names) == [0, 1, 2]
    assert labelled("c.png,dog\na.png,cat\nimages/b.png,\n", tmp_path, *names) == ["cat", "", "dog"]
    assert labelled("c.png\t2\na.png\t0\nb.png\t1\n", tmp_path, *names, suffix=".tsv") == [0, 1, 2]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a.png,0\n", r"no label for 1 of 2 images, such as 'b\.png'"),
        ("a.png,0\nb.png,1\nz.png,1\n", r"'z\.png', which is not among the images"),
        ("a.png,0\nb.png,1\na.png,1\n", r"two labels, '0' and '1'"),
        ("a.png,0\nb.png\n", "Row 2 .* one column"),
        ("", "has no labels"),
    ],
)
def test_labels_that_do_not_name_every_image_are_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DatasetError, match=words):
        labelled(text, tmp_path, "a.png", "b.png")


def test_labels_by_name_need_names(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="these images have no names"):
        labelled("a.png,0\n", tmp_path)


def test_labels_in_arrays_and_idx(tmp_path: Path) -> None:
    np.save(tmp_path / "y.npy", np.array([[2], [0]]))
    assert read_labels(tmp_path / "y.npy").tolist() == [[2], [0]]  # type: ignore[union-attr]
    (tmp_path / "y-idx1-ubyte").write_bytes(idx(np.array([4, 7], dtype=np.uint8)))
    assert read_labels(str(tmp_path / "y-idx1-ubyte")).tolist() == [4, 7]  # type: ignore[union-attr]
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DatasetError, match="could run code"):
        read_labels(tmp_path / "o.npy")
    (tmp_path / "y.pdf").write_bytes(b"x")
    with pytest.raises(DatasetError, match=r"'y\.pdf'"):
        read_labels(tmp_path / "y.pdf")
    with pytest.raises(NotFound, match=r"'none\.npy'"):
        read_labels(tmp_path / "none.npy")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(DatasetError, match="UTF-8"):
        read_labels(tmp_path / "latin.txt")


@pytest.mark.parametrize(
    ("labels", "names", "expected", "expected_names"),
    [
        (np.array([2, 0, -1], dtype=np.int64), (), [2, 0, -1], ("0", "1", "2")),
        (np.array([[1], [0], [1]], dtype=np.uint8), ("a", "b"), [1, 0, 1], ("a", "b")),
        (np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]]), (), [1, 0, 2], ("0", "1", "2")),
        (np.array(["dog", "cat", ""]), (), [1, 0, -1], ("cat", "dog")),
        (np.array(["dog", "cat", ""]), ("dog", "emu", "cat"), [0, 2, -1], ("dog", "emu", "cat")),
        (np.array([b"dog", b"cat", b"cat"]), (), [1, 0, 0], ("cat", "dog")),
        (np.array(["2", "0", "1"]), (), [2, 0, 1], ("0", "1", "2")),
        (np.array(["2", "1", "1"]), ("1", "2"), [1, 0, 0], ("1", "2")),
        (np.array([True, False, True]), ("no", "yes"), [1, 0, 1], ("no", "yes")),
        (np.array([1.0, 0.0, 2.0]), (), [1, 0, 2], ("0", "1", "2")),
    ],
)
def test_resolve(
    labels: np.ndarray, names: tuple[str, ...], expected: list[int], expected_names: tuple[str, ...]
) -> None:
    numbers, class_names = resolve(labels, names, 3)
    assert numbers is not None and numbers.dtype == np.int32
    assert numbers.tolist() == expected and class_names == expected_names


def test_no_labels_at_all() -> None:
    assert resolve(None, ("a",), 3) == (None, ("a",))
    assert resolve(np.array([-1, -1]), (), 2)[0] is None


@pytest.mark.parametrize(
    ("labels", "names", "words"),
    [
        (np.array([0, 1]), (), "2 labels for 3 images"),
        (np.array([0, 1, 5]), ("a", "b"), "label 5 is not a class: there are 2 class names"),
        (np.array([0, 1, -2]), (), "label -2"),
        (np.array(["a", "b", "z"]), ("a", "b"), r"label 'z' is not a class.*a, b"),
        (np.array([0.5, 1, 2]), (), "not whole numbers"),
        (np.array([np.nan, 1, 2]), (), "not whole numbers"),
        (np.array([0, 1, 10**9]), (), "too large"),
        (np.array([[0.2, 0.8], [0.5, 0.5], [1, 0]]), (), "not one-hot"),
        (np.zeros((3, 2, 2)), (), r"shape \(3, 2, 2\)"),
    ],
)
def test_labels_that_are_none(labels: np.ndarray, names: tuple[str, ...], words: str) -> None:
    with pytest.raises(DatasetError, match=words) as caught:
        resolve(labels, names, 3)
    assert caught.value.mend

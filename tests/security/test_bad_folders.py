"""Folders without images, with things that are no files, with names made to deceive; and names of datasets."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from nnvis_dash.errors import DatasetError, NotFound, ParameterError
from nnvis_dash.settings import Settings
from nnvis_dash.workspace.datasets import load_dataset
from nnvis_dash.workspace.store import Workspace
from tests.security.crafted_images import noise, saved
from tests.security.rows import Row, adding, good_dataset, refused, secret, table, workspace
from tests.unit.workspace.files import write_tree

__all__ = ["workspace"]

IMAGE = saved(noise(4, 4, 3))
GOOD = {"cat/a.png": IMAGE, "dog/b.png": IMAGE}


def tree(files: dict[str, bytes]) -> Callable[[Path], Path]:
    return lambda folder: write_tree(folder / "pets", files)


def with_link(target: str, name: str = "cat/link.png") -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        root = tree(GOOD)(folder)
        (root / name).symlink_to(target)
        return root

    return make


def with_pipe(name: str, linked: bool = False) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        root = tree(GOOD)(folder)
        os.mkfifo(folder / "pipe")
        if linked:
            (root / name).symlink_to(folder / "pipe")
        else:
            (folder / "pipe").rename(root / name)
        return root / name if not linked else root

    return make


def of_socket(folder: Path) -> Path:
    here = Path.cwd()
    os.chdir(folder)  # a socket's path may have 108 bytes only
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind("x.png")
    finally:
        os.chdir(here)
    return folder / "x.png"


def deep(folder: Path) -> Path:
    """Make folders in folders until the path is longer than the system takes."""
    root = tree(GOOD)(folder)
    here = Path.cwd()
    os.chdir(root)
    try:
        for _ in range(30):
            name = "d" * 200
            Path(name).mkdir()
            os.chdir(name)
        Path("x.png").write_bytes(IMAGE)
    finally:
        os.chdir(here)
    return root


FOLDERS = [
    Row("an empty folder", tree({}), "There are no images in the folder 'pets'"),
    Row("only empty folders", tree({"cat/": b"", "dog/": b""}), "There are no images in the folder 'pets'"),
    Row("only hidden files", tree({".a.png": IMAGE, "cat/.b.png": IMAGE}), "There are no images in the folder 'pets'"),
    Row(
        "only hidden folders",
        tree({".cat/a.png": IMAGE, "__MACOSX/a.png": IMAGE}),
        "There are no images in the folder",
    ),
    Row("only other files", tree({"cat/a.txt": b"x", "b.mp4": b"x"}), "There are no images in the folder 'pets'"),
    Row("images without a suffix", tree({"cat/a": IMAGE}), "There are no images in the folder 'pets'"),
    Row("svg only", tree({"cat/a.svg": b"<svg/>"}), "There are no images in the folder 'pets'"),
    Row("a folder named as an image", tree({"cat/a.png/": b""}), "There are no images in the folder 'pets'"),
    Row("an unreadable image", tree({**GOOD, "cat/z.png": b"x"}), "The file 'cat/z.png' is not an image"),
    Row("an empty image", tree({**GOOD, "cat/z.png": b""}), "The file 'cat/z.png' is not an image"),
    Row(
        "splits",
        tree({f"{s}/{n}": IMAGE for s in ("train", "val") for n in GOOD}),
        "are splits, not classes: train, val",
    ),
    Row("splits in another case", tree({f"{s}/{n}": IMAGE for s in ("Train", "TEST") for n in GOOD}), "TEST, Train"),
    Row(
        "wrapped splits",
        tree({f"a/b/{s}/{n}": IMAGE for s in ("train", "test") for n in GOOD}),
        "splits, not classes",
    ),
    Row(
        "all unreadable",
        tree({"cat/a.png": b"x", "dog/b.png": b""}),
        "None of the 2 images of 'pets' can be read",
        options={"skip_unreadable": True},
    ),
    Row("a link to nothing", with_link("/nowhere/evil.png"), "'cat/link.png' can't be read"),
    Row("a link to itself", with_link("link.png"), "'cat/link.png' can't be read"),
    Row("a link to a pipe", with_pipe("cat/link.png", linked=True), "'cat/link.png' is not a file"),
    Row("a link to a device", with_link("/dev/zero"), "'cat/link.png' is not a file"),
    Row("a pipe", with_pipe("pipe.png"), "'pipe.png' is neither a file nor a folder"),
    Row("a device", lambda _: Path("/dev/null"), "'null' is neither a file nor a folder"),
    Row("a socket", of_socket, "'x.png' is neither a file nor a folder"),
    Row("a path that is too deep", deep, "can't be read"),
    Row("markup in the name of a bad image", tree({"cat/<b>.png": b"x"}), "'cat/<b>.png' is not an image"),
    Row(
        "markup in the name of a class",
        tree({"<img onerror=alert(1)>/a.png": b"x"}),
        "<img onerror=alert(1)>/a.png' is n",
    ),
    Row("a name of two lines", tree({"cat/a\nb.png": b"x"}), "'cat/a b.png' is not an image"),
    Row("a name that turns the line", tree({"cat/\u202egnp.evil.png": b"x"}), "gnp.evil.png' is not an image"),
    Row("escape codes in a name", tree({"cat/\x1b[2Ja.png": b"x"}), "[2Ja.png' is not an image"),
    Row("a name in no encoding", tree({os.fsdecode(b"cat/caf\xe9.png"): b"x"}), "'cat/caf?.png' is not an image"),
    Row("a name of 255 letters", tree({f"{'c' * 250}/{'a' * 250}.png": b"x"}), "aaa.png' is not an image"),
]

SOURCES = [
    Row("nothing there", lambda folder: folder / "nothing.zip", "There is no file or folder 'nothing.zip'", NotFound),
    Row("an empty path", lambda _: "", "There is no file or folder ''", NotFound),
    Row("a zero in the path", lambda _: "a\x00b", "There is no file or folder", NotFound),
    Row("a zero in a Path", lambda folder: folder / "a\x00b", "There is no file or folder", NotFound),
    Row("a path of 10,000 letters", lambda _: "x" * 10_000, "There is no file or folder 'xxx", NotFound),
    Row("an address", lambda _: "https://example.org/evil.zip", "There is no file or folder 'evil.zip'", NotFound),
    Row("a home that isn't there", lambda _: "~nobody-here/x.zip", "There is no file or folder 'x.zip'", NotFound),
    Row("a number", lambda _: 5, "A int is not a dataset"),
    Row("bytes", lambda _: b"PK\x05\x06", "A bytes is not a dataset"),
    Row("no images in a list", lambda _: [], "The list of images is empty"),
    Row("a list of words", lambda _: ["a", "b"], "The array 'array' has the shape (2,)"),
    Row("a list of lists of unequal lengths", lambda _: [[[1], [2]], [[1, 2], [3]]], "Image 1 is not an array"),
]

NAMES = [
    Row(f"name {name!r}"[:40], lambda _: good_dataset(), says, options={"name": name})
    for name, says in (
        ("", "The name '' is empty"),
        ("  \t\n", "is empty"),
        ("\x00\x01\x1b", "is empty"),
        ("x" * 201, "has 201 characters"),
        ("é" * 10_000, "has 10,000 characters"),
    )
]


@table([*FOLDERS, *SOURCES, *NAMES])
def test_a_bad_folder_or_name_is_refused(row: Row, workspace: Workspace, tmp_path: Path):
    refused(row, adding(workspace), tmp_path, workspace.path)


@pytest.mark.parametrize(
    "name",
    ["<script>alert(1)</script>", "=cmd|'/C calc'!A0", "../../evil", "/etc/passwd", "x" * 200, "🙂"],
)
def test_a_strange_name_is_only_a_name(name: str, workspace: Workspace):
    card, new = workspace.add_dataset(good_dataset(), name=name)
    assert new and card.name == name and workspace.dataset(name).card == card
    assert [path.name for path in (workspace.path / "datasets").iterdir()] == [card.fingerprint]
    workspace.remove_dataset(name)


def test_a_name_that_turns_the_writing_is_read_straight(workspace: Workspace):
    card, _ = workspace.add_dataset(good_dataset(), name="a b\u202ec")
    assert card.name == "a b c"
    workspace.remove_dataset(card.name)


def test_a_strange_class_is_only_a_class(workspace: Workspace, tmp_path: Path):
    names = ["<img src=x onerror=alert(1)>", "=1+1", "a\u202eb", ".evil", "nul", "C:"]
    root = write_tree(tmp_path / "x", {f"{name}/a.png": IMAGE for name in names})
    card, _ = workspace.add_dataset(root)
    shown = {"a\u202eb": "a b"}
    assert sorted(card.class_names) == sorted(shown.get(name, name) for name in names if not name.startswith("."))
    workspace.remove_dataset(card.name)


def test_a_link_in_a_circle_ends_and_a_link_out_is_followed_once(workspace: Workspace, tmp_path: Path):
    root = write_tree(tmp_path / "pets", GOOD)
    (root / "cat" / "up").symlink_to(root)
    (root / "dog" / "self").symlink_to(".")
    card, _ = workspace.add_dataset(root)
    assert card.n_samples == 2
    workspace.remove_dataset(card.name)


def test_a_link_to_a_file_that_is_no_image_shows_nothing_of_it(workspace: Workspace, tmp_path: Path):
    root = write_tree(tmp_path / "pets", GOOD)
    secret(root).write_text("SECRET")
    (root / "cat" / "link.png").symlink_to(secret(root))
    with pytest.raises(DatasetError, match=r"'cat/link.png' is not an image") as caught:
        workspace.add_dataset(root)
    assert "SECRET" not in str(caught.value) and "secret.txt" not in str(caught.value)


@pytest.mark.parametrize("text", ["-1", "1.5", "1e3", "", " ", "many", "0x10", "1,000", "٣", "9" * 5000])
def test_a_setting_that_is_no_number_is_refused(text: str):
    with pytest.raises(ParameterError, match="NNVIS_MAX_PIXELS is") as caught:
        Settings.from_environment({"NNVIS_MAX_PIXELS": text})
    assert caught.value.mend


def test_the_limit_of_pixels_holds_exactly(tmp_path: Path):
    path = tmp_path / "x.png"
    path.write_bytes(saved(noise(7, 9)))
    assert len(load_dataset(path, max_pixels=63)) == 1
    with pytest.raises(DatasetError, match="7 pixels; at most 62 are read"):
        load_dataset(path, max_pixels=62)

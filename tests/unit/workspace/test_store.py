"""The workspace: whole or not at all, one of equal things, found by name and fingerprint."""

from __future__ import annotations

import dataclasses
import errno
import gzip
import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError, ModelError, NNVisError, NotFound
from nnvis_dash.types import ModelCard, Preprocessing
from nnvis_dash.workspace.store import Workspace
from nnvis_dash.workspace.temporaries import temporary_folder
from tests.unit.workspace.files import encoded, idx, listing, pixels, write_tree

IMAGES = pixels(0, 10, 6, 5, 3)
LABELS = np.arange(10) % 3
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "workspace")


def model_card(name: str = "net", fingerprint: str = "ab" * 16) -> ModelCard:
    return ModelCard(
        name=name,
        fingerprint=fingerprint,
        input_shape=(8, 8, 1),
        n_classes=3,
        class_names=(),
        output="softmax",
        preprocessing=Preprocessing("unit", scale=1 / 255),
        resize="squash",
        layers=(),
        parameters=5,
        feature_layer="dense",
        grad_cam_layer=None,
        source="net.keras",
        notes={"held-out accuracy": "0.9"},
    )


def test_a_new_workspace_is_for_its_owner_only(tmp_path: Path) -> None:
    workspace = Workspace(str(tmp_path / "deep" / "workspace"))
    assert stat.S_IMODE(workspace.path.stat().st_mode) == 0o700
    assert {entry.name for entry in workspace.path.iterdir()} == {"models", "datasets", "artifacts", "cache"}
    assert workspace.datasets() == [] and workspace.models() == []
    assert Workspace(workspace.path).artifacts.root == workspace.path / "artifacts"


def test_a_workspace_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(NNVisError, match=r"workspace 'file' can't be used") as caught:
        Workspace(tmp_path / "file")
    assert str(tmp_path) not in str(caught.value)


def test_what_is_added_is_listed_and_opened(workspace: Workspace) -> None:
    card, new = workspace.add_dataset(IMAGES, name="b", labels=LABELS, notes={"licence": "CC0"})
    assert new and card.n_samples == 10 and card.image_shape == (6, 5, 3) and card.labelled
    assert card.class_names == ("0", "1", "2") and card.notes == {"licence": "CC0"}
    other, _ = workspace.add_dataset(IMAGES[:5], name="A")
    assert Workspace(workspace.path).datasets() == [other, card]
    for ref in ("b", card.fingerprint, card.fingerprint[:4]):
        data = workspace.dataset(ref)
        assert data.card == card and np.array_equal(data.images, IMAGES)
        assert data.labels is not None and data.labels.tolist() == LABELS.tolist()
    assert workspace.dataset("A").labels is None


def test_the_fingerprint_is_of_images_labels_and_names(workspace: Workspace) -> None:
    flipped = IMAGES.copy()
    flipped[9, 5, 4, 2] ^= 1
    variants = [
        {"source": IMAGES},
        {"source": flipped},
        {"source": IMAGES[::-1]},
        {"source": IMAGES, "labels": LABELS},
        {"source": IMAGES, "labels": LABELS[::-1]},
        {"source": IMAGES, "labels": LABELS, "class_names": "a,b,c"},
        {"source": IMAGES.reshape(10, 5, 6, 3)},
        {"source": IMAGES[..., :1]},
    ]
    cards = [
        workspace.add_dataset(name=f"{position}", **variant)[0]  # type: ignore[arg-type]
        for position, variant in enumerate(variants)
    ]
    assert len({card.fingerprint for card in cards}) == len(variants)
    assert all(len(card.fingerprint) == 32 for card in cards)


def test_the_same_content_is_kept_once_under_its_first_name(workspace: Workspace, tmp_path: Path) -> None:
    card, _ = workspace.add_dataset(IMAGES, name="first", labels=LABELS)
    np.savez(tmp_path / "other.npz", x=IMAGES, y=LABELS.astype(np.float64))
    before = listing(workspace.path)
    assert workspace.add_dataset(tmp_path / "other.npz") == (card, False)
    assert workspace.add_dataset(IMAGES, name="first", labels=LABELS) == (card, False)
    assert listing(workspace.path) == before


def test_another_content_of_the_same_name_is_refused(workspace: Workspace) -> None:
    workspace.add_dataset(IMAGES, name="a")
    before = listing(workspace.path)
    with pytest.raises(DatasetError, match=r"another dataset named 'a' already.*--name"):
        workspace.add_dataset(IMAGES[:5], name="a")
    assert listing(workspace.path) == before


@pytest.mark.parametrize("name", ["", "  \n", "x" * 201])
def test_a_name_must_be_one(workspace: Workspace, name: str) -> None:
    with pytest.raises(DatasetError, match="name"):
        workspace.add_dataset(IMAGES, name=name)
    assert workspace.add_dataset(IMAGES, name="<b>a\x1b\n ☃")[0].name == "<b>a   ☃"


def bad_folder(folder: Path) -> Path:
    good = {f"cat/{n}.png": encoded(IMAGES[n]) for n in range(5)}
    return write_tree(folder / "pets", {**good, "dog/bad.jpg": encoded(IMAGES[0], "JPEG")[:200]})


@pytest.mark.parametrize(
    ("prepare", "options", "kind", "words"),
    [
        (lambda folder: folder / "missing.npz", {}, NotFound, r"'missing\.npz'"),
        (lambda folder: write_tree(folder / "empty", {}), {}, DatasetError, "no images in the folder 'empty'"),
        (lambda folder: np.zeros((3, 784), np.uint8), {}, DatasetError, r"shape \(3, 784\)"),
        (lambda folder: IMAGES, {"labels": [0, 1]}, DatasetError, "2 labels for 10 images"),
        (lambda folder: IMAGES, {"labels": LABELS, "class_names": "a,b"}, DatasetError, "label 2 is not a class"),
        (lambda folder: IMAGES, {"labels": "nothing.npy"}, NotFound, r"'nothing\.npy'"),
        (lambda folder: IMAGES, {"extras": {"masks": IMAGES[:3]}}, DatasetError, "extra 'masks' has the shape"),
        (lambda folder: IMAGES, {"extras": {"../x": IMAGES}}, DatasetError, "no usable name"),
        (bad_folder, {}, DatasetError, r"'dog/bad\.jpg'"),
        (
            lambda folder: write_tree(folder, {"x-idx3-ubyte": idx(IMAGES[..., 0])[:-9]}) / "x-idx3-ubyte",
            {},
            DatasetError,
            "promises 300 bytes, the file has 291",
        ),
    ],
)
def test_bad_input_leaves_the_workspace_as_it_was(
    workspace: Workspace, tmp_path: Path, prepare: object, options: dict[str, object], kind: type, words: str
) -> None:
    workspace.add_dataset(IMAGES[:4], name="there")
    source = prepare(tmp_path / "source")  # type: ignore[operator]
    before = listing(workspace.path)
    with pytest.raises(kind, match=words) as caught:
        workspace.add_dataset(source, name="new", **options)  # type: ignore[arg-type]
    assert listing(workspace.path) == before
    assert caught.value.mend and str(tmp_path) not in str(caught.value)  # type: ignore[attr-defined]


def test_an_interrupt_leaves_nothing_either(workspace: Workspace) -> None:
    before = listing(workspace.path)

    def interrupt(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workspace.add_dataset(IMAGES, name="a", on_progress=interrupt)
    assert listing(workspace.path) == before


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EACCES, r"'x\.npy' can't be read or written"), (errno.ENOSPC, "no space left")]
)
def test_what_the_disk_refuses(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    before = listing(workspace.path)

    def refuse(stream: object, *arguments: object) -> None:
        raise OSError(number, os.strerror(number), str(tmp_path / "x.npy"))

    monkeypatch.setattr("nnvis_dash.workspace.writing._write_header", refuse)
    with pytest.raises(DatasetError, match=words) as caught:
        workspace.add_dataset(tmp_path / "x.npy")
    assert listing(workspace.path) == before and str(tmp_path) not in str(caught.value)


def test_progress_comes_in_order_and_ends_with_all(workspace: Workspace, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    tree = write_tree(tmp_path / "a", {f"{n}.png": encoded(IMAGES[n]) for n in range(10)})
    workspace.add_dataset(tree, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(n + 1, 10) for n in range(10)]
    seen.clear()
    workspace.add_dataset(IMAGES, name="b", on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(10, 10)]


def test_what_a_killed_process_left_is_swept(workspace: Workspace) -> None:
    cache = workspace.path / "cache"
    with temporary_folder(cache / "incoming", "") as mine, temporary_folder(cache, "intake.writing.") as other:
        (cache / "incoming" / "left").mkdir()
        (cache / "incoming" / "left" / "images.npy").write_bytes(b"x")
        (cache / "index.writing.left").mkdir()
        workspace.add_dataset(IMAGES, name="a")
        assert list((cache / "incoming").iterdir()) == [mine]
        assert workspace.sweep() == 1
        assert mine.exists() and other.exists() and (cache / "selections").exists()


def test_remove(workspace: Workspace) -> None:
    empty = listing(workspace.path)
    card, _ = workspace.add_dataset(IMAGES, name="a")
    assert workspace.remove_dataset("a") == card
    assert workspace.datasets() == [] and listing(workspace.path) == empty
    with pytest.raises(NotFound, match=r"There is no dataset 'a'\. There is no dataset yet"):
        workspace.remove_dataset("a")


def test_a_dataset_that_was_removed_and_added_under_another_name(workspace: Workspace) -> None:
    for name in ("a", "b"):
        workspace.add_dataset(IMAGES, name=name)
        assert workspace.dataset(name).card.name == name
        workspace.remove_dataset(name)


def test_an_unknown_name_says_what_there_is(workspace: Workspace) -> None:
    workspace.add_dataset(IMAGES, name="digits")
    for ref in ("digit", "", "../x", "0" * 32, "abc"):
        with pytest.raises(NotFound, match="Choose one of: digits"):
            workspace.dataset(ref)


def test_a_beginning_that_fits_two_is_refused(workspace: Workspace) -> None:
    for end in "01":
        workspace.store_model(
            write_tree(workspace.path.parent, {"m": b"x"}) / "m", model_card(end, "abcd" * 7 + f"000{end}")
        )
    with pytest.raises(NotFound, match="2 models have a fingerprint that begins 'abcdab'"):
        workspace.model("abcdab")
    assert workspace.model("abcd" * 7 + "0001").name == "1"


def test_a_damaged_card_is_left_out(workspace: Workspace) -> None:
    card, _ = workspace.add_dataset(IMAGES, name="a")
    (workspace.path / "datasets" / card.fingerprint / "card.json").write_text("{")
    fresh = Workspace(workspace.path)
    assert fresh.datasets() == []
    assert fresh.add_dataset(IMAGES, name="a") == (card, True)
    assert fresh.dataset("a").card == card


def test_damaged_images_are_an_error_not_a_crash(workspace: Workspace) -> None:
    card, _ = workspace.add_dataset(IMAGES, name="a")
    (workspace.path / "datasets" / card.fingerprint / "images.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DatasetError, match="is damaged"):
        workspace.dataset("a")


def test_models(workspace: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "clean.keras"
    file.write_bytes(b"model")
    card = model_card()
    assert workspace.store_model(file, card) == (card, True)
    assert workspace.store_model(file, model_card(name="again")) == (card, False)
    assert workspace.models() == [card] and workspace.model("net") == card and workspace.model("abab") == card
    assert workspace.model_path("net").read_bytes() == b"model" and file.exists()
    assert workspace.model_path("net") == workspace.path / "models" / card.fingerprint / "model.keras"
    before = listing(workspace.path)
    with pytest.raises(ModelError, match="another model named 'net'"):
        workspace.store_model(file, model_card(fingerprint="cd" * 16))
    with pytest.raises(ValueError):
        workspace.store_model(file, model_card(name="x", fingerprint="../../x"))
    assert listing(workspace.path) == before
    workspace.remove_model("net")
    assert workspace.models() == []
    with pytest.raises(NotFound, match="There is no model 'net'"):
        workspace.model_path("net")


def keep_model(workspace: Workspace, tmp_path: Path, name: str, fingerprint: str) -> ModelCard:
    (tmp_path / "model.keras").write_bytes(name.encode())
    return workspace.store_model(tmp_path / "model.keras", model_card(name, fingerprint))[0]


def test_a_model_gets_another_card(workspace: Workspace, tmp_path: Path) -> None:
    first = keep_model(workspace, tmp_path, name="first", fingerprint="a" * 32)
    before = workspace.model_path("first").read_bytes()
    other = dataclasses.replace(first, name="ignored", fingerprint="b" * 32, class_names=("x", "y"))
    kept = workspace.replace_model("first", other)
    assert kept.name == "first" and workspace.models() == [kept]
    assert workspace.model_path("first").read_bytes() == before
    assert not (workspace.path / "models" / ("a" * 32)).exists()
    assert not list((workspace.path / "cache" / "incoming").iterdir())

    renamed = workspace.replace_model("b" * 32, dataclasses.replace(kept, class_names=("y", "x")))
    assert workspace.model("first") == renamed and renamed.class_names == ("y", "x")


def test_a_card_that_another_model_has_is_refused_and_nothing_changes(workspace: Workspace, tmp_path: Path) -> None:
    first = keep_model(workspace, tmp_path, name="first", fingerprint="a" * 32)
    second = keep_model(workspace, tmp_path, name="second", fingerprint="b" * 32)
    with pytest.raises(ModelError, match="already: 'second'"):
        workspace.replace_model("first", dataclasses.replace(first, fingerprint="b" * 32))
    with pytest.raises(NotFound):
        workspace.replace_model("third", first)
    assert workspace.models() == [first, second]
    assert not list((workspace.path / "cache" / "incoming").iterdir())


def run_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


ADD = """
import json, sys, time
from pathlib import Path
from nnvis_dash.errors import NNVisError
from nnvis_dash.workspace.shelf import Shelf
from nnvis_dash.workspace.store import Workspace

admit = Shelf.admit

def slow(shelf, card, person):  # so that whoever isn't kept out by the lock comes in between
    there = admit(shelf, card, person)
    time.sleep(0.2)
    return there

Shelf.admit = slow
path, source, name, start = sys.argv[1:]
workspace = Workspace(path)
Path(start, name).touch()
while len(list(Path(start).iterdir())) < 3:
    time.sleep(0.001)
try:
    card, new = workspace.add_dataset(Path(source), name=name)
    print(json.dumps([card.fingerprint, card.name, new]))
except NNVisError as error:
    print(json.dumps(str(error)))
"""


def race(workspace: Workspace, tmp_path: Path, sources: list[Path], names: list[str]) -> list[object]:
    """Let processes add at the same time, each held back until all are there."""
    (tmp_path / "start").mkdir()
    children = []
    for position, (source, name) in enumerate(zip(sources, names, strict=True)):
        code = ADD.replace("Path(start, name)", f"Path(start, '{position}')")
        children.append(run_python(code, workspace.path, source, name, tmp_path / "start"))
    answers = []
    for child in children:
        out, err = child.communicate(timeout=60)
        assert child.returncode == 0, err
        answers.append(json.loads(out))
    return answers


def test_processes_that_add_the_same_thing_end_with_one(workspace: Workspace, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", x=pixels(0, 2000, 28, 28))
    answers = race(workspace, tmp_path, [tmp_path / "x.npz"] * 3, ["a", "b", "c"])
    (card,) = workspace.datasets()
    assert sorted(answer[2] for answer in answers) == [False, False, True]  # type: ignore[index]
    assert {(answer[0], answer[1]) for answer in answers} == {(card.fingerprint, card.name)}  # type: ignore[index]
    assert len(list((workspace.path / "datasets").iterdir())) == 1
    assert list((workspace.path / "cache" / "incoming").iterdir()) == []
    assert len(workspace.dataset(card.name)) == 2000


def test_processes_that_give_different_things_one_name_end_with_one(workspace: Workspace, tmp_path: Path) -> None:
    sources = []
    for seed in range(3):
        sources.append(tmp_path / f"{seed}.npz")
        np.savez(sources[-1], x=pixels(seed, 500, 28, 28))
    answers = race(workspace, tmp_path, sources, ["same"] * 3)
    assert sum(isinstance(answer, list) for answer in answers) == 1
    assert sum("another dataset named 'same'" in str(answer) for answer in answers) == 2
    assert len(workspace.datasets()) == 1
    assert list((workspace.path / "cache" / "incoming").iterdir()) == []


PEAK = """
import resource, sys
from pathlib import Path
from nnvis_dash.workspace.store import Workspace
workspace = Workspace(sys.argv[1])
small, large = Path(sys.argv[2]), Path(sys.argv[3])
workspace.add_dataset(small)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
workspace.add_dataset(large)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024)
"""


@pytest.mark.parametrize("kind", ["npz", "idx.gz"])
def test_memory_stays_flat_for_60_000_images(workspace: Workspace, tmp_path: Path, kind: str) -> None:
    files = []
    block = pixels(0, 1000, 28, 28)
    for n in (1_000, 60_000):
        images = np.tile(block, (n // 1000, 1, 1))
        path = tmp_path / f"{n}-images-idx3-ubyte.gz" if kind == "idx.gz" else tmp_path / f"{n}.npz"
        if kind == "npz":
            np.savez(path, x=images, y=np.zeros(n, dtype=np.uint8))
        else:
            path.write_bytes(gzip.compress(idx(images), compresslevel=1))
        files.append(path)
    child = run_python(PEAK, workspace.path, *files)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 0, err
    assert float(out) < 16  # MB; the images are 47 MB
    assert {card.n_samples for card in workspace.datasets()} == {1_000, 60_000}

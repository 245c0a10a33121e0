"""HDF5 files that point elsewhere, promise more than they hold, or keep what is no array of numbers."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from nnvis_dash.analysis.preflight import check, weights
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import ARRAYS, BIAS, KERNEL, write_h5, write_keras
from tests.security.rows import Row, secret, table
from tests.security.test_bad_configs import held

VARS = "layers/dense/vars"
Change = Callable[[h5py.File, Path], Any]


def made(name: str, change: Change, says: str, error: type[ModelError] = RefusedModel) -> Row:
    """Return the row of a .keras file whose weights are changed; the change gets the open file and the folder."""
    return Row(
        name, lambda folder: write_keras(folder / "m.keras", change=lambda file: change(file, folder)), says, error
    )


def made_h5(name: str, change: Change, says: str, error: type[ModelError] = ModelError) -> Row:
    return Row(name, lambda folder: write_h5(folder / "m.h5", change=lambda file: change(file, folder)), says, error)


def array(**options: Any) -> Change:
    """Return the change that puts another array in the place of the kernel."""

    def change(file: h5py.File, folder: Path) -> None:
        del file[f"{VARS}/0"]
        file.create_dataset(f"{VARS}/0", **options)

    return change


def link(what: Any) -> Change:
    def change(file: h5py.File, folder: Path) -> None:
        del file[f"{VARS}/0"]
        file[f"{VARS}/0"] = what(folder) if callable(what) else what

    return change


def external(file: h5py.File, folder: Path) -> None:
    """Keep the kernel in the secret file, as CVE-2026-1669 does."""
    del file[f"{VARS}/0"]
    file.create_dataset(f"{VARS}/0", shape=(12,), dtype="u1", external=[(str(secret(folder)), 0, 12)])


def view(file: h5py.File, folder: Path) -> None:
    layout = h5py.VirtualLayout((16, 2), "f4")
    layout[:] = h5py.VirtualSource(str(secret(folder)), "x", (16, 2))
    del file[f"{VARS}/0"]
    file.create_virtual_dataset(f"{VARS}/0", layout)


def circle(file: h5py.File, folder: Path) -> None:
    file["layers/again"] = file["layers"]


def deep_groups(file: h5py.File, folder: Path) -> None:
    file.create_group("/".join(["deep", *"g" * 41]))


def named_type(file: h5py.File, folder: Path) -> None:
    file["layers/type"] = np.dtype("f4")


def unwritten(file: h5py.File, folder: Path) -> None:
    del file[f"{VARS}/0"]
    file.create_dataset(f"{VARS}/0", shape=(2**40, 2**20), dtype="f4", chunks=(1024, 1024))


def bomb(file: h5py.File, folder: Path) -> None:
    """Write one packed chunk of zeros again and again: 256 MB in 260 kB."""
    packed = zlib.compress(bytes(1 << 20), 9)
    del file[f"{VARS}/0"]
    made = file.create_dataset(f"{VARS}/0", shape=(256, 1 << 18), dtype="f4", chunks=(1, 1 << 18), compression="gzip")
    for row in range(256):
        made.id.write_direct_chunk((row, 0), packed)


def attribute(name: str, value: Any, where: str = VARS) -> Change:
    def change(file: h5py.File, folder: Path) -> None:
        file[where].attrs[name] = value

    return change


def parts(file: h5py.File, folder: Path) -> None:
    """Give a name in as many parts as an attribute can have, each near the limit."""
    for number in range(40):
        file[VARS].attrs.create(f"weight_names{number}", np.full(30, b"x" * 2_000))


LINKS = [
    made(
        "an external link",
        link(lambda folder: h5py.ExternalLink(str(secret(folder)), "/")),
        "are a link to another file",
    ),
    made("an external link to a device", link(h5py.ExternalLink("/dev/stdin", "/x")), "are a link to another file"),
    made("a soft link", link(h5py.SoftLink("/layers/dense/vars/1")), "are a link to another place"),
    made("a soft link to nothing", link(h5py.SoftLink("/nowhere")), "are a link to another place"),
    made("a soft link to itself", link(h5py.SoftLink(f"/{VARS}/0")), "are a link to another place"),
    made("a circle of groups", circle, "are linked twice in the file"),
    made("an array linked twice", lambda file, _: file.__setitem__("layers/b", file[f"{VARS}/0"]), "are linked twice"),
    made("the root linked again", lambda file, _: file.__setitem__("layers/root", file["/"]), "are linked twice"),
    made("groups 42 deep", deep_groups, "nested more than 40 groups deep"),
    made("an array in another file (CVE-2026-1669)", external, "are kept in another file"),
    made("a view of another file", view, "are a view of other arrays"),
    made("a named type", named_type, "hold a named type at '/layers/type'"),
    made_h5(
        "h5: an external link",
        lambda file, folder: file["model_weights"].__setitem__("x", h5py.ExternalLink(str(secret(folder)), "/")),
        "are a link to another file",
        RefusedModel,
    ),
    made_h5(
        "h5: a circle", lambda file, _: file["model_weights"].__setitem__("x", file["/"]), "linked twice", RefusedModel
    ),
    made_h5(
        "h5: an external link in the optimizer",
        lambda file, folder: file.create_group("optimizer_weights").__setitem__(
            "x", h5py.ExternalLink(str(secret(folder)), "/")
        ),
        "another file",
        RefusedModel,
    ),
]

TYPES = [
    made(f"an array of {name}", array(**options), says)
    for name, options, says in (
        ("texts", {"data": [b"a", b"b"]}, "aren't numbers (their type is"),
        ("texts of any length", {"data": ["a", "b"], "dtype": h5py.string_dtype()}, "aren't numbers"),
        ("lists of any length", {"shape": (2,), "dtype": h5py.vlen_dtype(np.dtype("f4"))}, "aren't numbers"),
        ("references", {"shape": (2,), "dtype": h5py.ref_dtype}, "aren't numbers"),
        ("references to regions", {"shape": (2,), "dtype": h5py.regionref_dtype}, "aren't numbers"),
        ("records", {"data": np.zeros(2, [("a", "f4"), ("b", "f4")])}, "aren't numbers"),
        ("blobs", {"data": np.zeros(2, "V9")}, "aren't numbers"),
        ("complex numbers", {"data": np.zeros(2, complex)}, "aren't numbers (their type is complex128)"),
        ("arrays", {"shape": (2,), "dtype": np.dtype(("f4", (3,)))}, "aren't numbers"),
    )
] + [
    made("an array of no shape", array(data=h5py.Empty("f4")), "have no shape that a layer could use"),
    made("an array of 9 axes", array(data=np.zeros([1] * 9, "f4")), "have no shape that a layer could use"),
    made("an array packed with lzf", array(data=KERNEL, compression="lzf"), "packed with a filter that isn't gzip"),
    made("an array packed by scale", array(data=np.arange(32), scaleoffset=4, chunks=(32,)), "filter that isn't gzip"),
    made("a shape that nothing fills (CVE-2026-0897)", unwritten, "bytes, but the file holds only 0 for them"),
    made(
        "an array never written", array(shape=(10**9,), dtype="f4"), "declare 4,000,000,000 bytes, but the file holds"
    ),
    made("a bomb", bomb, "would grow from"),
]

ATTRIBUTES = [
    made("a name of 2,000 letters", attribute("name", "x" * 2_000), "'name' in the model file has 2,000 bytes"),
    made("a name that is a number", attribute("name", 7), "'name' in the model file isn't a text"),
    made("a name of two texts", attribute("name", [b"a", b"b"]), "'name' in the model file isn't a text"),
    made(
        "names that are numbers",
        attribute("weight_names", np.arange(1, 9)),
        "'weight_names' in the model file isn't a li",
    ),
    made("names of 2,000 letters", attribute("weight_names", [b"x" * 2_000]), "names something too long"),
    made("names in many parts", parts, "names something too long"),
    made(
        "references as names",
        attribute("weight_names", np.array([None], dtype=h5py.ref_dtype)),
        "isn't a list of names",
    ),
    made_h5(
        "h5: a layer that isn't there",
        attribute("layer_names", [b"evil"], "model_weights"),
        "'/model_weights/evil', but does",
    ),
    made_h5(
        "h5: a layer by a path",
        attribute("layer_names", [b"../../x"], "model_weights"),
        "'/model_weights/../../x', but",
    ),
    made_h5(
        "h5: a layer of no name",
        attribute("layer_names", [b""], "model_weights"),
        "names the weights '/model_weights/'",
    ),
    made_h5(
        "h5: weights that aren't there",
        attribute("weight_names", [b"evil"], "model_weights/dense"),
        "dense/evil', but doesn't hold them",
    ),
    made_h5(
        "h5: weights by a path", attribute("weight_names", [b"../../x"], "model_weights/dense"), "but doesn't hold them"
    ),
    made_h5(
        "h5: weights named twice",
        attribute("weight_names", [b"dense/kernel:0"] * 2, "model_weights/dense"),
        "damaged or incomplete",
    ),
    made_h5(
        "h5: a layer named twice", attribute("layer_names", [b"dense", b"dense"], "model_weights"), "damaged or inc"
    ),
    made_h5(
        "h5: names that are no text",
        attribute("layer_names", [1.5, 2.5], "model_weights"),
        "isn't a list of names",
        RefusedModel,
    ),
    made_h5(
        "h5: a version of 2,000 letters", attribute("keras_version", "2" * 2_000, "/"), "has 2,000 bytes", RefusedModel
    ),
    made_h5(
        "h5: no weights",
        lambda file, _: file.__delitem__("model_weights"),
        "holds no weights of that size",
        RefusedModel,
    ),
    made_h5(
        "h5: weights that are an array",
        lambda file, _: (file.__delitem__("model_weights"), file.create_dataset("model_weights", data=BIAS)),
        "holds no weights",
    ),
]


@table([*LINKS, *TYPES, *ATTRIBUTES])
def test_weights_that_are_no_plain_numbers_are_refused(row: Row, tmp_path: Path):
    held(row, tmp_path)


def test_the_number_of_objects_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_keras(tmp_path / "m.keras")
    objects = 1 + 3 + len(ARRAYS)
    monkeypatch.setattr(weights, "MAX_OBJECTS", objects)
    check(path, tmp_path)
    monkeypatch.setattr(weights, "MAX_OBJECTS", objects - 1)
    with pytest.raises(RefusedModel, match=f"more than {objects - 1} parts"):
        check(path, tmp_path)


@pytest.mark.parametrize("deep", [40, 41])
def test_the_depth_of_groups_holds_exactly(deep: int, tmp_path: Path):
    path = write_keras(tmp_path / "m.keras", change=lambda file: file.create_group("/".join("g" * deep)))
    if deep == 40:
        assert check(path, tmp_path).n_parameters == 34
    else:
        with pytest.raises(RefusedModel, match="more than 40 groups deep"):
            check(path, tmp_path)


def test_what_is_packed_as_honest_files_are_is_read(tmp_path: Path):
    def change(file: h5py.File) -> None:
        for name, options in (
            ("gzip", {"compression": "gzip"}),
            ("shuffle", {"compression": "gzip", "shuffle": True}),
            ("checksum", {"fletcher32": True}),
            ("chunks", {"chunks": (4, 2)}),
        ):
            file.create_dataset(f"layers/{name}/vars/0", data=KERNEL, **options)
        file.create_dataset("layers/zeros/vars/0", data=np.zeros((4096, 4096), "f4"), compression="gzip")

    assert check(write_keras(tmp_path / "m.keras", change=change), tmp_path).n_parameters == 34 + 4 * 32 + (1 << 24)

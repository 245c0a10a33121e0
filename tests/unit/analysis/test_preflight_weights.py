"""The weights: links, types, sizes, and a copy that holds nothing else."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from nnvis_dash.analysis.preflight import check
from nnvis_dash.analysis.preflight.weights import copy_weights, inspect_weights, opened, read_text
from nnvis_dash.errors import ModelError, RefusedModel
from tests.security.crafted import ARRAYS, BIAS, KERNEL, h5_bytes, write_h5, write_keras


def write(path: Path, change: Callable[[h5py.File], None] | None = None) -> Path:
    path.write_bytes(h5_bytes(ARRAYS, change))
    return path


def inspect(path: Path, limit: int = 10**6):
    with opened(path) as file:
        return inspect_weights(file, limit)


def test_what_is_found_in_an_honest_file(tmp_path: Path):
    found = inspect(write(tmp_path / "w.h5"))
    assert found.n_parameters == 16 * 2 + 2
    assert found.extents == {16, 2}
    assert found.arrays == {"/layers/dense/vars/0": (16, 2), "/layers/dense/vars/1": (2,)}
    assert found.groups == ("/layers", "/layers/dense", "/layers/dense/vars")


def test_the_copy_has_the_same_values_and_only_the_names_that_keras_reads(tmp_path: Path):
    def change(file: h5py.File) -> None:
        file["layers/dense/vars"].attrs["name"] = "dense"
        file["layers/dense/vars"].attrs["evil"] = "payload"
        file["layers/dense/vars/0"].attrs["evil"] = np.arange(3)
        file.create_dataset("optimizer/vars/0", data=np.ones(5))
        file.create_dataset("layers/half/vars/0", data=np.ones((3, 3), dtype=np.float16), compression="gzip")
        file.create_dataset("layers/none/vars/0", data=np.float64(2.5))
        file.create_dataset("layers/empty/vars/0", shape=(0, 4), dtype="f4")

    source, target = write(tmp_path / "w.h5", change), tmp_path / "copy.h5"
    with opened(source) as file:
        copy_weights(file, inspect_weights(file, 1000), target)
    with h5py.File(target) as copy:
        np.testing.assert_array_equal(copy["layers/dense/vars/0"][()], KERNEL)
        np.testing.assert_array_equal(copy["layers/dense/vars/1"][()], BIAS)
        assert copy["layers/half/vars/0"].dtype == np.float16 and copy["layers/half/vars/0"].compression is None
        assert copy["layers/none/vars/0"][()] == 2.5
        assert copy["layers/empty/vars/0"].shape == (0, 4)
        assert dict(copy["layers/dense/vars"].attrs) == {"name": "dense"}
        assert not dict(copy["layers/dense/vars/0"].attrs)
        assert "optimizer" not in copy


def test_a_large_array_is_copied_whole_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("nnvis_dash.analysis.preflight.weights.COPY_BYTES", 24)  # one row and a half
    values = np.arange(7 * 4, dtype=np.float32).reshape(7, 4)
    source, target = tmp_path / "w.h5", tmp_path / "copy.h5"
    source.write_bytes(h5_bytes({"layers/a": values}))
    with opened(source) as file:
        copy_weights(file, inspect_weights(file, 1000), target)
    with h5py.File(target) as copy:
        np.testing.assert_array_equal(copy["layers/a"][()], values)


def _external_link(file: h5py.File) -> None:
    file["layers/x"] = h5py.ExternalLink("/etc/hostname", "/x")


def _soft_link(file: h5py.File) -> None:
    file["layers/x"] = h5py.SoftLink("/layers/dense")


def _second_link(file: h5py.File) -> None:
    file["layers/x"] = file["layers/dense/vars/0"]


def _cycle(file: h5py.File) -> None:
    file["layers/x"] = file["layers"]


def _to_root(file: h5py.File) -> None:
    file["layers/x"] = file["/"]


def _external_array(file: h5py.File) -> None:
    file.create_dataset("layers/x", (4,), "u1", external=[("/etc/hostname", 0, 4)])


def _virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", (4,))
    file.create_virtual_dataset("layers/x", layout)


def _variable_length(file: h5py.File) -> None:
    file.create_dataset("layers/x", (1,), h5py.vlen_dtype(np.float32))


def _text(file: h5py.File) -> None:
    file.create_dataset("layers/x", data=np.array([b"text"]))


def _reference(file: h5py.File) -> None:
    file.create_dataset("layers/x", (1,), h5py.ref_dtype)


def _compound(file: h5py.File) -> None:
    file.create_dataset("layers/x", (1,), np.dtype([("a", "f4")]))


def _named_type(file: h5py.File) -> None:
    file["layers/x"] = np.dtype("f4")


def _never_written(file: h5py.File) -> None:
    file.create_dataset("layers/x", (10_000, 10), "f4", chunks=(100, 10))


def _bomb(file: h5py.File) -> None:
    file.create_dataset("layers/x", (300_000, 300_000), "f4", chunks=(100, 100), compression="gzip")


def _filter(file: h5py.File) -> None:
    file.create_dataset("layers/x", data=np.ones((64, 64)), chunks=(8, 8), compression="lzf")


def _no_shape(file: h5py.File) -> None:
    file.create_dataset("layers/x", data=h5py.Empty("f4"))


@pytest.mark.parametrize(
    "change",
    [
        _external_link, _soft_link, _second_link, _cycle, _to_root, _external_array, _virtual, _variable_length, _text,
        _reference, _compound, _named_type, _never_written, _bomb, _filter, _no_shape,
    ],
)  # fmt: skip
def test_what_is_not_a_plain_array_is_refused_and_named(change: Callable[[h5py.File], None], tmp_path: Path):
    for path in (
        write_keras(tmp_path / "model.keras", change=change),
        write_h5(tmp_path / "model.h5", change=lambda file: (file.create_group("layers/dense/vars/0"), change(file))),
    ):
        folder = tmp_path / path.suffix
        folder.mkdir()
        with pytest.raises(RefusedModel) as caught:
            check(path, folder)
        assert any(says in str(caught.value) for says in ("layers/x", "linked twice", "parameters"))
        assert caught.value.mend


def test_gzip_may_pack_as_well_as_it_can(tmp_path: Path):
    zeros = np.zeros((1000, 1000), dtype=np.float32)  # packs about 1,000 times
    path = tmp_path / "w.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("layers/a", data=zeros, compression="gzip", chunks=(1000, 1000))
    assert inspect(path).n_parameters == 10**6


def test_parameters_are_limited_before_anything_is_read(tmp_path: Path):
    with pytest.raises(RefusedModel, match="more than 33 parameters"):
        inspect(write(tmp_path / "w.h5"), limit=33)
    assert inspect(tmp_path / "w.h5", limit=34).n_parameters == 34


def test_the_state_of_training_does_not_count(tmp_path: Path):
    path = write(tmp_path / "w.h5", lambda file: file.create_dataset("optimizer/vars/0", data=np.ones(5000)))
    assert inspect(path, limit=34).n_parameters == 34


def test_groups_are_not_nested_without_end(tmp_path: Path):
    path = write(tmp_path / "w.h5", lambda file: file.create_group("/".join("a" * 50)))
    with pytest.raises(RefusedModel, match="groups deep"):
        inspect(path)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_cut_off_file_is_said_to_be_incomplete(part: float, tmp_path: Path):
    whole = write_h5(tmp_path / "whole.h5").read_bytes()
    path = tmp_path / "cut.h5"
    path.write_bytes(whole[: math.floor(len(whole) * part)])
    with pytest.raises(ModelError, match=f"{math.floor(len(whole) * part):,} of {len(whole):,} bytes"):
        check(path, tmp_path)


def test_names_of_layers_survive_however_long_their_list(tmp_path: Path):
    names = np.array([f"layer_{number:0120d}".encode() for number in range(2000)])  # 126 bytes each, 252 kB

    def change(file: h5py.File) -> None:
        del file["model_weights"].attrs["layer_names"]
        for number in range(4):
            file["model_weights"].attrs[f"layer_names{number}"] = names[number * 500 : (number + 1) * 500]
        for name in names:
            file["model_weights"].create_group(name)

    checked = check(write_h5(tmp_path / "model.h5", change=change), tmp_path)
    with h5py.File(checked.clean) as copy:
        attributes = copy["model_weights"].attrs
        parts = [attributes[f"layer_names{number}"] for number in range(4)]
        np.testing.assert_array_equal(np.concatenate(parts), names)
        assert "layer_names" not in attributes and "layer_names4" not in attributes


def test_an_attribute_that_is_no_list_of_names_is_refused(tmp_path: Path):
    def change(file: h5py.File) -> None:
        file["model_weights"].attrs["layer_names"] = np.arange(3)

    with pytest.raises(RefusedModel, match="layer_names"):
        check(write_h5(tmp_path / "model.h5", change=change), tmp_path)


def test_a_text_may_be_stored_in_any_way_but_must_be_one_and_short(tmp_path: Path):
    def change(file: h5py.File) -> None:
        file.attrs["bytes"] = b"abc"
        file.attrs["text"] = "abc"
        file.attrs["fixed"] = np.bytes_("abc")
        file.attrs["array"] = np.array([b"abc"])
        file.attrs["number"] = 7
        file.attrs["two"] = np.array([b"abc", b"def"])

    with opened(write(tmp_path / "w.h5", change)) as file:
        for name in ("bytes", "text", "fixed", "array"):
            assert read_text(file, name, 1000) == b"abc"
            with pytest.raises(RefusedModel, match="bytes"):
                read_text(file, name, 2)
        assert read_text(file, "missing", 1000) is None
        for name in ("number", "two"):
            with pytest.raises(RefusedModel, match="isn't a text"):
                read_text(file, name, 1000)


def test_names_of_weights_are_short_and_may_be_none(tmp_path: Path):
    def long(file: h5py.File) -> None:
        file["model_weights/dense"].attrs["weight_names"] = np.array([b"x" * 1001])

    def none(file: h5py.File) -> None:
        file["model_weights/flatten"].attrs["weight_names"] = h5py.Empty("f8")

    with pytest.raises(RefusedModel, match="too long"):
        check(write_h5(tmp_path / "long.h5", change=long), tmp_path)
    checked = check(write_h5(tmp_path / "none.h5", change=none), tmp_path)
    with h5py.File(checked.clean) as copy:
        assert copy["model_weights/flatten"].attrs["weight_names"].size == 0


def test_a_file_that_names_what_it_does_not_hold_is_damaged(tmp_path: Path):
    def layer(file: h5py.File) -> None:
        file["model_weights"].attrs["layer_names"] = np.array([b"flatten", b"dense", b"other"])

    def weight(file: h5py.File) -> None:
        file["model_weights/dense"].attrs["weight_names"] = np.array([b"dense/kernel:0", b"../flatten"])

    for number, change in enumerate((layer, weight)):
        with pytest.raises(ModelError, match="doesn't hold them"):
            check(write_h5(tmp_path / f"{number}.h5", change=change), tmp_path)


def test_the_number_of_parts_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write(tmp_path / "w.h5")  # the root, three groups and two arrays
    monkeypatch.setattr("nnvis_dash.analysis.preflight.weights.MAX_OBJECTS", 6)
    assert inspect(path)
    monkeypatch.setattr("nnvis_dash.analysis.preflight.weights.MAX_OBJECTS", 5)
    with pytest.raises(RefusedModel, match="more than 5 parts"):
        inspect(path)


def test_a_full_disk_is_not_blamed_on_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    for target in ("weights.copy_weights", "archive.extract_weights"):
        with monkeypatch.context() as patched:
            patched.setattr(f"nnvis_dash.analysis.preflight.{target}", full)
            with pytest.raises(OSError, match="No space"):
                check(write_keras(tmp_path / "model.keras"), tmp_path)

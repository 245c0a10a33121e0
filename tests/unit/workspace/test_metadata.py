"""Columns of metadata: read by file name, by number or in order; kept whole, and refused with what, value and mend."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nnvis_dash.commands import main
from nnvis_dash.errors import DatasetError, NotFound
from nnvis_dash.workspace.metadata import LONGEST, read_metadata, stored_metadata, write_metadata
from nnvis_dash.workspace.store import Workspace

NAMES = ("a/1.png", "a/2.png", "b/3.png")


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("m.csv", "file,site,lux\n2.png,north,3.5\na/1.png,south,\n"),
        ("m.csv", "lux,sample,site\n,0,south\n3.5,1,north\n"),
        ("m.tsv", "site\tlux\nsouth\t\nnorth\t3.5\n\t\n"),
        ("m.json", '[{"file": "1.png", "site": "south"}, {"site": "north", "file": "2.png", "lux": 3.5}]'),
        ("m.json", '{"a/2.png": {"lux": 3.5, "site": "north"}, "1.png": {"site": "south"}}'),
    ],
)
def test_rows_go_by_file_by_number_or_in_order(tmp_path: Path, name: str, text: str) -> None:
    found = read_metadata(written(tmp_path, name, text), 3, NAMES)
    assert set(found) == {"site", "lux"}
    assert found["site"].tolist() == ["south", "north", ""]
    np.testing.assert_array_equal(found["lux"], [np.nan, 3.5, np.nan])


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("m.csv", "", "0 columns"),
        ("m.csv", "file\n1.png\n", "0 columns"),
        ("m.csv", "file,a,a\n1.png,1,2\n", "has no title, or that of another"),
        ("m.csv", "file,a\n1.png\n", "Row 2 of 'm.csv' has 1 cells, its head 2"),
        ("m.csv", "file,a\n9.png,1\n", "'9.png', which is not among the images"),
        ("m.csv", "file,a\n1.png,1\na/1.png,2\n", "two rows for 'a/1.png'"),
        ("m.csv", "sample,a\n3,1\n", "Samples are 0 to 2"),
        ("m.csv", "sample,a\n-1,1\n", "is of the sample '-1'"),
        ("m.csv", "a\n1\n2\n", "has 2 rows for 3 images"),
        ("m.json", "{", "is not JSON"),
        ("m.json", "[1]", "holds no records"),
        ("m.csv", ",".join(f"c{n}" for n in range(70)) + "\n", "70 columns"),
        ("m.xls", "x", "can't be read from 'm.xls'"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, name: str, text: str, says: str) -> None:
    with pytest.raises(DatasetError, match=says.replace("(", r"\(")) as error:
        read_metadata(written(tmp_path, name, text), 3, NAMES)
    assert error.value.mend
    with pytest.raises(NotFound):
        read_metadata(tmp_path / "none.csv", 3)


def test_long_and_odd_text_is_cut_and_plain(tmp_path: Path) -> None:
    rows = [{"note": "x" * 500}, {"note": "a\u0000b"}, {"note": True}]
    found = read_metadata(written(tmp_path, "m.json", json.dumps(rows)), 3)
    assert found["note"].tolist() == ["x" * LONGEST, "a b", "True"]


def test_what_is_kept_comes_back_and_damage_is_said(tmp_path: Path) -> None:
    columns = {"a b": np.array([1.0, np.nan]), "ü": np.array(["x", ""])}
    write_metadata(tmp_path, columns)
    again = stored_metadata(tmp_path)
    assert list(again) == list(columns) and again["ü"].tolist() == ["x", ""]
    np.testing.assert_array_equal(again["a b"], columns["a b"])
    assert [path.name for path in tmp_path.iterdir()] == ["metadata.npz"]
    (tmp_path / "metadata.npz").write_bytes(b"PK\x03\x04 no")
    with pytest.raises(DatasetError, match="damaged"):
        stored_metadata(tmp_path)
    assert stored_metadata(tmp_path / "elsewhere") == {}


def test_a_folder_brings_its_metadata_and_a_command_replaces_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "photos"
    for number, name in enumerate(NAMES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (50 * number, 0, 0)).save(folder / name)
    written(folder, "metadata.csv", "file,site\n1.png,north\n2.png,south\n3.png,north\n")
    workspace = Workspace(tmp_path / "ws")
    card, _ = workspace.add_dataset(folder)
    data = workspace.dataset(card.name)
    order = [name.rpartition("/")[2] for name in data.file_names]
    expected = {"1.png": "north", "2.png": "south", "3.png": "north"}
    assert data.metadata["site"].tolist() == [expected[name] for name in order]
    assert data.take([2, 0]).metadata["site"].tolist() == [expected[order[2]], expected[order[0]]]
    given = written(tmp_path, "more.json", json.dumps([{"day": 1}, {"day": 2}, {"day": 3}]))
    assert main(["add-metadata", card.name, str(given), "--workspace", str(tmp_path / "ws")]) == 0
    assert "has day of each sample" in capsys.readouterr().out
    assert list(workspace.dataset(card.name).metadata) == ["day"]
    assert main(["add-metadata", card.name, str(tmp_path / "no.csv"), "--workspace", str(tmp_path / "ws")]) == 1
    assert "There is no file 'no.csv'" in capsys.readouterr().err


def test_metadata_that_can_not_be_used_leave_the_workspace_as_it_was(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "ws")
    images = np.zeros((3, 4, 4, 1), np.uint8)
    with pytest.raises(DatasetError):
        workspace.add_dataset(images, metadata=written(tmp_path, "m.csv", "a\n1\n"))
    assert workspace.datasets() == []
    card, _ = workspace.add_dataset(images, extras={"split": np.array([0, 1, 1])})
    assert workspace.dataset(card.name).metadata["split"].tolist() == [0, 1, 1]

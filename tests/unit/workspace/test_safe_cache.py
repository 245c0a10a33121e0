"""A cache whose file is damaged is begun anew in every process and thread that has it open; network disks."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

from nnvis_dash.errors import NNVisError
from nnvis_dash.workspace import filesystem, safe_cache
from nnvis_dash.workspace.disk import is_full
from nnvis_dash.workspace.filesystem import is_network, kind_of
from nnvis_dash.workspace.safe_cache import SafeCache, is_damage

MOUNTS = """\
/dev/vda / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/vdb /home/local xfs rw 0 0
sshfs /mnt/a\\040b fuse.sshfs rw 0 0
tmpfs /mnt tmpfs rw 0 0
"""


def spoil(folder: Path, how: str) -> None:
    file = folder / "cache.db"
    data = bytearray(file.read_bytes())
    if how == "torn":
        data = data[: len(data) // 2]
    elif how == "other":
        data = bytearray(b"not a database" * 200)
    else:
        for place in range(100, len(data), 64):
            data[place] ^= 255
    file.write_bytes(data)


@pytest.mark.parametrize("how", ["torn", "other", "flipped"])
def test_a_cache_that_is_damaged_at_the_start_is_begun_anew(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "c"
    cache = SafeCache(folder)
    for number in range(200):
        cache.set(f"key-{number}", {"n": number})
    cache.close()
    spoil(folder, how)
    again = SafeCache(folder)
    assert again.get("key-3") is None
    again.set("key-3", [1])
    assert again.get("key-3") == [1]
    assert len(list(tmp_path.glob("c-damaged-*"))) == 1
    assert oct(folder.stat().st_mode)[-3:] == "700"


@pytest.mark.parametrize("how", ["other", "flipped"])
def test_damage_in_the_middle_is_mended_for_all_who_have_it_open(tmp_path: Path, how: str) -> None:
    folder = tmp_path / "c"
    one, other = SafeCache(folder), SafeCache(folder)
    for number in range(300):
        one.set(f"key-{number}", {"n": number, "text": "x" * 100})
    assert other.get("key-7")["n"] == 7
    with one._con as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    spoil(folder, how)

    def write(number: int) -> None:
        cache = (one, other)[number % 2]
        cache.set(f"new-{number}", number)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(40)))
    one.set("last", 1)  # what was written just before is gone with the file
    assert other.get("last") == one.get("last") == 1
    assert len(list(tmp_path.glob("c-damaged-*"))) == 1


def test_a_cache_that_was_removed_is_there_again(tmp_path: Path) -> None:
    cache = SafeCache(tmp_path / "c")
    cache.set("a", 1)
    (tmp_path / "c").rename(tmp_path / "elsewhere")
    cache.set("a", 2)
    assert cache.get("a") == SafeCache(tmp_path / "c").get("a") == 2


def test_errors_of_sqlite_are_told_apart() -> None:
    assert is_damage(sqlite3.DatabaseError("database disk image is malformed"))
    assert is_damage(sqlite3.DatabaseError("file is not a database"))
    assert is_damage(sqlite3.OperationalError("disk I/O error"))
    assert not is_damage(sqlite3.OperationalError("database is locked"))
    assert not is_damage(sqlite3.OperationalError("database or disk is full"))
    assert is_full(sqlite3.OperationalError("database or disk is full"))
    assert not is_damage(KeyError("a"))


def test_a_full_disk_leaves_what_is_there_and_its_own_error(tmp_path: Path) -> None:
    cache = SafeCache(tmp_path / "c")
    cache.set("a", 1)
    cache._con.execute(f"PRAGMA max_page_count = {cache._con.execute('PRAGMA page_count').fetchone()[0]}")
    assert (tmp_path / "c.reserve").stat().st_size == 2**20
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for number in range(1000):
            cache.set(f"b{number}", list(range(number, number + 4000)), retry=True)
    assert not (tmp_path / "c.reserve").exists()  # it was given back, and it was tried again
    assert cache.get("a") == 1


def test_the_file_system_of_a_folder_is_that_of_its_deepest_mount(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(MOUNTS)
    for path, kind in {
        "/home/me/workspace": "nfs4",
        "/home/local/x": "xfs",
        "/var": "ext4",
        "/mnt/a b/c": "fuse.sshfs",
        "/mnt/a": "tmpfs",
        "/homes": "ext4",
    }.items():
        assert kind_of(Path(path), mounts) == kind, path
    assert kind_of(Path("/"), tmp_path / "none") == ""
    assert is_network("nfs4") and is_network("fuse.sshfs") and not is_network("ext4") and not is_network("")


def test_on_a_network_disk_there_is_no_shared_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filesystem, "kind_of", lambda path: "nfs4")
    cache = SafeCache(tmp_path / "c")
    cache.set("a", 1)
    assert cache._con.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert cache.get("a") == 1
    assert {entry.name for entry in (tmp_path / "c").iterdir()} == {"cache.db"}


def test_a_disk_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(filesystem.fcntl, "lockf", none)
    with pytest.raises(NNVisError, match=r"keeps no locks. Put it on a local disk"):
        SafeCache(tmp_path / "c")


def test_a_cache_is_opened_once_there_is_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SafeCache(tmp_path / "c").close()
    assert (tmp_path / "c.reserve").exists()
    tried: list[int] = []
    true_examine = SafeCache._examine

    def full_at_first(self: SafeCache) -> None:
        tried.append(1)
        if len(tried) < 3:
            assert len(tried) == 1 or not (tmp_path / "c.reserve").exists()  # it was given back
            raise sqlite3.OperationalError("database or disk is full")
        true_examine(self)

    monkeypatch.setattr(SafeCache, "_examine", full_at_first)
    monkeypatch.setattr(safe_cache, "_RETRY", 0.01)
    cache = SafeCache(tmp_path / "c")
    cache.set("a", 1)
    assert (len(tried), cache.get("a")) == (3, 1)


def test_an_input_error_on_a_full_disk_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = SafeCache(tmp_path / "c")
    cache.set("a", 1)

    def fail() -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setattr(safe_cache.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(sqlite3.OperationalError):
        cache.guarded(fail)
    assert cache.get("a") == 1 and not list(tmp_path.glob("c-damaged-*"))


def test_two_that_begin_at_once_share_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One looks for the file before the other made it, and connects to it afterwards."""
    first = SafeCache(tmp_path / "cache")
    looked: list[int | None] = []
    look = SafeCache._inode

    def late(cache: SafeCache) -> int | None:
        looked.append(None if not looked else look(cache))
        return looked[-1]

    monkeypatch.setattr(SafeCache, "_inode", late)
    second = SafeCache(tmp_path / "cache")
    assert looked[0] is None
    first.set("a", 1)
    assert second.get("a") == 1

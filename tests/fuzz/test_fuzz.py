"""A few changed inputs for every reader; and that the judge finds what it is there to find."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.store import Workspace
from tests.fuzz import judge, samples, session
from tests.fuzz.datasets import Adding
from tests.fuzz.judge import Given, children
from tests.fuzz.session import MAKERS, example, fuzz, keep

N_EXAMPLES = {"config": 80, "weights": 80, "keras": 80, "h5": 40, "saved_model": 20, "loaded": 12}  # of the others 150
FIRST = {"saved_model": 1, "loaded": 1}  # TensorFlow is started once, not for the real child too

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("target", MAKERS)
def test_changed_inputs_are_used_or_refused_in_words(target: str, tmp_path: Path):
    n, before = N_EXAMPLES.get(target, 150), children()
    report = fuzz(target, tmp_path, seed=4, n_examples=n, first=FIRST.get(target, 0))
    assert report.findings == []
    assert report.n_examples == n
    accepted = sum(report.answers[answer] for answer in report.answers if answer.startswith("accepted"))
    assert 0 < accepted < n, "so many are changed that all, or none, can be read"
    assert children() <= before


@pytest.mark.parametrize("target", [target for target in MAKERS if target != "saved_model"])
def test_an_example_is_made_again_from_its_number(target: str):
    assert example(target, 7, 3) == example(target, 7, 3) != example(target, 7, 4)


def answering(monkeypatch: pytest.MonkeyPatch, answer: Any) -> None:
    """Let `answer(workspace, source)` stand for what adds a dataset."""
    monkeypatch.setattr(Workspace, "add_dataset", lambda self, source, **options: answer(self, Path(source)))


def leave(workspace: Workspace, source: Path) -> None:
    (workspace.path / "cache" / "incoming" / "half").write_bytes(b"x")
    raise DatasetError("It is damaged", "Copy it again.")


def hold(workspace: Workspace, source: Path) -> None:
    HELD.append(source.open("rb"))
    raise DatasetError("It is damaged", "Copy it again.")


def start(workspace: Workspace, source: Path) -> None:
    HELD.append(subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
    raise DatasetError("It is damaged", "Copy it again.")


def take(workspace: Workspace, source: Path) -> None:
    np.ones(96 << 20, np.uint8).sum()
    raise DatasetError("It is damaged", "Copy it again.")


def raising(error: Exception) -> Any:
    def answer(workspace: Workspace, source: Path) -> None:
        raise error

    return answer


def show(workspace: Workspace, source: Path) -> None:
    raise DatasetError(f"The file {source} is damaged", "Copy it again.")


HELD: list[Any] = []
BAD = {
    "left behind": leave,
    "still open": hold,
    "a process is left": start,
    "took": take,
    "the message holds": show,
    "the message is not whole": raising(DatasetError("It is damaged")),
    "KeyError": raising(KeyError("x")),
}


@pytest.mark.parametrize("says", BAD)
def test_what_must_not_be_is_found_and_kept(says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    answering(monkeypatch, BAD[says])
    monkeypatch.setattr(judge, "MAX_GROWTH", 64 << 20)
    try:
        report = fuzz("npy", tmp_path / "work", n_examples=1, kept=tmp_path / "kept")
    finally:
        while HELD:
            held = HELD.pop()
            if isinstance(held, subprocess.Popen):
                held.communicate()
            else:
                held.close()
    (finding,) = report.findings
    assert says in finding and finding.startswith("npy --seed 0 --first 0: ")
    assert (tmp_path / "kept" / "npy-0-0" / "input" / "x.npy").read_bytes() == example("npy", 0, 0).files["x.npy"]
    assert says in (tmp_path / "kept" / "npy-0-0" / "said.txt").read_text()


def test_a_reader_that_does_not_come_back_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def loop(workspace: Workspace, source: Path) -> None:
        while True:
            pass

    answering(monkeypatch, loop)
    monkeypatch.setattr(session, "HANGS", 1)
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    (finding,) = fuzz("npy", tmp_path, n_examples=1).findings
    assert bool(signal.getitimer(signal.ITIMER_REAL)[0]) == bool(before), "pytest's limit is lost"
    assert "no answer within 1 s" in finding and "in loop" in finding


def test_a_good_input_is_used_and_what_is_given_is_kept(tmp_path: Path):
    given = Given({"x.npy": example("npy", 0, 0).files["x.npy"], "0.png": b"no image"}, "0.png")
    assert Adding(tmp_path / "work")(given) == "DatasetError"
    assert Adding(tmp_path / "other")(Given({"0.png": samples.images()["rgb.png"]})) == "accepted"
    keep(tmp_path / "kept", given, "said")
    assert sorted(path.name for path in (tmp_path / "kept").rglob("*")) == ["0.png", "input", "said.txt", "x.npy"]

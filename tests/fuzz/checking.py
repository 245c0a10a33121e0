"""Gives model files to child processes: to one that stays, and to the one that NNVis itself starts for each file."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from nnvis_dash.analysis import quarantine
from nnvis_dash.analysis.quarantine import Limits
from nnvis_dash.errors import NNVisError
from tests.fuzz.judge import Finding, Given, nothing_left, read_error

PATIENCE = 5.0  # seconds of the child for one file; HDF5 loops for ever on some, which then go through real limits
_START = 90.0  # seconds for the first answer: TensorFlow is imported before it
_LIMITS = Limits(check_seconds=2, load_seconds=60)
_ADDING = {
    "name": "m", "source": "m", "preprocessing": "auto", "class_names": None, "resize": "squash", "head": None,
    "input_size": None, "output": None, "notes": {},
}  # fmt: skip


class Child:
    """The process of `child`: started when it is first asked, and anew after it was ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, task: str, request: dict[str, Any]) -> dict[str, Any] | None:
        """Return the answer; None where the file made the child hang or die."""
        first = self._process is None
        if self._process is None:
            with (self._folder / "stderr.txt").open("wb") as stderr:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "tests.fuzz.child"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=stderr,
                    env={**os.environ, "KERAS_BACKEND": "tensorflow", "CUDA_VISIBLE_DEVICES": "-1"},
                    start_new_session=True,
                )
        child = self._process
        assert child.stdin is not None and child.stdout is not None
        try:
            child.stdin.write(json.dumps({"task": task, "request": request}).encode() + b"\n")
            child.stdin.flush()
        except BrokenPipeError:
            self.close()
            return None
        ready, _, _ = select.select([child.stdout], [], [], _START if first else PATIENCE)
        line = child.stdout.readline() if ready else b""
        if not line.endswith(b"\n"):
            self.close()
            return None
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._process.wait()
        self._process = None


_saved_model: dict[str, bytes] = {}  # the sample's files by name, made once


def saved_model_files(child: Child | None = None) -> dict[str, bytes]:
    """Return the files of a small SavedModel by name; TensorFlow makes them, in a child, and not the same each time."""
    if not _saved_model:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "sample"
            maker = child or Child(Path(folder))
            made = maker.ask("make", {"folder": str(root)})
            if child is None:
                maker.close()
            if made is None or "result" not in made:
                raise RuntimeError(f"no SavedModel could be made: {made}")
            for path in sorted(root.rglob("*")):
                if path.is_file():
                    _saved_model[path.relative_to(root).as_posix()] = path.read_bytes()
    return _saved_model


class Checking:
    """Checks inputs in a child process that stays, some of them in the one that NNVis uses."""

    def __init__(self, root: Path, task: str) -> None:
        self._root, self._task = root, task
        self._input, self._work, self._temporary = root / "input", root / "work", root / "temporary"
        self._temporary.mkdir()
        self._child = Child(root)
        if task == "freeze":
            saved_model_files(self._child)

    def close(self) -> None:
        """End the child."""
        self._child.close()

    def __call__(self, given: Given, through_limits: bool = False) -> str:
        """Return "accepted" or the kind of error; raises a `Finding` where what must hold doesn't."""
        path = given.write(self._input)
        self._work.mkdir()
        architecture = given.options.get("architecture")
        if architecture is not None and not architecture.startswith("keras:"):
            architecture = str(self._input / architecture)
        request = {
            "path": str(path), "folder": str(self._work), "architecture": architecture, "max_parameters": 1_000_000,
            "max_bytes": 10_000_000, "allow_saved_models": self._task == "freeze", **_ADDING,
        }  # fmt: skip
        try:
            answer = None if through_limits else self._child.ask(self._task, request)
            if answer is None:
                shutil.rmtree(self._work)
                self._work.mkdir()
                return self._through_limits(request)
            if "crash" in answer:
                raise Finding(answer["crash"])
            if "result" in answer:
                return "accepted"
            return self._refused(NNVisError(answer["what"], answer["mend"]), answer["kind"])
        finally:
            shutil.rmtree(self._input)
            shutil.rmtree(self._work)

    def _through_limits(self, request: dict[str, Any]) -> str:
        with nothing_left(self._temporary, self._input):
            try:
                quarantine.run(self._task, request, self._work, _LIMITS)
            except NNVisError as error:
                return self._refused(error, f"{type(error).__name__} within limits")
        return "accepted within limits"

    def _refused(self, error: NNVisError, kind: str) -> str:
        read_error(error, self._root)
        left = sorted(entry.name for entry in self._work.glob("clean*"))
        if left and self._task == "check":  # later steps work in a folder that goes with them
            raise Finding(f"half-written: {left}")
        return kind

"""Where model files are opened: one child process a file, with limits on time, memory and reach.

The parent never reads the file. The child checks it (standard library and h5py only, so that a file on which HDF5 loops
is stopped after seconds), and only then imports Keras, which loads the clean copy. The child answers in lines of JSON
and is always gone, with its whole process group, when `run` returns.

Invariant: what a child says is a phase, a result or a user's error; anything else that happens to it becomes a
ModelError here.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import resource
import select
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nnvis_dash import errors
from nnvis_dash.errors import EngineError, ModelError, NNVisError

log = logging.getLogger(__name__)

GB: Final = 1 << 30
_ANSWER_BYTES = 32 << 20
_LOOK = 0.2  # seconds between two looks at whether the answer is still wanted
_INHERITED = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH")
_ONLINE = ("HOME", "KERAS_HOME", "http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_PR_SET_PDEATHSIG = 1
_FULL = ModelError("There is no space left for the model", "Free some space in the workspace, then add it again.")
_REPORT = "Save it again with model.save('model.keras'); if that doesn't help, report it with the server's log."


@dataclass(frozen=True)
class Limits:
    """What a child may use."""

    check_seconds: int = 10  # CPU, for the check before Keras; more for large files, see `for_size`
    load_seconds: int = 300  # CPU, for Keras
    memory_bytes: int = 6 * GB  # address space: TensorFlow maps some 3 GB before it does anything

    def for_size(self, n_bytes: int) -> Limits:
        """Widen the limits for a file of `n_bytes`: Keras needs up to seven times its size."""
        return Limits(
            check_seconds=self.check_seconds + n_bytes // (20 << 20),
            load_seconds=self.load_seconds + n_bytes // (4 << 20),
            memory_bytes=max(self.memory_bytes, int(1.5 * GB) + 7 * n_bytes),
        )


def run(
    task: str,
    request: Mapping[str, Any],
    folder: Path,
    limits: Limits,
    *,
    online: bool = False,
    on_phase: Callable[[str], None] | None = None,
    on_wait: Callable[[], None] | None = None,
) -> dict[str, Any]:
    """Do a task of `quarantined` in a child process.

    Parameters
    ----------
    task : str
        A name of `quarantined.TASKS`.
    request : dict
        Plain values for it.
    folder : Path
        The child's working, home and temporary folder; the caller removes it.
    limits : Limits
    online : bool
        Whether the child may use the network and the user's own Keras folder.
    on_phase : callable, optional
        Called with "check", "load" or "fetch" as the child gets there.
    on_wait : callable, optional
        Called several times a second; what it raises ends the child.

    Returns
    -------
    dict : the task's result.

    Raises
    ------
    NNVisError
        What the child raised, or a ModelError for a limit that it ran into.
    """
    message = {"task": task, "request": dict(request), "limits": vars(limits), "online": online}
    command = [sys.executable, "-P", "-c", "from nnvis_dash.analysis import quarantine; quarantine.child()"]
    with (folder / "stderr.txt").open("wb") as stderr:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            cwd=folder,
            env=_environment(folder, online),
            start_new_session=True,
        )
    try:
        return _converse(child, json.dumps(message).encode(), limits, on_phase, on_wait)
    finally:
        _end(child)
        log.debug("the child's own log: %s", (folder / "stderr.txt").read_bytes()[-4000:].decode(errors="replace"))


def _converse(
    child: subprocess.Popen[bytes],
    message: bytes,
    limits: Limits,
    on_phase: Callable[[str], None] | None,
    on_wait: Callable[[], None] | None,
) -> dict[str, Any]:
    """Hand the message over and read lines until the result."""
    assert child.stdin is not None and child.stdout is not None  # both are pipes
    phase, received = "start", bytearray()
    deadline = time.monotonic() + _wall_seconds(phase, limits)
    try:
        child.stdin.write(message)
        child.stdin.close()
    except BrokenPipeError:
        raise _ended(phase, child.wait(), limits) from None
    while True:
        ready, _, _ = select.select([child.stdout], [], [], min(_LOOK, max(0.0, deadline - time.monotonic())))
        if on_wait is not None:
            on_wait()
        if not ready:
            if time.monotonic() >= deadline:
                raise _too_slow(phase, limits)
            continue
        piece = os.read(child.stdout.fileno(), 1 << 16)
        if not piece:
            raise _ended(phase, child.wait(timeout=30), limits)
        received += piece
        if len(received) > _ANSWER_BYTES:
            raise ModelError("The model's description is too large to keep", "Use a model with fewer layers.")
        if not piece.endswith(b"\n"):
            continue  # in the middle of an answer
        lines = bytes(received).splitlines()
        received.clear()
        for line in lines:
            answer = json.loads(line)
            if "phase" in answer:
                phase = answer["phase"]
                deadline = time.monotonic() + _wall_seconds(phase, limits)
                if on_phase is not None:
                    on_phase(phase)
            elif "error" in answer:
                raise _error(answer["error"])
            else:
                return dict(answer["result"])


def _environment(folder: Path, online: bool) -> dict[str, str]:
    """Return what a child sees of our environment: the way to Python's modules, and none of our secrets."""
    names = _INHERITED + (_ONLINE + _CERTIFICATES if online else ())
    package = str(Path(errors.__file__).resolve().parent.parent)
    return {
        "HOME": str(folder),
        **{name: os.environ[name] for name in names if name in os.environ},
        "TMPDIR": str(folder),
        "PYTHONPATH": os.pathsep.join([package, *(entry for entry in sys.path if entry and entry != package)]),
        "PYTHONNOUSERSITE": "1",
        "KERAS_BACKEND": "tensorflow",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "CUDA_VISIBLE_DEVICES": "-1",  # a GPU maps more address space than the limit
        "OMP_NUM_THREADS": "2",
    }


def _wall_seconds(phase: str, limits: Limits) -> float:
    """Wall clock is only for a child that sleeps or starves: several times the CPU time."""
    cpu = limits.load_seconds if phase in ("load", "fetch") else limits.check_seconds
    return {"fetch": 3600.0}.get(phase, 30 + 4.0 * cpu)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Kill the child's process group, which is its own, and wait for it."""
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            stream.close()
    if child.poll() is None:
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            log.debug("the child was gone already")
    child.wait()


def _error(record: Mapping[str, str]) -> NNVisError:
    """Build the error that the child raised."""
    kind = getattr(errors, record["kind"], ModelError)
    error: NNVisError = kind(record["what"], record["mend"])
    return error


def _too_slow(phase: str, limits: Limits) -> ModelError:
    if phase in ("start", "check"):
        return ModelError(
            f"The model file could not be read within {limits.check_seconds} seconds: it is damaged, or made to keep "
            "its reader busy",
            "Copy it again or save the model again with model.save('model.keras').",
        )
    if phase == "fetch":
        return ModelError("Fetching the model took too long", "Try again, or add it from a file.")
    return ModelError(
        f"Keras could not load the model within {limits.load_seconds} seconds", "Use a smaller model, or save it again."
    )


def _ended(phase: str, status: int, limits: Limits) -> NNVisError:
    """Say why a child ended without a result."""
    log.warning("the child that reads a model ended with status %s in phase %s", status, phase)
    if -status == signal.SIGXCPU:
        return _too_slow(phase, limits)
    if phase == "start":
        return EngineError(
            "The process that checks model files could not start", "See the server's log, or install NNVis again."
        )
    if phase == "check":
        return ModelError(
            "The model file is damaged: reading it ended abnormally",
            "Copy it again or save the model again with model.save('model.keras').",
        )
    return _too_large(limits)


def _too_large(limits: Limits) -> ModelError:
    return ModelError(
        f"The model could not be loaded with the {limits.memory_bytes / GB:.1f} GB of memory that it may take",
        "Use a smaller model, or save it again with model.save('model.keras').",
    )


def child() -> None:
    """Be the child: read the message, take the limits on, do the task, answer."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a library prints isn't an answer
    message = json.load(sys.stdin)
    limits = Limits(**message["limits"])
    _confine(limits, message["online"])

    def answer(record: Mapping[str, Any]) -> None:
        answers.write(json.dumps(record) + "\n")
        answers.flush()

    def begin(phase: str) -> None:
        seconds = limits.check_seconds if phase == "check" else limits.check_seconds + limits.load_seconds
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, resource.RLIM_INFINITY))
        answer({"phase": phase})

    try:
        from nnvis_dash.analysis.quarantined import TASKS

        answer({"result": TASKS[message["task"]](message["request"], begin)})
    except NNVisError as error:
        answer(_record(error))
    except MemoryError:
        answer(_record(_too_large(limits)))
    except Exception as error:  # the edge of this process: the parent is told, the traceback stays in the child's log
        traceback.print_exc()
        no_space = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        answer(_record(_FULL if no_space else ModelError(f"The model can't be used ({type(error).__name__})", _REPORT)))
    answers.close()
    os._exit(0)  # TensorFlow's threads have nothing left to say


def _record(error: NNVisError) -> dict[str, dict[str, str]]:
    return {"error": {"kind": type(error).__name__, "what": error.what, "mend": error.mend}}


def _confine(limits: Limits, online: bool) -> None:
    """Take the limits on, die with the parent, and leave the network where that is possible."""
    import ctypes

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if not online and hasattr(libc, "unshare") and libc.unshare(_CLONE_NEWNET) != 0 and os.geteuid() != 0:
        libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET)

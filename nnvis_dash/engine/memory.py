"""How much memory an engine worker may still take, and in words how much was missing.

The limit is the lowest of the machine's, the control group's (a container's) and the one that the worker was started
with, beyond which its nanny ends it.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import psutil

from nnvis_dash.errors import EngineError

GB = 10**9
_CGROUPS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"), Path("/sys/fs/cgroup/memory/memory.usage_in_bytes")),
)
_NUMPY = re.compile(r"Unable to allocate ([\d.]+) ([KMGTPE]?i?B)")
_TENSORFLOW = re.compile(r"shape\[([\d,]+)\] and type (\w+)")
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50, "EiB": 2**60}
_WIDTHS = {"double": 8, "int64": 8, "half": 2, "bfloat16": 2, "uint8": 1, "int8": 1, "bool": 1}
_RESERVE = 0.05  # of the limit, which stays free


def free_bytes(worker_limit: int = 0) -> int:
    """Return how many bytes this process may still take.

    Parameters
    ----------
    worker_limit : int
        Bytes that its nanny allows it; 0 for no limit.
    """
    free = [psutil.virtual_memory().available]
    for limit, used in _CGROUPS:
        try:
            free.append(int(limit.read_text()) - int(used.read_text()))
        except (OSError, ValueError):  # no such group, or "max"
            continue
    if worker_limit:
        free.append(int((1 - _RESERVE) * worker_limit) - psutil.Process().memory_info().rss)
    return max(0, min(free))


def is_shortage(error: BaseException) -> bool:
    """Whether an error means that there was not enough memory, of the machine or of a GPU."""
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"


def wanted_bytes(error: BaseException) -> int:
    """Return how many bytes were asked for in one piece when memory ran out; 0 where the error doesn't say."""
    said = str(error)
    if found := _NUMPY.search(said):
        return int(float(found[1]) * _UNITS[found[2]])
    if found := _TENSORFLOW.search(said):
        return math.prod(int(n) for n in found[1].split(",")) * _WIDTHS.get(found[2], 4)
    return 0


def shortage(error: BaseException, free: int, samples: int = 0) -> EngineError:
    """Return what to say to a person whose job needs more than there is; `samples`: that it was tried with last."""
    wanted = wanted_bytes(error)
    needs = f"about {wanted / GB:.1f} GB more" if wanted else "more memory than there is"
    for_what = " for a single image" if samples == 1 else ""
    return EngineError(
        f"The job needs {needs}{for_what}; there are {free / GB:.1f} GB",
        "Take a smaller model, smaller images or fewer samples, or give the engine more memory.",
    )

"""On the path of a server under `benchmarks.chaos`: its time of day is the true one and what a small file says.

Boot-time and monotonic clocks stay as they are, as they do when somebody sets a machine's clock.
"""

import mmap
import os
import struct
import time
from pathlib import Path

_path = os.environ.get("CHAOS_CLOCK")
if _path:
    with Path(_path).open("rb") as _file:
        _page = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
    _true = time.time
    time.time = lambda: _true() + struct.unpack("d", _page[:8])[0]

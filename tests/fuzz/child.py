"""The process in which changed model files are read: one line of JSON for each file, and one back.

It takes the limits on that NNVis's own child does, but stays for the next file, so that thousands can be tried. It is
ended where a file makes it hang or die; that file then goes through the real child.

Tasks are those of `quarantined`, and "make", which writes a SavedModel as a sample.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from typing import Any

from nnvis_dash.analysis import quarantine
from nnvis_dash.analysis.quarantine import Limits
from nnvis_dash.errors import NNVisError

MEMORY = Limits().memory_bytes


def _answer(task: str, request: dict[str, Any]) -> dict[str, Any]:
    from nnvis_dash.analysis.quarantined import TASKS

    if task == "make":
        from tests.saved_models import linear, save_function

        save_function(Path(request["folder"]), linear)
        return {"result": {}}
    try:
        result = TASKS[task](request, lambda phase: None)
    except NNVisError as error:
        return {"kind": type(error).__name__, "what": error.what, "mend": error.mend}
    except MemoryError:
        return {"kind": "ModelError", "what": "It takes too much memory", "mend": "Use a smaller model."}
    except Exception:
        return {"crash": traceback.format_exc()}
    return {"result": result}


def _twice(task: str, request: dict[str, Any]) -> dict[str, Any]:
    """Do a task; a clean copy that comes of a check is checked too.

    What was only copied has to pass. An .h5 file made of a .keras file holds no more than the weights that were found
    under their layers' names, so it may be refused for what it lacks, but never be repaired once more.
    """
    answer = _answer(task, request)
    if task != "check" or "result" not in answer:
        return answer
    folder = Path(request["folder"])
    clean, again = folder / answer["result"]["clean"], folder / "again"
    again.mkdir()
    second = _answer(task, {**request, "path": str(clean), "folder": str(again)})
    shutil.rmtree(again)
    if "crash" in second or ("result" not in second and clean.suffix == ".keras"):
        return {"crash": f"the clean copy doesn't pass the check: {second}"}
    if "result" in second and second["result"]["repaired"]:
        return {"crash": f"the clean copy is repaired once more: {second['result']['repaired']}"}
    return answer


def main() -> None:
    """Answer until there are no more lines."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    quarantine._confine(Limits(memory_bytes=MEMORY), online=False)
    for line in sys.stdin:
        message = json.loads(line)
        answers.write(json.dumps(_twice(message["task"], message["request"])) + "\n")
        answers.flush()
    with contextlib.suppress(OSError):
        answers.close()
    os._exit(0)


if __name__ == "__main__":
    main()

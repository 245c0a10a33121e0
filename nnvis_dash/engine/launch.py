"""How a request becomes a Dask task: the same way from a web worker and from a coordinator inside the engine.

The task's key holds the request's content and the row's attempt, so the scheduler itself runs equal requests once.
"""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import dask
from distributed import Client, Future, fire_and_forget

from nnvis_dash.engine.jobs import JobTable, Request, Row
from nnvis_dash.engine.kinds import KINDS
from nnvis_dash.errors import Cancelled, EngineError, NotFound
from nnvis_dash.logs import current_request
from nnvis_dash.person import current_person
from nnvis_dash.settings import Settings
from nnvis_dash.state.ids import content_key
from nnvis_dash.workspace.disk import check_room

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.artifacts import Artifact
    from nnvis_dash.workspace.store import Workspace

QUESTION = 20  # priority of what a person waits for while a slider moves
PERSON = 10  # priority of what a person waits for
COORDINATOR = 5
CHUNK = -10
# The worker resources that chunks take: `batch`, so that a thread stays free for a person, and where it is set a GPU
# (`dask worker --resources "batch=1 gpu=1"`); then workers without one serve clicks and coordinators only.
BATCH = {"batch": 1, **({"gpu": 1} if Settings.from_environment().gpu_chunks else {})}


def claim(
    table: JobTable,
    workspace: Workspace,
    request: Request,
    held: int = 0,
    people: Collection[str] = (),
    keep: bool = False,
) -> Row:
    """Take a share in the request's job, or begin its next attempt.

    Parameters
    ----------
    held : int
        The attempt that is shared already.
    people : collection of str
        The ids of those on whose behalf; the current person where none are named.
    keep : bool
        Whether the job goes on when nobody waits; batch kinds always do.

    Raises
    ------
    EngineError
        The disk has no room for new results.
    """
    row = table.get(request.key)
    if row is None or row.finished:
        check_room(workspace.path, Settings.from_environment().disk_limit_percent)
    try:
        title = request.read.title(workspace)
    except NotFound:  # the task itself will say so
        title = ""
    return table.claim(
        request,
        title or KINDS[request.kind].title,
        held,
        people or (current_person().key,),
        keep or request.read.batch,
    )


def noting_request() -> AbstractContextManager[None]:
    """Note beside the tasks that are submitted meanwhile which request they are for; the engine's log names it."""
    request = current_request()
    return dask.annotate(request=request) if request else nullcontext()


def launch(client: Client, workspace: Workspace, request: Request, attempt: int, keep: bool) -> Future:
    """Submit the task of a claimed request, or join the one that is there.

    Parameters
    ----------
    keep : bool
        Whether it is to end when nobody holds its future any more; batch kinds always are.
    """
    from nnvis_dash.engine.job import run

    path = str(workspace.path)
    parameters = request.read
    with noting_request():
        future = client.submit(
            run,
            path,
            request.kind,
            request.text,
            attempt,
            key=f"{request.kind}-{request.key}-{attempt}-{content_key(path)[:8]}",
            priority=COORDINATOR if parameters.batch else PERSON,
        )
    if keep or parameters.batch:
        fire_and_forget(future)
    return future


def require(job: Job, request: Request, message: str = "") -> Artifact:
    """Return the artifact of another request inside a job, whose progress shows that of the other while it waits.

    Raises
    ------
    Cancelled
        One of the two was cancelled.
    NNVisError
        What the other job raised.
    """
    from nnvis_dash.engine.job import EngineLost, outcome_error

    artifacts = job.workspace.artifacts
    if artifacts.sound(request.key):
        return artifacts.load(request.key)
    job.leave_thread()
    own = job.table.get(job.key)
    row = claim(job.table, job.workspace, request, people=own.people if own is not None else ())
    future = launch(job.client, job.workspace, request, row.attempt, keep=False)
    settled = threading.Event()
    future.add_done_callback(lambda _: settled.set())
    try:
        while not settled.wait(0.1):
            other = job.table.get(request.key)
            if other is not None:
                job.progress(other.done, other.total, message)
    except Cancelled:
        job.table.leave(request.key, row.attempt)
        raise
    finally:
        status = future.status
        outcome = future.result() if status == "finished" else {}
        future.release()
    if artifacts.has(request.key):
        return artifacts.load(request.key)
    if status == "finished" and outcome["state"] != "left":
        raise outcome_error(outcome)
    lost = EngineError if status == "error" else EngineLost
    raise lost(f"What the job needs was lost: {status}", "Start it again: what was computed is kept.")

"""The kinds of job, one file each: a frozen dataclass of parameters and one function that runs in an engine worker.

The function saves one artifact under the request's key. A *batch* kind is a coordinator that may take minutes: it is
kept running when nobody waits, and cuts its work into chunks. The others are single tasks that a person waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from nnvis_dash.engine.jobs import content
from nnvis_dash.registry import Registry

if TYPE_CHECKING:
    from nnvis_dash.engine.job import Job
    from nnvis_dash.workspace.store import Workspace

KindFunction: TypeAlias = Callable[["Job", Any], None]


@dataclass(frozen=True)
class KindParameters:
    """What the parameters of every kind have in common."""

    batch: ClassVar[bool] = False
    version: ClassVar[int] = 1  # to be raised when the same parameters give another artifact
    kept: ClassVar[bool] = True  # whether there is an artifact at the end

    def key(self, kind: str) -> str:
        """Return the key of the job and of its artifact."""
        return content(kind, self, self.version)

    def title(self, workspace: Workspace) -> str:
        """Return what the job tray calls the job; "" stands for the kind's own title."""
        return ""


KINDS: Registry[KindFunction] = Registry("kind of job", "nnvis_dash.engine.kinds")

"""Questions: what a person waits for while a slider moves, one file each.

A question is answered by one task in an engine worker, without a row, an artifact or a background job: it is asked
again at once when the slider has moved on, and what it says is too small to keep. Everything else is a job.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from nnvis_dash.registry import Registry

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk

# Returns plain values and arrays by name.
QuestionFunction: TypeAlias = Callable[["Desk", Any], dict[str, Any]]
QUESTIONS: Registry[QuestionFunction] = Registry("question", "nnvis_dash.engine.questions")

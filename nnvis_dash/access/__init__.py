"""Who may come in: hosts, origins, sign-in, headers and rate limits, before any route of the page runs.

`check` refuses settings that would leave the server open; `Door` stands before every request. Whatever isn't on the
written-down list `door.OPEN` passes all of it, so that a new route can't forget to.
"""

from nnvis_dash.access.door import Door
from nnvis_dash.access.rules import check

__all__ = ["Door", "check"]

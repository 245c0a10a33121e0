"""All that a page shows, in one value: what a link holds and what a change changes."""

from __future__ import annotations

from dataclasses import dataclass, field

from nnvis_dash.state.selection import Selection
from nnvis_dash.state.session import Session
from nnvis_dash.state.view import View


@dataclass(frozen=True)
class State:
    """The whole state of one page."""

    session: Session = field(default_factory=Session)
    selection: Selection = field(default_factory=Selection)
    view: View = field(default_factory=View)

"""What is chosen of what is looked at, and the view that chose it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from nnvis_dash.state.edits import Edit
from nnvis_dash.types import Unit

Correctness: TypeAlias = Literal["all", "wrong", "right"]
CORRECTNESS: tuple[str, ...] = get_args(Correctness)


@dataclass(frozen=True)
class Selection:
    """Samples, classes, units and a target.

    Parameters
    ----------
    samples : str
        As `ids.encode_ids` writes them; ``@<key>`` stands for a text that the server keeps under that key.
    primary, compared : int or None
        The sample that is tested, and the one beside it.
    classes : tuple of int
        Class indices that stay visible, ascending; empty: all.
    correctness : "all", "wrong" or "right"
        Which samples stay visible by the primary classifier's prediction.
    layer : str or None
        Layer of the primary classifier that is explained; None: its default.
    units : tuple of Unit
        Ascending, each once.
    pattern : str or None
        A neural pattern: the ordinal of each unit's layer among those with units and its channel, "0:12.1:5.3:77".
    target : int or None
        Class that is explained; None: the prediction.
    origin : str
        The view that spoke last, which isn't redrawn for what it said.
    derived : str
        The sample of the tray that is tested in place of the primary one; empty: none.
    edits : tuple of Edit
        What is done to the tested image, in this order.
    frozen : tuple of (layer, channels)
        Units of the primary classifier that pass zeros on: the numbers of each layer, as `ids.encode_ids` writes
        them, in the order of the layers' names.
    """

    samples: str = ""
    primary: int | None = None
    compared: int | None = None
    classes: tuple[int, ...] = ()
    correctness: Correctness = "all"
    layer: str | None = None
    units: tuple[Unit, ...] = ()
    pattern: str | None = None
    target: int | None = None
    origin: str = ""
    derived: str = ""
    edits: tuple[Edit, ...] = ()
    frozen: tuple[tuple[str, str], ...] = ()

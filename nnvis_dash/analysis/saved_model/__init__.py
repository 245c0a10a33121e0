"""SavedModels, where an administrator allows them: read as data in the child process, and kept as one finished graph.

A SavedModel is a program. So it is refused unless `Settings.allow_saved_models`; and even then nothing of it is run but
a graph of pure calculations, written out from it and held against a list.

    files       the folder or the zip: sizes, links, what is copied
    signature   what goes in and which output is read
    operations  the lists
    flatten     function calls written out
    variables   values from the checkpoint
    freeze      the finished graph
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nnvis_dash.analysis.saved_model.files import copy_files, is_saved_model, size_of

__all__ = ["add", "freeze_file", "is_saved_model", "size_of"]

STORED = "model.pb"
KIND = "kind"  # the card's note that says what it is


def freeze_file(request: Mapping[str, Any], begin: Callable[[str], None]) -> dict[str, Any]:
    """Write the finished graph of a SavedModel into the folder as `STORED`.

    Returns
    -------
    dict : the file's name ("frozen"), its hash ("content"), what wrote the SavedModel ("written_by"), its signature.
    """
    begin("check")
    folder = Path(request["folder"])
    source = folder / "saved_model"
    source.mkdir()
    copy_files(Path(request["path"]), source, request["max_bytes"])
    begin("load")
    from nnvis_dash.analysis.opaque import OpaqueGraph
    from nnvis_dash.analysis.saved_model import freeze, signature, variables

    meta_graph, written_by = signature.read_graph(source / "saved_model.pb")
    chosen = signature.choose(meta_graph, request.get("head"))
    size = request.get("input_size")
    shape = freeze.concrete_shape(chosen.shape, None if size is None else (size[0], size[1]))
    checkpoint = variables.Checkpoint(source / "variables" / "variables", request["max_parameters"])
    definition = freeze.freeze(meta_graph, chosen, checkpoint)
    freeze.check_shapes(definition, shape)
    data = definition.SerializeToString(deterministic=True)
    (folder / STORED).write_bytes(data)
    freeze.check_answers(OpaqueGraph.open(folder / STORED), shape)
    return {
        "frozen": STORED,
        "content": hashlib.sha256(data).hexdigest(),
        "written_by": written_by,
        "signature": chosen.name,
    }


def add(request: Mapping[str, Any], begin: Callable[[str], None]) -> dict[str, Any]:
    """Freeze a SavedModel and write its card."""
    found = freeze_file(request, begin)
    from nnvis_dash.analysis.card import describe, described_by
    from nnvis_dash.analysis.inspection import inspected
    from nnvis_dash.analysis.opaque import OpaqueGraph

    graph = OpaqueGraph.open(Path(request["folder"]) / found["frozen"])
    card = describe(
        graph,
        **described_by(request),
        content=found["content"],
        notes=notes(found) | request["notes"],
    )
    return {"card": inspected(graph, card).to_json(), "file": found["frozen"]}


def notes(found: Mapping[str, str]) -> dict[str, str]:
    """Return the card's lines for what `freeze_file` found."""
    lines = {KIND: f"a TensorFlow graph without layers (signature {found['signature']})"}
    if found["written_by"]:
        lines["written by"] = found["written_by"]
    return lines

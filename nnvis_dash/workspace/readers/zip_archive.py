"""A zip archive of a folder of images, read member by member; nothing is unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

from nnvis_dash.errors import DatasetError
from nnvis_dash.workspace.archive import open_archive, read_member
from nnvis_dash.workspace.class_folders import class_folders
from nnvis_dash.workspace.readers import READERS, Given, Reading, ReadOptions


@READERS.register(
    "zip", title="a zip of such a folder", reference="https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT"
)
def read_zip(source: Given, options: ReadOptions) -> Reading | None:
    """A zip of a folder of class folders, with or without the folder itself."""
    if not isinstance(source, Path) or not source.is_file():
        return None
    if source.suffix.lower() != ".zip" and not zipfile.is_zipfile(source):
        return None
    path = source
    with open_archive(path) as archive:
        members = {member.filename.replace("\\", "/"): member for member in archive.infolist()}
    found = class_folders(
        (name for name in members if not name.endswith("/")),
        (name for name in members if name.endswith("/")),
        path.name,
    )
    if not found.paths and {"config.json", "model.weights.h5"} <= members.keys():
        raise DatasetError(f"The file {path.name!r} is a Keras model, not a dataset", "Add it with add-model.")
    if not found.paths:
        raise DatasetError(f"There are no images in the archive {path.name!r}", "Zip a folder of class folders.")

    def files() -> Iterator[tuple[str, bytes]]:
        with open_archive(path) as archive:
            for name, shown in zip(found.paths, found.names, strict=True):
                yield shown, read_member(archive, members[name])

    return Reading(
        source=path.name,
        n_images=len(found.paths),
        labels=found.labels,
        class_names=found.class_names,
        file_names=found.names,
        notes=found.notes,
        files=files,
    )

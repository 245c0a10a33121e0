"""Small files in the formats that are read, with pixels that are known."""

from __future__ import annotations

import gzip
import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


def pixels(seed: int, *shape: int) -> np.ndarray:
    """Return random uint8."""
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def encoded(image: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """Encode (H, W), (H, W, 1) or (H, W, 3)."""
    stream = io.BytesIO()
    Image.fromarray(image[:, :, 0] if image.ndim == 3 and image.shape[2] == 1 else image).save(stream, kind, **options)
    return stream.getvalue()


def write_tree(root: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder; a name that ends with "/" is an empty folder."""
    root.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = root / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return root


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    """Write a zip archive."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def idx(array: np.ndarray) -> bytes:
    """Return an idx file of bytes."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_idx_pair(folder: Path, prefix: str, images: np.ndarray, labels: np.ndarray, zipped: bool = True) -> Path:
    """Write MNIST's pair of files and return that of the images."""
    suffix = ".gz" if zipped else ""
    for name, array in ((f"{prefix}-images-idx3-ubyte", images), (f"{prefix}-labels-idx1-ubyte", labels)):
        data = idx(array)
        (folder / f"{name}{suffix}").write_bytes(gzip.compress(data) if zipped else data)
    return folder / f"{prefix}-images-idx3-ubyte{suffix}"


def cifar(images: np.ndarray, labels: np.ndarray, coarse: np.ndarray | None = None) -> bytes:
    """Return CIFAR records of (N, 32, 32, 3) images."""
    planes = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
    columns = [labels[:, None], planes] if coarse is None else [coarse[:, None], labels[:, None], planes]
    return np.concatenate([column.astype(np.uint8) for column in columns], axis=1).tobytes()


def listing(root: Path) -> list[tuple[str, int]]:
    """Return every path below a folder with its size, but for the audit log, which notes what was done."""
    paths = (path for path in root.rglob("*") if path.relative_to(root).parts[0] != "audit")
    return sorted((str(path.relative_to(root)), path.stat().st_size if path.is_file() else -1) for path in paths)

"""Adding images to a workspace against a bare loop over the same files: Pillow's decoder, and numpy for idx.

    python -m benchmarks.intake [--rounds 9] [--write]

The bare loops only read and decode. Adding also checks every header and limit, hashes the content and writes it to the
disk (photographs as they are, small images as one array); the ratio is what that costs.
"""

from __future__ import annotations

import argparse
import gzip
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.report import Times, interleaved, table, write_section
from nnvis_dash.types import Images, Ints
from nnvis_dash.workspace.store import Workspace

COLUMNS = ("CPU time / bare loop (median)", "images/s (best)")
N_CLASSES = 10
NOTE = (
    "Adding reads, checks, hashes and writes; the bare loop reads and decodes. "
    "Every row of a table is the same images in the same run."
)


def photographs_like(n_images: int, side: int) -> Images:
    """Return smooth coloured images (n, side, side, 3) uint8 with some grain, which pack as photographs do."""
    rng = np.random.default_rng(0)
    images = np.empty((n_images, side, side, 3), np.uint8)
    for image in images:
        coarse = Image.fromarray(rng.integers(0, 256, (8, 8, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC), np.int16)
        image[:] = np.clip(smooth + rng.integers(-6, 7, smooth.shape), 0, 255)
    return images


def digits_like(n_images: int) -> Images:
    """Return (n, 28, 28) uint8, black around blocks of grain; gzip packs them 4 to 1, MNIST 5 to 1."""
    rng = np.random.default_rng(0)
    images = np.zeros((n_images, 28, 28), np.uint8)
    blocks = rng.integers(0, 256, (n_images, 5, 5), dtype=np.uint8) * rng.integers(
        0, 2, (n_images, 5, 5), dtype=np.uint8
    )
    images[:, 4:24, 4:24] = blocks.repeat(4, axis=1).repeat(4, axis=2)
    grain = rng.integers(0, 4, images.shape, dtype=np.uint8)
    return np.where(images > 16, images - grain, images)


def write_folder(root: Path, images: Images, suffix: str) -> list[Path]:
    """Write class folders; returns the files in order."""
    paths = []
    for number, image in enumerate(images):
        path = root / f"class_{number % N_CLASSES}" / f"{number:06d}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, quality=90)
        paths.append(path)
    return sorted(paths)


def write_zip(path: Path, root: Path, files: list[Path]) -> Path:
    """Pack the folder, stored: images are packed already."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for file in files:
            archive.write(file, file.relative_to(root))
    return path


def write_idx(folder: Path, images: Images, labels: Ints, zipped: bool) -> Path:
    """Write MNIST's pair of files; returns that of the images."""
    folder.mkdir()
    for name, array in (("images-idx3", images), ("labels-idx1", labels.astype(np.uint8))):
        header = bytes((0, 0, 8, array.ndim)) + np.array(array.shape, ">u4").tobytes()
        data = header + array.tobytes()
        path = folder / f"t10k-{name}-ubyte{'.gz' if zipped else ''}"
        path.write_bytes(gzip.compress(data, 6) if zipped else data)
    return next(folder.glob("*images*"))


def adding(workspace: Workspace, source: Path, n_images: int) -> Callable[[], None]:
    """Return the contestant that adds a source, and takes it away again so that the next round is like the first."""

    def run() -> None:
        card, new = workspace.add_dataset(source)
        assert new and card.n_samples == n_images
        workspace.remove_dataset(card.fingerprint)

    return run


def rows(times: Mapping[str, Times], base: str, n_images: int) -> list[tuple[str, str, str]]:
    """Return a table's rows, each against `base`."""
    return [(name, f"{own.ratio(times[base]):.2f}", f"{n_images / min(own.wall):,.0f}") for name, own in times.items()]


def files_table(folder: Path, workspace: Workspace, side: int, n_images: int, suffix: str, rounds: int) -> str:
    """Measure a folder and a zip of encoded images."""
    root = folder / f"{side}{suffix}"
    files = write_folder(root, photographs_like(n_images, side), suffix)
    archive = write_zip(folder / f"{side}{suffix}.zip", root, files)

    def bare() -> None:
        for path in files:
            with Image.open(path) as image:
                np.asarray(image.convert("RGB"))

    contestants = {
        "bare Pillow loop": bare,
        "a folder": adding(workspace, root, n_images),
        "a zip": adding(workspace, archive, n_images),
    }
    found = rows(interleaved(contestants, rounds), "bare Pillow loop", n_images)
    return table((f"{n_images:,} {suffix} of {side} × {side}", *COLUMNS), found)


def idx_table(folder: Path, workspace: Workspace, n_images: int, zipped: bool, rounds: int) -> str:
    """Measure idx files of MNIST's size, beside numpy that only reads them, and one that saves them as well."""
    rng = np.random.default_rng(0)
    images = digits_like(n_images)
    source = write_idx(folder / f"idx{zipped}", images, rng.integers(0, N_CLASSES, n_images), zipped)
    saved = folder / "saved.npy"

    def read() -> Images:
        data = gzip.decompress(source.read_bytes()) if zipped else source.read_bytes()
        return np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28)

    contestants = {
        "bare numpy": lambda: read().max(),  # so that every value is really there
        "numpy, and np.save": lambda: np.save(saved, read()),
        "idx.gz files" if zipped else "idx files": adding(workspace, source, n_images),
    }
    found = rows(interleaved(contestants, rounds), "bare numpy", n_images)
    return table((f"{n_images:,} of 28 × 28, {'gzip' if zipped else 'plain'}", *COLUMNS), found)


def main() -> None:
    """Measure all sources and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        workspace = Workspace(folder / "workspace")
        tables = []
        for side, n_images, suffix in ((224, 400, ".jpg"), (32, 3_000, ".png")):
            tables.append(files_table(folder, workspace, side, n_images, suffix, given.rounds))
            print(f"{tables[-1]}\n", flush=True)
        for zipped in (False, True):
            tables.append(idx_table(folder, workspace, 60_000, zipped, given.rounds))
            print(f"{tables[-1]}\n", flush=True)
    if given.write:
        write_section("intake", "Adding images", "\n\n".join([NOTE, *tables]))


if __name__ == "__main__":
    main()

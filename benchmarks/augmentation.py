"""Transformations of a batch against OpenCV, Pillow and TensorFlow doing the same to it: 8 bits in, 8 bits out.

Goal: the fastest of them, or within 10 %. Everybody has one thread and the strongest way that I know of its library:
OpenCV writes into a batch that is already there, TensorFlow gets the whole batch in a compiled function. A peer
with values that differ from ours by more than `NEAR` levels (in the middle of the images, one in a hundred) does
another job and isn't counted.
"""

from __future__ import annotations

import argparse
import io
import math
import os
import statistics
import time
from collections.abc import Callable
from typing import Any, TypeAlias

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import cv2
import keras
import numpy as np
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from benchmarks.report import Times, interleaved, table, write_section
from nnvis_dash.analysis.transformations import transform

Batch: TypeAlias = np.ndarray[Any, np.dtype[np.uint8]]
Job: TypeAlias = Callable[[Batch], Any]

SIZES = ((256, 32), (32, 224))  # images of a batch, pixels a side
PEERS = ("OpenCV", "Pillow", "TensorFlow")
DEGREES = {
    "rotation": 15.0,
    "translation_x": 7.3,
    "scale": 1.25,
    "shear": 10.0,
    "flip_horizontal": 1,
    "brightness": 30.0,
    "contrast": 1.5,
    "saturation": 1.5,
    "hue": 30.0,
    "blur": 1.5,
    "noise": 20.0,
    "jpeg": 70,
}
LEAST = 0.05  # seconds of a measurement: quick contestants run several times
NEAR = 2  # levels from ours, for 99 of 100 values of a peer that does the same job
NOTE = (
    "Processor time, one thread each, colour images; ratios are medians of {rounds} interleaved rounds, ours and "
    "OpenCV first in turn; above 1: ours is faster. ≈: another job (more than one value in a hundred is over {near} "
    "levels from ours: hue in 8-bit HSV, saturation by HSV, contrast about another mean, another JPEG decoder), not "
    "counted in the last column. –: the library has none."
)


def matrix(name: str, side: int) -> Any:
    """Return the (2, 3) matrix from a pixel's place to the place it is taken from."""
    degree, middle = DEGREES[name], (side - 1) / 2
    angle = math.radians(degree)
    turned = {
        "rotation": [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]],
        "translation_x": np.eye(2),
        "scale": np.eye(2) / degree,
        "shear": [[1.0, math.tan(angle)], [0.0, 1.0]],
    }[name]
    shift = (degree / 100 * side, 0.0) if name == "translation_x" else (0.0, 0.0)
    linear = np.array(turned)
    return np.column_stack((linear, middle - linear @ (middle, middle) - shift))


def each(change: Callable[[Any, Any], object]) -> Job:
    """Let OpenCV write each image into its place of a new batch."""

    def run(images: Batch) -> Batch:
        changed = np.empty_like(images)
        for image, result in zip(images, changed, strict=True):
            change(image, result)
        return changed

    return run


def opencv(name: str, side: int) -> Job:
    """Return OpenCV's way."""
    degree = DEGREES[name]
    if name in ("rotation", "translation_x", "scale", "shear"):
        places, flags = matrix(name, side), cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        edge = cv2.BORDER_REPLICATE
        return each(lambda i, o: cv2.warpAffine(i, places, (side, side), dst=o, flags=flags, borderMode=edge))
    if name == "flip_horizontal":
        return each(lambda i, o: cv2.flip(i, 1, dst=o))
    if name == "brightness":
        return each(lambda i, o: cv2.add(i, (degree, degree, degree, 0), dst=o))
    if name == "contrast":
        weights = np.array([0.299, 0.587, 0.114])
        return each(
            lambda i, o: cv2.addWeighted(i, degree, i, 0, (1 - degree) * float(weights @ cv2.mean(i)[:3]), dst=o)
        )
    if name == "saturation":
        mixing = degree * np.eye(3) + (1 - degree) * np.array([0.299, 0.587, 0.114])
        return each(lambda i, o: cv2.transform(i, mixing, dst=o))
    if name == "hue":
        return each(turn_hue)
    if name == "blur":
        return each(lambda i, o: cv2.GaussianBlur(i, (0, 0), degree, dst=o, borderType=cv2.BORDER_REPLICATE))
    if name == "noise":

        def add_noise(images: Batch) -> Batch:
            field = np.random.default_rng(0).standard_normal(images.shape[1:], np.float32) * np.float32(degree)
            whole = np.rint(field).astype(np.int16)
            return each(lambda i, o: cv2.add(i, whole, dst=o, dtype=cv2.CV_8U))(images)

        return add_noise
    quality = (cv2.IMWRITE_JPEG_QUALITY, 100 - int(degree))

    def compress(image: Any, result: Any) -> None:
        file = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)[1]
        result[...] = cv2.imdecode(file, cv2.IMREAD_COLOR_RGB)

    return each(compress)


def turn_hue(image: Any, result: Any) -> None:
    """Turn the hue in OpenCV's 32-bit HSV, which loses nothing."""
    cone = cv2.cvtColor(image.astype(np.float32), cv2.COLOR_RGB2HSV)
    cone[..., 0] += DEGREES["hue"]
    cv2.convertScaleAbs(cv2.cvtColor(cone, cv2.COLOR_HSV2RGB), dst=result)


def turn_hue_in_8_bits(image: Any, result: Any) -> None:
    """Turn the hue in OpenCV's 8-bit HSV."""
    cone = cv2.cvtColor(image, cv2.COLOR_RGB2HSV_FULL)
    cone[..., 0] += np.uint8(round(DEGREES["hue"] / 360 * 256))
    cv2.cvtColor(cone, cv2.COLOR_HSV2RGB_FULL, dst=result)


def pillow(name: str, side: int) -> Job | None:
    """Return Pillow's way, or None where it has none."""
    degree = DEGREES[name]

    def run(change: Callable[[Image.Image], Image.Image]) -> Job:
        return lambda images: np.stack([np.asarray(change(Image.fromarray(image))) for image in images])

    if name in ("rotation", "translation_x", "scale", "shear"):
        places = matrix(name, side)
        half = places[:, :2].sum(axis=1) / 2 - 0.5  # Pillow's places are of corners, not of middles
        data = tuple(np.column_stack((places[:, :2], places[:, 2] - half)).ravel())
        size, method, bilinear = (side, side), Image.Transform.AFFINE, Image.Resampling.BILINEAR
        return run(lambda image: image.transform(size, method, data, bilinear))
    if name == "flip_horizontal":
        return run(ImageOps.mirror)
    if name == "brightness":
        curve = [min(value + int(degree), 255) for value in range(256)] * 3
        return run(lambda image: image.point(curve))
    if name == "contrast":
        return run(lambda image: ImageEnhance.Contrast(image).enhance(degree))
    if name == "saturation":
        return run(lambda image: ImageEnhance.Color(image).enhance(degree))
    if name == "hue":
        turn = round(degree / 360 * 256)
        curve = [(value + turn) % 256 for value in range(256)] + 2 * list(range(256))
        return run(lambda image: image.convert("HSV").point(curve).convert("RGB"))
    if name == "blur":
        return run(lambda image: image.filter(ImageFilter.GaussianBlur(degree)))
    if name == "jpeg":

        def compress(image: Image.Image) -> Image.Image:
            file = io.BytesIO()
            image.save(file, "JPEG", quality=100 - int(degree))
            return Image.open(file)

        return run(compress)
    return None


def tensorflow(name: str, side: int) -> Job:
    """Return the way of tf.image and keras.ops.image."""
    degree = DEGREES[name]
    if name in ("rotation", "translation_x", "scale", "shear"):
        row = tf.constant([[*matrix(name, side).ravel(), 0.0, 0.0]], tf.float32)

        def change(images: Any) -> Any:
            return tf.raw_ops.ImageProjectiveTransformV3(
                images=images,
                transforms=row,
                output_shape=(side, side),
                fill_value=0.0,
                interpolation="BILINEAR",
                fill_mode="NEAREST",
            )

    elif name == "noise":

        def change(images: Any) -> Any:
            field = degree * tf.random.stateless_normal(images.shape[1:], (0, 0))
            return tf.saturate_cast(tf.round(tf.cast(images, tf.float32) + field), tf.uint8)

    elif name == "blur":
        size = 2 * round(4 * degree) + 1

        def change(images: Any) -> Any:
            blurred = keras.ops.image.gaussian_blur(
                tf.cast(images, tf.float32), (size, size), (degree, degree), data_format="channels_last"
            )
            return tf.cast(tf.round(blurred), tf.uint8)

    elif name == "jpeg":

        def change(images: Any) -> Any:
            return tf.map_fn(lambda image: tf.image.adjust_jpeg_quality(image, 100 - int(degree)), images)

    else:
        image = tf.image
        changes: dict[str, Callable[[Any], Any]] = {
            "flip_horizontal": image.flip_left_right,
            "brightness": lambda images: image.adjust_brightness(images, degree / 255),
            "contrast": lambda images: image.adjust_contrast(images, degree),
            "saturation": lambda images: image.adjust_saturation(images, degree),
            "hue": lambda images: image.adjust_hue(images, degree / 360),
        }
        change = changes[name]
    compiled = tf.function(change)
    return lambda images: compiled(tf.constant(images)).numpy()


def photographs(count: int, side: int) -> Batch:
    """Return images (count, side, side, 3) uint8 with the soft shapes and the grain of photographs."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 255, (count, 6, 6, 3)).astype(np.float32)
    soft = np.stack([cv2.resize(image, (side, side), interpolation=cv2.INTER_CUBIC) for image in coarse])
    return np.clip(soft + rng.normal(0, 6, soft.shape), 0, 255).astype(np.uint8)


def often(run: Job, images: Batch) -> tuple[Callable[[], object], int]:
    """Return a run of `LEAST` seconds, in which a cold first batch hardly counts, and its number of batches."""
    quickest = LEAST
    for _ in range(5):
        began = time.process_time()
        run(images)
        quickest = min(quickest, time.process_time() - began)
    count = max(1, math.ceil(LEAST / max(quickest, 1e-6)))

    def repeated() -> None:
        for _ in range(count):
            run(images)

    return repeated, count


def measure(name: str, n_images: int, side: int, rounds: int) -> list[str]:
    """Return a row: transformation, our images a second, ratios to the peers, ratio to the best that counts."""
    images = photographs(n_images, side)
    ways: dict[str, Job | None] = {
        "ours": lambda batch: transform(batch, name, DEGREES[name]),
        "OpenCV": opencv(name, side),
        "Pillow": pillow(name, side),
        "TensorFlow": tensorflow(name, side),
    }
    if name == "hue":
        ways["OpenCV, 8-bit HSV"] = each(turn_hue_in_8_bits)
    jobs = {peer: way for peer, way in ways.items() if way}
    middle = (slice(None), slice(side // 4, -side // 4), slice(side // 4, -side // 4))
    truth = jobs["ours"](images)[middle].astype(int)
    same = {
        peer: name == "noise" or np.quantile(np.abs(job(images)[middle] - truth), 0.99) <= NEAR
        for peer, job in jobs.items()
    }
    runs = {peer: often(job, images) for peer, job in jobs.items()}
    ours, opencvs, *others = runs
    orders = ([ours, opencvs, *others], [opencvs, ours, *others])  # who comes after TensorFlow finds a cold cache
    halves = [interleaved({peer: runs[peer][0] for peer in order}, rounds) for order in orders]
    each_batch = {
        peer: Times(
            *(
                tuple(value / count for half in halves for value in getattr(half[peer], kind))
                for kind in ("wall", "cpu")
            )
        )
        for peer, (_, count) in runs.items()
    }
    own = each_batch["ours"]
    ratios = {peer: found.ratio(own) for peer, found in each_batch.items() if peer != "ours"}
    best = min(ratio for peer, ratio in ratios.items() if same[peer])
    cells = [f"{ratios[peer]:.2f}{'' if same[peer] else ' ≈'}" if peer in ratios else "–" for peer in PEERS]
    if name == "hue":
        cells[0] += f"; 8-bit HSV {ratios['OpenCV, 8-bit HSV']:.2f}{'' if same['OpenCV, 8-bit HSV'] else ' ≈'}"
    shown = f"{best:.2f}" + ("" if best >= 0.9 else " (missed)")
    return [f"{name} {DEGREES[name]:g}", f"{n_images / statistics.median(own.cpu):,.0f}", *cells, shown]


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4, help="of each of two orders")
    parser.add_argument("--only", nargs="*", default=list(DEGREES), choices=list(DEGREES))
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    cv2.setNumThreads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    parts = [NOTE.format(rounds=2 * given.rounds, near=NEAR)]
    for count, side in SIZES:
        columns = (
            f"{count} images of {side} × {side}",
            "images a second",
            *(f"/ {peer}" for peer in PEERS),
            "/ the best (goal 0.9)",
        )
        parts.append(table(columns, [measure(name, count, side, given.rounds) for name in given.only]))
        print(parts[-1], flush=True)
    if given.write:
        write_section("augmentation", "Transformations", "\n\n".join(parts))


if __name__ == "__main__":
    main()

"""Simulation sweeps against the bare forward passes that they need, and the time to the first curves.

Goals: a sweep of D degrees over N images costs at most 1.05 times D × N forward passes at the best batch size; bfloat16
at least halves that, with class means within 0.01; the first curves of 10 classes stand within 30 s of asking a cold
engine on two cores.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from benchmarks.networks import mobilenet_at_224, vgg16_at_32
from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.card import batch_size
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.simulation.answers import answers
from nnvis_dash.analysis.simulation.change import change
from nnvis_dash.analysis.simulation.curves import curves
from nnvis_dash.analysis.simulation.sweep import sweep

CHANGES = ("rotation", "brightness", "hue", "blur", "noise", "elastic_transform", "fog")
POLL = 1.0  # seconds, as the page
FIRST = ("rotation", "brightness", "blur", "noise", "scale")  # of the job that is timed to its first curves


def costs(name: str, clf: Classifier, n_images: int, n_degrees: int, rounds: int) -> str:
    """Return a table: each change's sweep and the bare passes, in one run."""
    import tensorflow as tf

    shape = clf.card.input_shape
    images = np.random.default_rng(1).integers(0, 256, (n_images, *shape), dtype=np.uint8)
    labels = (np.arange(n_images) % clf.card.n_classes).astype(np.int32)
    forward = tf.function(clf.scores, autograph=False).get_concrete_function(clf.signature(np.uint8))
    step = batch_size(clf.card)

    def bare() -> None:
        for _ in range(n_degrees):
            for start in range(0, n_images, step):
                forward(tf.convert_to_tensor(images[start : start + step])).numpy()

    wanted = {}
    for each in CHANGES:
        made = change(each)
        wanted[each] = change(each, np.linspace(made.degrees[0], made.degrees[-1], n_degrees).round(3))
        if each in ("blur", "noise", "fog", "elastic_transform"):  # identity among them
            continue
        wanted[each] = change(each, sorted({made.identity, *wanted[each].degrees[1:]}))
    contestants = {"bare": bare}
    for each, made in wanted.items():
        contestants[each] = partial(sweep, clf, images, made, labels=labels)
    contestants["rotation, bfloat16"] = partial(answers, [clf], images, wanted["rotation"], precision="bfloat16")
    times = interleaved(contestants, rounds)
    rows = []
    for each, own in times.items():
        made = wanted.get(each.split(",")[0])
        passes = n_images * (n_degrees if made is None else len(made.degrees))
        share = own.ratio(times["bare"]) * n_images * n_degrees / passes
        best = min(own.wall) * n_images * n_degrees / passes / min(times["bare"].wall)
        rows.append((each, f"{share:.3f}", f"{best:.3f}", f"{passes / min(own.wall):.0f}"))
    exact = curves(sweep(clf, images, wanted["rotation"], labels=labels))
    rough = sweep(clf, images, wanted["rotation"], labels=labels, precision="bfloat16")
    apart = np.nanmax(np.abs(curves(rough).mean_probability - exact.mean_probability))
    said = f"computed in {rough.precision}; largest change of a class's mean probability {apart:.4f}"
    head = f"{name}, {n_images} images × {n_degrees} degrees, batch {step}"
    return table((head, "CPU time / bare passes", "wall (best)", "passes/s (best)"), rows) + f"\n\nbfloat16: {said}."


def first_curves(n_images: int) -> str:
    """Return how long a job over 5 changes × 15 degrees takes from a cold engine to its first curves, in words."""
    from nnvis_dash.engine.client import Engine
    from nnvis_dash.engine.cluster import local_cluster
    from nnvis_dash.engine.jobs import Request
    from nnvis_dash.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        settings = replace(Settings.from_environment(), workspace=f"{folder}/workspace")
        path = Path(folder) / "vgg16.keras"
        vgg16_at_32().save(path)
        began = time.perf_counter()
        with local_cluster(settings, quiet=True) as address:
            engine = Engine(settings.workspace_path, address)
            images = np.random.default_rng(0).integers(0, 256, (n_images, 32, 32, 3), dtype=np.uint8)
            data, _ = engine.workspace.add_dataset(images, name="noise", labels=np.arange(n_images) % 10)
            from nnvis_dash.analysis.intake import add_model

            card = add_model(engine.workspace, path, preprocessing="unit")[0]
            made = time.perf_counter() - began
            asked = [change(name).plain() for name in FIRST]
            names = {"dataset": data.fingerprint, "models": [card.fingerprint]}
            request = Request("simulation", {**names, "changes": asked})
            began = time.perf_counter()
            engine.submit(request)
            said: dict[str, float] = {}
            drawn = 0
            while len(said) < len(FIRST):
                time.sleep(POLL)
                for name, plain in zip(FIRST, asked, strict=True):
                    if name in said:
                        continue
                    known = engine.ask("class_curves", {**names, "change": plain})["models"][0]
                    counts = known["whole"]["counts"] if known["whole"] else []
                    if len(counts) == 10:
                        said[name], drawn = time.perf_counter() - began, max(drawn, known["n"])
                        print(f"{name}: {said[name]:.1f} s, {known['n']} images", flush=True)
            engine.cancel(request.key)
            engine.close()
    first, last = min(said.values()), max(said.values())
    return (
        f"From asking an engine whose classifier was not loaded (started and filled in {made:.0f} s before) to curves "
        f"of all 10 classes: {first:.1f} s for the first change, {last:.1f} s for all {len(FIRST)}, of up to {drawn} "
        f"of {n_images:,} images (VGG-16 at 32 × 32, 15 degrees each)."
    )


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="update the section in docs/benchmarks.md")
    given = parser.parse_args()
    small = Classifier.from_keras(vgg16_at_32(), preprocessing="unit")
    parts = [costs("VGG-16 at 32 × 32", small, 128, 5, given.rounds)]
    print(parts[-1], flush=True)
    large = Classifier.from_keras(mobilenet_at_224(), preprocessing="symmetric")
    parts.append(costs("MobileNet at 224 × 224", large, 32, 5, given.rounds))
    print(parts[-1], flush=True)
    parts.append(first_curves(10_000))
    print(parts[-1], flush=True)
    if given.write:
        write_section("simulation", "Simulation", "\n\n".join(parts))


if __name__ == "__main__":
    main()

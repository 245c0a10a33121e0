"""Train the demo's networks and write their weights: ``python -m nnvis_dash.demo.train``.

The weights are committed, so this runs only when the data or the networks change. It is seeded; the same machine and
TensorFlow give the same weights (a thread count or processor of another kind may round otherwise). Everything that
the cards say is measured here and written to ``weights/cards.json``.
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nnvis_dash.demo.build import CARDS, WEIGHTS
from nnvis_dash.demo.contents import TRAIN, DemoDataset
from nnvis_dash.demo.digits import load_digits
from nnvis_dash.demo.flaws import measure
from nnvis_dash.demo.networks import NETWORKS, Network
from nnvis_dash.demo.shapes import draw_shapes

log = logging.getLogger(__name__)


def train(network: Network, dataset: DemoDataset) -> Any:
    """Train one network on the training split.

    Returns
    -------
    keras.Model
        Uncompiled, so that a file of it holds no optimizer. Takes raw pixels after `network.preprocessing`.
    """
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(network.seed)
    tf.config.experimental.enable_op_determinism()
    generator = np.random.default_rng(network.seed)
    ids = dataset.ids(TRAIN)
    images, labels = dataset.images[ids], dataset.labels[ids]
    model = network.build(dataset.images.shape[1:], network.name)
    n_steps = network.epochs * -(-len(ids) // network.batch_size)
    schedule = keras.optimizers.schedules.CosineDecay(network.learning_rate, n_steps)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy", jit_compile=False)
    for epoch in range(network.epochs):
        varied = prepare(_vary(images, network, generator), network)
        history = model.fit(varied, labels, batch_size=network.batch_size, shuffle=True, verbose=0)
        log.info("%s: epoch %d of %d, loss %.3f", network.name, epoch + 1, network.epochs, history.history["loss"][0])
    bare = network.build(dataset.images.shape[1:], network.name)
    bare.set_weights(model.get_weights())
    return bare


def prepare(images: npt.NDArray[np.uint8], network: Network) -> npt.NDArray[np.float32]:
    """Apply the network's preprocessing ("unit" or "raw") to raw pixels."""
    values = images.astype(np.float32)
    return values / np.float32(255) if network.preprocessing == "unit" else values


def _vary(images: npt.NDArray[np.uint8], network: Network, generator: np.random.Generator) -> npt.NDArray[np.uint8]:
    """Move each image by up to `network.shift` pixels along each axis, edges repeated, and mirror half of them."""
    n, height, width = images.shape[:3]
    shift = network.shift
    down = generator.integers(-shift, shift + 1, (n, 1)) + np.arange(height)
    right = generator.integers(-shift, shift + 1, (n, 1)) + np.arange(width)
    if network.mirror:
        right = np.where(generator.random((n, 1)) < 0.5, right[:, ::-1], right)
    rows, columns = np.clip(down, 0, height - 1), np.clip(right, 0, width - 1)
    return images[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def _card(network: Network, model: Any, measured: Mapping[str, float]) -> dict[str, Any]:
    """Describe a trained network for ``cards.json``."""
    return {
        "dataset": network.dataset,
        "preprocessing": network.preprocessing,
        "summary": network.summary,
        "parameters": int(model.count_params()),
        "training": f"{network.epochs} epochs of the training split, seed {network.seed}",
        "measured": {name: round(value, 4) for name, value in measured.items()},
    }


def main(arguments: list[str] | None = None) -> int:
    """Train the networks named, or all, and write their weights and cards."""
    parser = argparse.ArgumentParser(prog="python -m nnvis_dash.demo.train", description=__doc__.splitlines()[0])
    names = [network.name for network in NETWORKS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--into", type=Path, default=WEIGHTS, help="folder of the weights and cards")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options.into.mkdir(parents=True, exist_ok=True)
    cards_file = options.into / CARDS
    cards = json.loads(cards_file.read_text()) if cards_file.exists() else {}
    datasets = {dataset.name: dataset for dataset in (load_digits(), draw_shapes())}
    for network in NETWORKS:
        if network.name not in options.only:
            continue
        dataset = datasets[network.dataset]
        started = time.monotonic()
        model = train(network, dataset)
        seconds = time.monotonic() - started
        probabilities = model.predict(prepare(dataset.images, network), batch_size=100, verbose=0)
        measured = measure(probabilities, dataset)
        model.save(options.into / f"{network.name}.keras")
        cards[network.name] = _card(network, model, measured)
        log.info("%s: %.0f s, %s", network.name, seconds, json.dumps(cards[network.name]["measured"]))
        ordered = {name: cards[name] for name in names if name in cards}
        cards_file.write_text(json.dumps(ordered, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

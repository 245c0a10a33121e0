"""What a badge costs: all measures that decide, of one heatmap of the demo's VGG-like network, in processor time.

Goal: a badge of a method of one gradient in less than 400 forward passes of one image, so that the heatmaps of a page
are judged within seconds in the background. A second method's heatmap of the same image finds the scores without parts
kept.
"""

from __future__ import annotations

import argparse
import itertools
import os
import time
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from benchmarks.report import interleaved, table, write_section
from nnvis_dash.analysis.attribution import METHODS, attribute
from nnvis_dash.analysis.classifier import Classifier, load_classifier
from nnvis_dash.analysis.quality.verdict import verdict
from nnvis_dash.demo.build import SOURCES, WEIGHTS, read_cards
from nnvis_dash.demo.contents import HELD_OUT

NETWORK = "shapes-vgg13"
WANTED = ("gradient", "grad_cam", "lrp_preset_a", "guided_backprop", "integrated_gradients", "occlusion")


def opened() -> tuple[Classifier, Any]:
    """Return the network and images that it wasn't trained on."""
    card = read_cards()[NETWORK]
    data = SOURCES[card["dataset"]]()
    clf = load_classifier(WEIGHTS / f"{NETWORK}.keras", card["preprocessing"], class_names=data.class_names)
    return clf, data.images[data.ids(HELD_OUT)]


def measure(rounds: int) -> list[tuple[str, ...]]:
    """Return a line for each method: a heatmap and its badge in processor time, warm, and the first badge of all."""
    clf, images = opened()
    clf.predict(images[:1])
    lines = []
    numbers = itertools.count()  # each time another image, of which nothing is kept

    def another() -> Any:
        number = next(numbers) % len(images)
        return images[number : number + 1]

    for name in WANTED:

        def badge(name: str = name) -> object:
            return verdict(clf, another(), name)

        began = time.process_time()
        badge()
        first = time.process_time() - began
        contestants = {
            "forward": lambda: [clf.predict(another()) for _ in range(20)],
            "heatmap": lambda name=name: attribute(clf, another(), name),
            "badge": badge,
        }
        times = interleaved(contestants, rounds)
        passes = 20 * times["badge"].ratio(times["forward"])
        heatmaps = times["badge"].ratio(times["heatmap"])
        cpu = sorted(times["badge"].cpu)[rounds // 2]
        cells = (f"{cpu * 1000:.0f} ms", f"{passes:.0f}", f"{heatmaps:.1f}", f"{first:.1f} s")
        lines.append((METHODS[name].title, *cells))
        print(*lines[-1], flush=True)
    return lines


def main() -> None:
    """Measure and print; keep with `--write`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="keep the table in docs/benchmarks.md")
    args = parser.parse_args()
    columns = ("method", "badge, CPU time", "in forward passes", "in heatmaps", "the first of all, with tracing")
    body = table(columns, measure(args.rounds))
    print(body)
    if args.write:
        note = (
            f"One heatmap of {NETWORK} (32 × 32), processor time of the whole process, medians of {args.rounds} rounds."
        )
        write_section("badges", "Badges of heatmaps", f"{note}\n\n{body}")


if __name__ == "__main__":
    main()

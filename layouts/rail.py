"""The left rail: which dataset and classifiers, which classes, right or wrong, and one sample by its number."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from layouts import controls
from nnvis_dash.types import DatasetCard, ModelCard


def workspace(
    datasets: Sequence[DatasetCard],
    dataset: DatasetCard | None,
    models: Sequence[ModelCard],
    chosen: Sequence[str],
    accuracies: Mapping[str, float],
    lacking: Mapping[str, Sequence[str]] | None = None,
    standings: Mapping[str, str] | None = None,
) -> list[Any]:
    """List the datasets and the classifiers that fit the chosen one; the first chosen classifier is the primary one.

    `lacking` are the classes of the dataset that a classifier doesn't know, by its fingerprint; `standings` whose each
    is, as `Ownership.standing` says it.
    """
    standings = standings or {}
    if not datasets:
        return [
            controls.empty(
                [
                    html.P("This workspace is empty."),
                    _add("Add a classifier or images…"),
                    html.P("Or drop files anywhere on this page, or use the command line:"),
                    html.Code("python -m nnvis_dash add-dataset FOLDER"),
                    html.Code("python -m nnvis_dash add-model MODEL.keras"),
                ]
            )
        ]
    options = [{"label": f"{card.name} · {card.n_samples:,}", "value": card.fingerprint} for card in datasets]
    last = max(0, dataset.n_samples - 1) if dataset else 0
    return [
        html.Div([html.H2("Dataset"), _add("add", "Add images")], className="row"),
        controls.choose(
            "rail-dataset", "Dataset", options, dataset.fingerprint if dataset else "", "dataset", "dataset"
        ),
        _standing("dataset", dataset, standings.get(dataset.fingerprint, "")) if dataset else None,
        html.Div([html.H2("Classifiers"), _add("add", "Add a classifier")], className="row"),
        html.Div(
            [
                _classifier(
                    card,
                    chosen,
                    accuracies.get(card.fingerprint),
                    (lacking or {}).get(card.fingerprint, ()),
                    standings.get(card.fingerprint, ""),
                )
                for card in models
            ]
            or controls.empty("No classifier fits this dataset's classes. Add one."),
            className="classifiers",
        ),
        html.H2("Sample"),
        controls.number(
            "rail-sample",
            f"number, 0 to {last:,}",
            "",
            "primary",
            "sample",
            low=0,
            high=last,
            step=1,
            title="Open a sample by its number; one that is not on the map is placed into it",
        ),
    ]


def _add(label: str, title: str = "") -> Any:
    """A button that opens the dialog to add classifiers and images (`layouts.intake`)."""
    quiet = " quiet" if title else ""
    return html.Button(label, type="button", className=f"act{quiet}", title=title, **{"data-open": "intake"})


def _standing(kind: str, card: DatasetCard | ModelCard, standing: str) -> Any:
    """Whose it is: a person's own can be shared or kept private, and removed (`assets/sharing.js`)."""
    if not standing:
        return None
    if standing not in ("private", "shared"):
        return html.Div(standing, className="standing", title=f"Shared by {standing.removeprefix('of ')}")
    shared = standing == "shared"
    named = {"kind": kind, "fingerprint": card.fingerprint}
    title = "Everyone here sees it: keep it private" if shared else "Only you see it: share it with everyone here"
    return html.Div(
        [
            html.Button(
                standing,
                type="button",
                className="act quiet",
                title=title,
                **{
                    "data-share": json.dumps({**named, "shared": not shared}),
                    "aria-pressed": "true" if shared else "false",
                },
            ),
            html.Button(
                "remove" if kind == "dataset" else "×",
                type="button",
                className="act quiet",
                title="Remove it from the workspace",
                **{"data-remove-own": json.dumps(named), "aria-label": f"remove {card.name}"},
            ),
        ],
        className="standing",
    )


def _classifier(
    card: ModelCard, chosen: Sequence[str], accuracy: float | None, lacking: Sequence[str], standing: str
) -> Any:
    used = card.fingerprint in chosen
    primary = bool(chosen) and chosen[0] == card.fingerprint
    if used:
        rest = [fingerprint for fingerprint in chosen if fingerprint != card.fingerprint]
    else:
        rest = [*chosen, card.fingerprint]
    first = [card.fingerprint, *(fingerprint for fingerprint in chosen if fingerprint != card.fingerprint)]
    share = "" if accuracy is None else f"{100 * accuracy:.1f}"
    return html.Div(
        [
            controls.act(
                "✓" if used else "",
                controls.change("classifiers", classifiers=rest or list(chosen)),
                pressed=used,
                className="tick",
                title="Leave out" if used else "Compare as well",
            ),
            controls.act(
                card.name,
                controls.change("classifiers", classifiers=first),
                pressed=primary,
                className="name",
                title=f"Explain this one · {card.parameters:,} parameters · {card.preprocessing.name} · {card.source}",
            ),
            html.Span(
                f"without {len(lacking)}",
                className="share",
                title=f"It doesn't know {', '.join(lacking)}: images of these count as unlabelled for it.",
            )
            if lacking
            else None,
            html.Span(share, className="share", title="accuracy on this dataset, %" if share else ""),
            _standing("model", card, standing),
        ],
        className="classifier" + (" primary" if primary else ""),
    )


def filters(
    classes: Sequence[tuple[int, str, str, float | None, int]],
    visible: Sequence[int],
    correctness: str,
    counts: Mapping[str, int | None],
) -> list[Any]:
    """Filters by correctness and class.

    `classes` holds (index, name, colour, accuracy or None, number of samples); `visible` is empty where all are.
    """
    shown = set(visible) or {index for index, *_ in classes}

    def toggled(index: int) -> list[int]:
        after = shown ^ {index}
        return [] if not after or len(after) == len(classes) else sorted(after)

    def label(name: str) -> str:
        count = counts.get(name)
        if count is None:
            return name
        return f"{name} {count:,}" if count < 10_000 else f"{name} {count / 1000:.0f}k"

    return [
        html.H2("Filter"),
        controls.segmented(
            "correctness",
            [
                (label(name), controls.change("correctness", correctness=name), name)
                for name in ("all", "wrong", "right")
            ],
            correctness,
        ),
        html.Div(
            [
                html.H2("Classes"),
                controls.act(
                    "all", controls.change("classes", classes=[]), className="quiet", title="Show every class"
                ),
            ],
            className="row",
        ),
        *([dbc.Input(className="class-search", placeholder="find a class")] if len(classes) > 14 else []),
        html.Div(
            [
                html.Div(
                    [
                        controls.act(
                            [controls.swatch(colour), html.Span(name, className="class-name")],
                            controls.change("classes", classes=toggled(index)),
                            pressed=index in shown,
                            className="class",
                            title=f"{name}: {count:,} samples; click hides or shows it",
                        ),
                        controls.act(
                            "only",
                            controls.change("classes", classes=[index]),
                            className="only quiet",
                            title=f"Show {name} alone",
                        ),
                        html.Span("" if accuracy is None else f"{100 * accuracy:.1f}", className="share"),
                    ],
                    className="class-row" + ("" if index in shown else " off"),
                )
                for index, name, colour, accuracy, count in classes
            ],
            className="classes",
        ),
    ]

"""Prediction difference analysis: its controls, and the frame into which `assets/difference.js` draws the maps.

What is set is the state's; only which window is under the pointer and what is being erased belongs to the page alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from layouts import controls
from nnvis_dash.state.view import View
from nnvis_dash.types import Layer, ModelCard

SAMPLERS = (
    ("conditional", "conditional", "Gaussian patches, given the pixels around the window; all channels together"),
    ("conditional per channel", "conditional, per channel", "Gaussian patches, each channel by itself"),
    ("marginal", "marginal", "The same place in other images of the dataset"),
)
BESIDE = (
    ("map", "This map"),
    ("samplers", "Samplers"),
    ("classifiers", "Classifiers"),
    ("images", "Images"),
)
LARGE = 96  # pixels of a side from which images have the windows of large ones


def defaults(model: ModelCard) -> dict[str, Any]:
    """Return the parameters that an analysis has where nothing was set: the published ones for large images."""
    side = min(model.input_shape[:2])
    window = min(10 if side >= LARGE else 4, max(1, side // 2))
    return {
        "sampler": "conditional",
        "window": window,
        "outer": min(window + 4, side),
        "samples": 20,
        "stride": 1,
        "seed": 0,
        "laplace": 100_000,
        "reduce": "mean",
        "live": True,
        "seconds": 0.0,
        "precision": 0.0,
        "numbers": "float32",
    }


def chosen(model: ModelCard, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters with those that were set; an outer patch that wasn't set follows the window."""
    known = {**defaults(model), **given}
    if "outer" not in given and isinstance(known["window"], (int, float)):
        known["outer"] = min(int(known["window"]) + 4, *model.input_shape[:2])
    return known


def frame() -> Any:
    """Return the static frame of the view."""
    run = html.Div(
        [
            html.Button("Compute", id="difference-run-button", type="button", className="act primary", disabled=True),
            html.Span(html.Span(className="job-done", id="difference-done"), className="job-bar", id="difference-bar"),
            html.Span(id="difference-status", className="label", role="status"),
        ],
        className="run-line",
    )
    panes = [
        _pane("original", "original", "Drag over it to erase a region"),
        _pane("map", "evidence"),
        _pane("over", "over the image"),
        _pane("error", "standard error"),
    ]
    brush = html.Div(
        [
            html.Span("Erase", className="label"),
            html.Div(
                [
                    _tool("rectangle", "Rectangle", True),
                    _tool("lasso", "Lasso", False),
                ],
                className="segmented",
                role="group",
                **{"aria-label": "shape of what is erased"},
            ),
            html.Button("Clear", id="difference-clear", type="button", className="act", hidden=True),
            html.Span(
                "drag over the original image",
                id="difference-erase-status",
                className="label",
                title="What the region says, were its pixels not known: its marginalised weight of evidence",
            ),
        ],
        className="brush-line",
    )
    return html.Div(
        [
            run,
            html.Div(id="difference-message", className="message"),
            html.Div(panes, className="panes"),
            html.Div(
                [
                    html.Span(id="difference-low"),
                    html.Span(className="evidence-ramp"),
                    html.Span(id="difference-high"),
                ],
                id="difference-scale",
                className="difference-scale",
                title="red speaks for it, blue against, white says nothing",
                hidden=True,
            ),
            brush,
            html.Div(id="difference-evidence", className="erased", hidden=True),
            html.Div(id="difference-beside", className="beside"),
        ],
        id="difference",
        className="difference",
    )


def _pane(name: str, caption: str, title: str = "") -> Any:
    layers = [
        html.Img(id=f"difference-{name}-under", alt="", className="under", draggable="false", hidden=True),
        html.Img(id=f"difference-{name}-image", alt="", className="over", draggable="false", hidden=True),
        html.Div(className="window-mark", hidden=True),
    ]
    return html.Figure(
        [
            html.Div(layers, className="pane", id=f"difference-{name}", title=title, **{"data-pane": name}),
            html.Figcaption(caption, id=f"difference-{name}-caption"),
        ]
    )


def _tool(name: str, label: str, pressed: bool) -> Any:
    return html.Button(
        label,
        type="button",
        className="act",
        **{"data-brush": name, "aria-pressed": "true" if pressed else "false"},
    )


def form(model: ModelCard, class_names: Sequence[str], view: View, target: int | None) -> list[Any]:
    """The controls of the analysis."""
    known = chosen(model, dict(view.difference))
    explained = next((layer for layer in model.layers if layer.name == view.explained), None)
    return [
        controls.segmented(
            "what stands beside the map",
            [(label, controls.change("beside", beside=name), name) for name, label in BESIDE],
            view.beside,
        ),
        controls.choose(
            "difference-sampler",
            "Sampler",
            [{"label": label, "value": name} for name, label, _ in SAMPLERS],
            known["sampler"],
            "difference",
            "parameters.sampler",
            next((about for name, _, about in SAMPLERS if name == known["sampler"]), "What fills a window"),
        ),
        _explained(model, explained),
        _classes(class_names, target) if explained is None else _unit(explained, view.unit),
        _readout(view, target) if explained is None else _reduce(known),
        _parameters(model, view, known),
        controls.slider("testing-opacity", "Opacity", view.opacity, "opacity", "opacity", low=0, high=1, step=0.05),
        html.Span(id="difference-export", className="exports"),
    ]


def _explained(model: ModelCard, explained: Layer | None) -> Any:
    options = [{"label": "a class", "value": controls.DEFAULT}]
    options += [
        {"label": f"{layer.name} · {_size(layer.output_shape)}", "value": layer.name}
        for layer in model.layers
        if layer.n_units
    ]
    field = controls.choose(
        "difference-explained",
        "Explain",
        options,
        explained.name if explained else controls.DEFAULT,
        "explained",
        "layer",
        "What the windows are evidence of: a class, or units of a layer",
    )
    setattr(field, "data-change", controls.change("explained", unit=None))
    return field


def _classes(class_names: Sequence[str], target: int | None) -> Any:
    classes = [{"label": "the prediction", "value": controls.DEFAULT}]
    classes += [{"label": name, "value": str(index)} for index, name in enumerate(class_names)]
    value = controls.DEFAULT if target is None else str(target)
    return controls.choose(
        "difference-target",
        "Class",
        classes,
        value,
        "target",
        "target",
        "The class whose evidence is shown",
        read="number",
    )


def _unit(layer: Layer, unit: int | None) -> Any:
    return controls.number(
        "difference-unit",
        "Unit",
        "" if unit is None else unit,  # type: ignore[arg-type]
        "unit",
        "unit",
        low=0,
        high=layer.n_units - 1,
        step=1,
        title=f"One of the {layer.n_units} units of {layer.name}; empty: the eight that it activates most",
        placeholder="strongest",
    )


def _readout(view: View, target: int | None) -> Any:
    options = [("probability", "evidence"), ("logit", "logit")]
    return controls.segmented(
        "of the class",
        [(label, controls.change("readout", readout=name, target=target), name) for label, name in options],
        view.readout,
    )


def _reduce(known: Mapping[str, Any]) -> Any:
    options = [{"label": "mean", "value": "mean"}, {"label": "maximum", "value": "max"}]
    title = "What of a feature map is compared: the mean or the maximum of its nodes"
    return controls.choose(
        "difference-reduce", "of the map", options, known["reduce"], "difference", "parameters.reduce", title
    )


def _parameters(model: ModelCard, view: View, known: Mapping[str, Any]) -> Any:
    height, width = model.input_shape[:2]
    side = min(height, width)
    yes_no = [{"label": "yes", "value": "true"}, {"label": "no", "value": "false"}]

    def whole(name: str, label: str, low: int, high: int | None, title: str) -> Any:
        return controls.number(
            f"difference-{name}",
            label,
            known[name],
            "difference",
            f"parameters.{name}",
            low=low,
            high=high,
            step=1,
            title=title,
        )

    def real(name: str, label: str, title: str, placeholder: str) -> Any:
        return controls.number(
            f"difference-{name}",
            label,
            known[name] or "",
            "difference",
            f"parameters.{name}",
            low=0,
            title=title,
            placeholder=placeholder,
        )

    body = [
        whole("window", "window k, pixels", 1, side - 1, "Side of the square that is taken out"),
        whole("outer", "outer patch l, pixels", 2, side, "Side of the patch that the window's pixels are drawn from"),
        whole("samples", "samples S a window", 2, 1000, "How many fillings of a window are averaged"),
        whole("stride", "stride, pixels", 1, side, "Steps between windows; 1: every one"),
        real("seconds", "budget, seconds", "Stops after this time; what was computed is kept", "none"),
        real("precision", "precision, bits", "Stops when no window's standard error is above it", "none"),
        whole("laplace", "Laplace correction N", 1, None, "Training images in p = (pN + 1) / (N + K)"),
        whole("seed", "seed", 0, 2**31 - 1, "The same seed gives the same map"),
        controls.choose(
            "difference-live",
            "coarse first",
            yes_no,
            "true" if known["live"] else "false",
            "difference",
            "parameters.live",
            "A coarse map first that is refined where the evidence is; else window by window",
            read="json",
        ),
        controls.choose(
            "difference-numbers",
            "numbers",
            [
                {"label": "float32", "value": "float32"},
                {"label": "bfloat16, a preview", "value": "bfloat16"},
            ],
            known["numbers"],
            "difference",
            "parameters.numbers",
            "bfloat16 is faster on some machines and only good for a preview",
        ),
        controls.clip("difference", view.clip),
        controls.choose(
            "difference-common",
            "scale of colours",
            [{"label": "each map's own", "value": "false"}, {"label": "common", "value": "true"}],
            "true" if view.common else "false",
            "common",
            "common",
            "Whether maps that stand side by side share one scale",
            read="json",
        ),
        html.P(
            "Zintgraf, Cohen, Adel, Welling: Visualizing Deep Neural Network Decisions: Prediction Difference "
            "Analysis, ICLR 2017, arXiv:1702.04595",
            className="reference",
        ),
    ]
    return html.Details(
        [html.Summary("parameters", className="act"), html.Div(body, className="popover-body")],
        className="popover-box",
        id="difference-parameters",
    )


def _size(shape: tuple[int | None, ...]) -> str:
    return "×".join("?" if side is None else str(side) for side in shape)

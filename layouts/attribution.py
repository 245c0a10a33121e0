"""How a decision is explained: by which method, of what, through which layer, how it is drawn; methods side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from dash import html

from layouts import controls
from nnvis_dash.registry import Entry
from nnvis_dash.state.view import View
from nnvis_dash.types import Layer, ModelCard

Method = Entry[Any]


def form(
    model: ModelCard | None,
    methods: Mapping[str, Method],
    class_names: Sequence[str],
    view: View,
    layer: str | None,
    target: int | None,
) -> list[Any]:
    """The controls of the testing view's attribution."""
    if model is None:
        return []
    method = methods.get(view.attribution)
    through = method is not None and "through a layer" in method.traits
    explained = next((known for known in model.layers if known.name == view.explained), None)
    names = sorted(methods.items(), key=lambda pair: pair[1].title.casefold())
    options = [{"label": known.title, "value": name} for name, known in names]
    return [
        controls.choose(
            "testing-attribution",
            "Method",
            options,
            view.attribution,
            "attribution",
            "attribution",
            method.summary if method else "",
        ),
        *([_through(model, layer)] if through else []),
        _explained(model, explained),
        classes(class_names, target) if explained is None else _units(explained, view.unit, through),
        more(method, view),
        controls.act(
            "compare",
            controls.change("lens", lens="compare"),
            title="Methods and classifiers side by side, for several images",
        ),
        controls.slider("testing-opacity", "Opacity", view.opacity, "opacity", "opacity", low=0, high=1, step=0.05),
        html.Span(id="testing-export", className="exports"),
    ]


def _through(model: ModelCard, layer: str | None) -> Any:
    options = [{"label": f"last convolution ({model.grad_cam_layer or 'there is none'})", "value": controls.DEFAULT}]
    options += _layers(entry for entry in model.layers if entry.is_map)
    known = any(option["value"] == layer for option in options)
    return controls.choose(
        "testing-layer", "Layer", options, layer if known else controls.DEFAULT, "layer", "layer", "Through which layer"
    )


def _explained(model: ModelCard, explained: Layer | None) -> Any:
    """A class, or a layer whose units are explained."""
    options = [{"label": "a class", "value": controls.DEFAULT}]
    options += _layers(entry for entry in model.layers if entry.n_units)
    return controls.choose(
        "testing-explained",
        "Explain",
        options,
        explained.name if explained else controls.DEFAULT,
        "explained",
        "layer",
        "What is explained: a class, or a unit of a layer",
    )


def _layers(layers: Iterable[Layer]) -> list[dict[str, str]]:
    return [{"label": f"{entry.name} · {_size(entry.output_shape)}", "value": entry.name} for entry in layers]


def _units(layer: Layer, unit: int | None, one: bool) -> Any:
    return controls.number(
        "testing-unit",
        "Unit",
        "" if unit is None else unit,  # type: ignore[arg-type]
        "unit",
        "unit",
        low=0,
        high=layer.n_units - 1,
        step=1,
        title=f"One of the {layer.n_units} units of {layer.name}" + ("" if one else "; empty: their mean"),
        placeholder="which?" if one else "all",
    )


def classes(class_names: Sequence[str], target: int | None, otherwise: str = "the prediction") -> Any:
    """The list of classes of which one is explained; `otherwise` says which where none is chosen."""
    options = [{"label": otherwise, "value": controls.DEFAULT}]
    options += [{"label": name, "value": str(index)} for index, name in enumerate(class_names)]
    value = controls.DEFAULT if target is None else str(target)
    title = "The class that is explained"
    return controls.choose("testing-target", "Label", options, value, "target", "target", title, read="number")


def more(method: Method | None, view: View, first: Sequence[Any] = ()) -> Any:
    """The method's own parameters, what of the class is explained, and how the map is drawn; `first` what else is."""
    given = dict(view.attribution_parameters)
    own = [
        controls.parameter("testing", entry, given.get(entry.name, entry.default), "attribution_parameters")
        for entry in (method.form() if method else ())
    ]
    outputs = [{"label": "logit", "value": "logits"}, {"label": "probability", "value": "probabilities"}]
    drawing = [{"label": "smooth", "value": "true"}, {"label": "in its own pixels", "value": "false"}]
    body = [
        *first,
        controls.act(
            "Grey out maps that fail",
            controls.change("grey", grey=not view.grey),
            pressed=view.grey,
            title="Heatmaps whose badge says that they fail lose their colours; they stay where they are",
        ),
        *(control for control in own if control is not None),
        controls.choose(
            "testing-output",
            "of the class",
            outputs,
            view.output,
            "output",
            "output",
            "The value before the last softmax or sigmoid, or after it",
        ),
        controls.clip("testing", view.clip),
        controls.choose(
            "testing-smooth", "drawn", drawing, "true" if view.smooth else "false", "smooth", "smooth", read="json"
        ),
        html.P(method.reference if method else "", className="reference"),
    ]
    return _popover("parameters", body)


def side_by_side(methods: Mapping[str, Method], view: View, preset: Sequence[str]) -> Any:
    """Which methods stand beside one another; `preset`: those that a first comparison is usually made of."""
    shown = view.grid or (view.attribution,)

    def toggled(name: str) -> list[str]:
        return [other for other in shown if other != name] if name in shown else [*shown, name]

    picks = [
        controls.act(
            method.title, controls.change("grid", grid=toggled(name)), pressed=name in shown, title=method.summary
        )
        for name, method in sorted(methods.items(), key=lambda pair: pair[1].title.casefold())
    ]
    usual = ", ".join(methods[name].title for name in preset if name in methods)
    body = [
        controls.act(usual, controls.change("grid", grid=list(preset)), pressed=tuple(preset) == shown),
        html.Div(picks, className="picks"),
    ]
    return _popover(f"methods · {len(shown)}", body, "wide")


def _popover(label: str, body: Sequence[Any], width: str = "") -> Any:
    return html.Details(
        [html.Summary(label, className="act"), html.Div(list(body), className=f"popover-body {width}".strip())],
        className="popover-box",
        id=f"testing-{label.split(' ')[0]}",
    )


def _size(shape: tuple[int | None, ...]) -> str:
    return "×".join("?" if side is None else str(side) for side in shape)

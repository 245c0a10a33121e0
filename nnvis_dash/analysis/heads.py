"""One head of a model that has several: chosen by a person, cut out with what it needs, and nothing else.

Which head classifies can't be told from shapes alone (ten landmarks look like ten classes), so it is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnvis_dash.errors import ModelError, NotFound, ParameterError
from nnvis_dash.state.ids import content_key

NOTE = "head"  # the card's note that says which one was taken


def choose_head(model: Any, head: str | int | None) -> tuple[Any, str]:
    """Return the part of a model that makes one of its outputs.

    Parameters
    ----------
    model : keras.Model
        Not changed. One that isn't Functional is returned as it is, and refused later with the reason.
    head : str or int, optional
        The output's name, or its number from 0; needed where there are several.

    Returns
    -------
    model : keras.Model
        The same where it has one output.
    name : str
        The chosen output's; empty where there was nothing to choose.

    Raises
    ------
    ModelError
        Several outputs and no choice; names them with their shapes. Or none of them gives class scores.
    NotFound
        No such output; names those there are.
    """
    outputs = list(getattr(model, "outputs", None) or ())
    if len(outputs) == 0 or (len(outputs) == 1 and head is None):
        return model, ""
    names = output_names(model)
    if head is None:
        raise _several(model, names, outputs)
    number = _number(head, names)
    if len(outputs) == 1:
        return model, ""
    import keras

    try:
        return keras.Model(model.inputs, outputs[number], name=model.name), names[number]
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        raise ModelError(
            f"The head {names[number]!r} of {model.name!r} can't be cut out ({type(error).__name__})",
            "Save it as a model of its own: keras.Model(model.inputs, model.outputs[...]).save('head.keras').",
        ) from error


def output_names(model: Any) -> list[str]:
    """Return the names of a model's outputs, each once: Keras's own, with a number behind one that is there twice."""
    given = [str(name) for name in getattr(model, "output_names", ())]
    if len(given) != len(model.outputs):
        given = [f"output_{number}" for number in range(len(model.outputs))]
    return [name if given.count(name) == 1 else f"{name}:{number}" for number, name in enumerate(given)]


def content_of(content: str, head: str) -> str:
    """Return the hash that stands for one head of a file; the file's own where there is nothing to choose."""
    return content_key(content, "head", head) if head else content


def _number(head: str | int, names: Sequence[str]) -> int:
    """Return which output a name or number means; a name goes before a number that is spelt like it."""
    if isinstance(head, bool) or not isinstance(head, (str, int)):
        raise ParameterError(f"The head is {head!r}", f"Give the name of an output or its number: {', '.join(names)}.")
    if isinstance(head, str) and head in names:
        return names.index(head)
    if isinstance(head, int) or head.isdecimal():
        number = int(head)
        if 0 <= number < len(names):
            return number
    raise NotFound.among("head", head, names)


def _several(model: Any, names: Sequence[str], outputs: Sequence[Any]) -> ModelError:
    shapes = [tuple(output.shape[1:]) for output in outputs]
    listed = ", ".join(f"{name} {_shown(shape)}" for name, shape in zip(names, shapes, strict=True))
    usable = [name for name, shape in zip(names, shapes, strict=True) if len(shape) == 1]
    if not usable:
        return ModelError(
            f"The model {model.name!r} has {len(outputs)} outputs, and none is one row of class scores: {listed}. "
            f"It looks like a detector or a segmentation network",
            "NNVis takes classifiers: models that give one number a class for an image.",
        )
    return ModelError(
        f"The model {model.name!r} has {len(outputs)} outputs: {listed}",
        f"Choose the one that classifies: --head {usable[0]} (in Python head={usable[0]!r}), or build a model of it: "
        f"keras.Model(model.inputs[0], model.outputs[{names.index(usable[0])}]).",
    )


def _shown(shape: tuple[int | None, ...]) -> str:
    return "(" + " × ".join("any" if size is None else str(size) for size in shape) + ")"

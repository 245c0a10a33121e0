"""The plain values that cross the seams between floors: frozen dataclasses and array aliases, no behaviour of a floor.

Arrays of images are (N, H, W, C) in raw pixel scale as stored (uint8, 0..255); a `Preprocessing` says how a model
wants them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.errors import ParameterError

Images: TypeAlias = npt.NDArray[Any]  # (N, H, W, C), raw pixel scale
Floats: TypeAlias = npt.NDArray[np.float32]
Ints: TypeAlias = npt.NDArray[np.int32]
OutputKind: TypeAlias = Literal["softmax", "logits", "sigmoid"]
Resize: TypeAlias = Literal["squash", "crop"]  # how an image of another size is fitted to a classifier


@dataclass(frozen=True)
class Preprocessing:
    """How raw pixels (0..255, RGB) become a model's input: ``(channels * scale - mean) / deviation``.

    `mean` and `deviation` have one entry, or one a channel *in the model's order*; `bgr` swaps RGB to BGR first.
    """

    name: str
    scale: float = 1.0
    mean: tuple[float, ...] = (0.0,)
    deviation: tuple[float, ...] = (1.0,)
    bgr: bool = False

    @classmethod
    def named(cls, name: str | Preprocessing) -> Preprocessing:
        """Look a preprocessing up by name; a record is returned as it is.

        Raises
        ------
        ParameterError
            No such name.
        """
        if isinstance(name, Preprocessing):
            return name
        if name not in PREPROCESSINGS:
            raise ParameterError(
                f"There is no preprocessing {name!r}", f"Use one of: auto, {', '.join(PREPROCESSINGS)}."
            )
        return PREPROCESSINGS[name]

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Preprocessing:
        """Read what `to_json` wrote."""
        return cls(
            name=str(record["name"]),
            scale=float(record["scale"]),
            mean=tuple(float(value) for value in record["mean"]),
            deviation=tuple(float(value) for value in record["deviation"]),
            bgr=bool(record["bgr"]),
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)


PREPROCESSINGS: dict[str, Preprocessing] = {
    record.name: record
    for record in (
        Preprocessing("raw"),
        Preprocessing("unit", scale=1 / 255),
        Preprocessing("symmetric", scale=1 / 127.5, mean=(1.0,)),
        Preprocessing("imagenet", scale=1 / 255, mean=(0.485, 0.456, 0.406), deviation=(0.229, 0.224, 0.225)),
        Preprocessing("caffe", mean=(103.939, 116.779, 123.68), bgr=True),
    )
}


@dataclass(frozen=True, order=True)
class Unit:
    """A channel of a convolution layer, or one neuron of a dense layer."""

    layer: str
    channel: int


@dataclass(frozen=True)
class Layer:
    """One layer of a classifier as a user may choose it.

    `name` is unique in the classifier: nested models give ``outer/inner``, a second call of a shared layer ``name:1``.
    `output_shape` has no batch axis; None stands for a size that is only known at run time.
    """

    name: str
    kind: str  # the Keras class, "Conv2D"
    output_shape: tuple[int | None, ...]
    parameters: int
    n_units: int  # channels or neurons whose activations the index keeps; 0 for other layers

    @property
    def is_map(self) -> bool:
        """Whether its output is (height, width, channels), so that Grad-CAM can explain through it."""
        return len(self.output_shape) == 3

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Layer:
        """Read what `dataclasses.asdict` wrote through JSON."""
        return cls(**{**record, "output_shape": tuple(record["output_shape"])})


@dataclass(frozen=True)
class ModelCard:
    """What is known of a classifier without loading it: enough for every list, form and link of the web tier."""

    name: str
    fingerprint: str  # of the file's content, the preprocessing, the fitting and the output kind
    input_shape: tuple[int, int, int]  # (height, width, channels) that images are fitted to
    n_classes: int
    class_names: tuple[str, ...]  # empty: taken from the dataset
    output: OutputKind
    preprocessing: Preprocessing
    resize: Resize
    layers: tuple[Layer, ...]
    parameters: int
    feature_layer: str  # the layer before the last
    grad_cam_layer: str | None  # the last layer with a map; None: there is none
    source: str  # the file's own name, or keras:NAME
    notes: dict[str, str] = field(default_factory=dict)  # "held-out accuracy": "0.981", "repaired": ...
    content: str = ""  # what the fingerprint knows of the file; empty in cards of earlier versions

    def layer(self, name: str) -> Layer | None:
        """Return the layer of that name, None if there is none."""
        return next((layer for layer in self.layers if layer.name == name), None)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ModelCard:
        """Read what `to_json` wrote."""
        known = {entry.name for entry in fields(cls)}
        return cls(
            **{
                **{key: value for key, value in record.items() if key in known},
                "input_shape": tuple(record["input_shape"]),
                "class_names": tuple(record["class_names"]),
                "preprocessing": Preprocessing.from_json(record["preprocessing"]),
                "layers": tuple(Layer.from_json(layer) for layer in record["layers"]),
            }
        )


@dataclass(frozen=True)
class DatasetCard:
    """What is known of a dataset without reading its images."""

    name: str
    fingerprint: str
    n_samples: int
    image_shape: tuple[int, int, int] | None  # (height, width, channels); None: sizes differ from image to image
    class_names: tuple[str, ...]  # may be empty where there are no labels
    labelled: bool
    storage: Literal["array", "files"]  # one images.npy, or the encoded files in one blob
    source: str
    notes: dict[str, str] = field(default_factory=dict)  # conversions that were made, planted flaws, licences

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> DatasetCard:
        """Read what `to_json` wrote."""
        known = {entry.name for entry in fields(cls)}
        shape = record["image_shape"]
        return cls(
            **{
                **{key: value for key, value in record.items() if key in known},
                "image_shape": None if shape is None else tuple(shape),
                "class_names": tuple(record["class_names"]),
            }
        )

"""JPEG: what is lost when the image is stored small."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nnvis_dash.analysis.batches import Bytes, each_image
from nnvis_dash.analysis.transformations import TRANSFORMATIONS, degree
from nnvis_dash.errors import ParameterError

_LARGEST = 65_500  # pixels a side, libjpeg's limit


@dataclass(frozen=True)
class Jpeg:
    """Parameters of `jpeg`."""

    degree: int = degree(70, 0, 99, 0, "100 - JPEG quality: 70 is quality 30, 0 stores without loss.", "%", 1)


@TRANSFORMATIONS.register(
    "jpeg",
    title="JPEG",
    reference="Wallace, The JPEG still picture compression standard, 1991, doi:10.1145/103085.103089",
    parameters=Jpeg,
    traits={"blur and noise"},
)
def jpeg(images: Bytes, parameters: Jpeg) -> Bytes:
    """Compress as JPEG and open again; colours are stored at half the resolution (4:2:0).

    Parameters
    ----------
    images : (N, H, W, C) uint8
    parameters : Jpeg
        `degree` is 100 - quality, so that more of it loses more.

    Returns
    -------
    (N, H, W, C) uint8

    Raises
    ------
    ParameterError
        An image larger than the format can hold.
    """
    import cv2

    if max(images.shape[1:3]) > _LARGEST:
        raise ParameterError(
            f"JPEG: the image has {images.shape[2]} × {images.shape[1]} pixels", f"A side has at most {_LARGEST}."
        )
    quality = (cv2.IMWRITE_JPEG_QUALITY, 100 - parameters.degree)

    def compress(image: Any, result: Any) -> None:
        grey = image.ndim == 2
        _, file = cv2.imencode(".jpg", image if grey else cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
        result[...] = cv2.imdecode(file, cv2.IMREAD_GRAYSCALE if grey else cv2.IMREAD_COLOR_RGB)

    return each_image(images, compress)

"""Changed forms of an image in which it is still the same thing: turned, mirrored, in other colours.

In which of them classifiers are asked is measured, not assumed: a six that is turned over is a nine, so a form is used
only if the classifiers go on giving most trusted samples the same answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from nnvis_dash.analysis.review.label_errors import Examined
from nnvis_dash.analysis.transformations import transform

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.analysis.review.neighbours import Progress
    from nnvis_dash.workspace.datasets import Dataset

Bytes: TypeAlias = npt.NDArray[np.uint8]
Form: TypeAlias = Callable[[Bytes], Bytes]

TRUSTED = 200  # samples on which forms are tried
KEPT = 0.6  # share of them whose answer stays, from which a form is used
_WEAK, _STRONG, _RAISED = 0.6, 1.3, 1.2  # gains of a cast


def _transformed(name: str, degree: float) -> Form:
    return lambda images: transform(images, name, degree)


def _cast(*gains: float) -> Form:
    """Return a form in another light: each channel times its gain, as under a coloured lamp."""
    return lambda images: np.clip(images * np.array(gains, np.float32), 0, 255).round().astype(np.uint8)


TURNED: Mapping[str, Form] = {
    f"turned {angle}°": _transformed("rotation", angle) for angle in range(-150, 181, 30) if angle
}
PLAIN: Mapping[str, Form] = {
    **TURNED,
    "mirrored": _transformed("flip_horizontal", 1),
    "negative": lambda images: 255 - images,
}
COLOURED: Mapping[str, Form] = {
    "grey": _transformed("saturation", 0),
    **{f"hue {angle}°": _transformed("hue", angle) for angle in (-150, -120, -90, -60, 60, 90, 120, 150, 180)},
    "in red light": _cast(_STRONG, _WEAK, _WEAK),
    "in green light": _cast(_WEAK, _STRONG, _WEAK),
    "in blue light": _cast(_WEAK, _WEAK, _STRONG),
    "in cyan light": _cast(_WEAK, _RAISED, _RAISED),
    "in magenta light": _cast(_RAISED, _WEAK, _RAISED),
    "in yellow light": _cast(_RAISED, _RAISED, _WEAK),
}


def forms_of(channels: int) -> dict[str, Form]:
    """Return the forms that images of so many channels have, by name."""
    return {**PLAIN, **COLOURED} if channels == 3 else dict(PLAIN)


def examine(
    classifiers: Sequence[Classifier],
    data: Dataset,
    ids: npt.NDArray[np.integer],
    trusted: npt.NDArray[np.integer],
    columns: Sequence[npt.NDArray[np.integer]] | None = None,
    on_progress: Progress | None = None,
) -> Examined:
    """Ask classifiers about samples in changed forms.

    Parameters
    ----------
    classifiers : sequence of M Classifier
    data : Dataset
    ids : (n,) int
        The samples to ask about.
    trusted : (t,) int
        Samples whose label and prediction agree. A form is used if the classifiers, on the average, give `KEPT` of
        them the same answer as before. None given: no form is used.
    columns : sequence of M (K,) int arrays, optional
        For each classifier its output of each label, where its classes have another order.
    on_progress : function (done, total) -> None, optional

    Returns
    -------
    Examined
        What `label_errors` takes; `forms` names those that are used.
    """
    images = [data.batch(ids, clf.card.input_shape, clf.card.resize) for clf in classifiers]
    tried = [data.batch(trusted, clf.card.input_shape, clf.card.resize) for clf in classifiers]
    forms = forms_of(min(shown.shape[3] for shown in images)) if len(trusted) and len(ids) else {}
    before = [_predicted(clf, shown) for clf, shown in zip(classifiers, tried, strict=True)] if forms else []
    names = ["as it is"]
    found = [[_asked(clf, shown)] for clf, shown in zip(classifiers, images, strict=True)]
    for done, (name, form) in enumerate(forms.items(), 1):
        after = [_predicted(clf, form(shown)) for clf, shown in zip(classifiers, tried, strict=True)]
        if np.mean([(now == then).mean() for now, then in zip(after, before, strict=True)]) >= KEPT:
            names.append(name)
            for said, clf, shown in zip(found, classifiers, images, strict=True):
                said.append(_asked(clf, form(shown)))
        if on_progress is not None:
            on_progress(done, len(forms))
    probabilities = [np.stack([one["probabilities"] for one in said]) for said in found]
    if columns is not None:
        probabilities = [table[..., order] for table, order in zip(probabilities, columns, strict=True)]
    features = [np.stack([one["features"] for one in said]) for said in found]
    return Examined(np.asarray(ids), probabilities, features, tuple(names))


def trusted_samples(
    probabilities: Sequence[npt.NDArray[np.floating]], labels: npt.NDArray[np.integer], n: int = TRUSTED
) -> npt.NDArray[np.int64]:
    """Return up to n samples whose label every classifier predicts, evenly spread over all such; tables are (N, K)."""
    right = np.flatnonzero(np.all([table.argmax(axis=1) == labels for table in probabilities], axis=0) & (labels >= 0))
    return right[np.unique(np.linspace(0, len(right) - 1, min(n, len(right))).astype(int))] if len(right) else right


def _asked(clf: Classifier, images: Bytes) -> dict[str, npt.NDArray[Any]]:
    from nnvis_dash.analysis.index import index_chunk

    return index_chunk(clf, np.ascontiguousarray(images))


def _predicted(clf: Classifier, images: Bytes) -> npt.NDArray[np.int64]:
    return clf.predict(images).argmax(axis=1)

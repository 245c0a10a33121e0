"""What the doctor found, as plain values: for the terminal, the page and the artifact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

from nnvis_dash.types import Preprocessing, Resize

Criterion: TypeAlias = Literal["accuracy", "statistics", "entropy"]
_CERTAIN, _LIKELY = 0.95, 0.8


@dataclass(frozen=True)
class Trial:
    """How a classifier did with one preprocessing and one way of fitting.

    Attributes
    ----------
    preprocessing : Preprocessing
    resize : {"squash", "crop"}
    n : int
        Images it was tried on; those that were clearly worse were stopped early.
    accuracy, accuracy_low, accuracy_high : float or None
        Share of labelled images that were right, and its 95 % interval (Wilson); None without labels.
    reordered_accuracy : float or None
        The same if the outputs are in the order that `Diagnosis.class_order` proposes, on held-out halves.
    loss : float or None
        Mean −ln of the probability of the right class, nats.
    confidence, confidence_low, confidence_high : float
        Mean probability of the predicted class and its 95 % interval.
    entropy : float
        Mean, as a share of ln K.
    mismatch : float or None
        How unlike training the first batch normalisations find their input; 0 is alike. None without such layers.
    n_bad : int
        Images with NaN or infinity among the outputs: wrong, and in no mean.
    n_predicted : int
        How many different classes were predicted.
    """

    preprocessing: Preprocessing
    resize: Resize
    n: int
    accuracy: float | None
    accuracy_low: float | None
    accuracy_high: float | None
    reordered_accuracy: float | None
    loss: float | None
    confidence: float
    confidence_low: float
    confidence_high: float
    entropy: float
    mismatch: float | None
    n_bad: int
    n_predicted: int

    @property
    def name(self) -> str:
        """What a person calls it: ``symmetric, crop``."""
        return f"{self.preprocessing.name}, {self.resize}"

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Trial:
        """Read what `Diagnosis.to_json` wrote."""
        return cls(**{**record, "preprocessing": Preprocessing.from_json(record["preprocessing"])})


@dataclass(frozen=True)
class ClassOrder:
    """Another order of the classes, under which the classifier is right much more often.

    Attributes
    ----------
    permutation : tuple of int
        For each output the number, in the present order, of the class that it seems to stand for.
    class_names : tuple of str
        The names in the order that would mend it.
    before, after, after_low, after_high : float
        Accuracy as it is, and with the order on samples that it was not found with, with its 95 % interval.
    n : int
        Labelled samples.
    reason : str
        One sentence.
    """

    permutation: tuple[int, ...]
    class_names: tuple[str, ...]
    before: float
    after: float
    after_low: float
    after_high: float
    n: int
    reason: str

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> ClassOrder:
        """Read what `Diagnosis.to_json` wrote."""
        known = {**record, "permutation": tuple(record["permutation"]), "class_names": tuple(record["class_names"])}
        return cls(**known)


@dataclass(frozen=True)
class Diagnosis:
    """What the doctor found for one classifier on one dataset.

    Attributes
    ----------
    model, model_name, dataset, dataset_name : str
        Fingerprints and names.
    n_samples, n_labelled, n_classes, seed : int
        Images looked at, those of them whose label stands for an output, outputs, seed of the sample.
    criterion : {"accuracy", "statistics", "entropy"}
        What the proposal rests on.
    candidates : tuple of Trial
        The best first.
    proposal : int
        Position of the proposal among the candidates; the card's own where nothing speaks for another.
    current : int
        Position of what the classifier's card has.
    sure : float
        0..1, the probability that the proposal is better than every other candidate.
    reason : str
        One sentence: why, and how sure.
    class_order : ClassOrder or None
    problems : tuple of str
        What is wrong with the classifier or doesn't fit the dataset.
    notes : tuple of str
        What could not be decided.
    """

    model: str
    model_name: str
    dataset: str
    dataset_name: str
    n_samples: int
    n_labelled: int
    n_classes: int
    seed: int
    criterion: Criterion
    candidates: tuple[Trial, ...]
    proposal: int
    current: int
    sure: float
    reason: str
    class_order: ClassOrder | None = None
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def proposed(self) -> Trial:
        """The candidate that is proposed."""
        return self.candidates[self.proposal]

    @property
    def changes(self) -> bool:
        """Whether the proposal isn't what the classifier has."""
        return self.proposal != self.current

    @property
    def words(self) -> str:
        """How sure the proposal is, in words."""
        return "almost certain" if self.sure >= _CERTAIN else "likely" if self.sure >= _LIKELY else "undecided"

    def to_json(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return {**asdict(self), "words": self.words}

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> Diagnosis:
        """Read what `to_json` wrote."""
        order = record["class_order"]
        known = {name: value for name, value in record.items() if name != "words"}
        return cls(
            **{
                **known,
                "candidates": tuple(Trial.from_json(trial) for trial in record["candidates"]),
                "class_order": None if order is None else ClassOrder.from_json(order),
                "problems": tuple(record["problems"]),
                "notes": tuple(record["notes"]),
            }
        )

    def line(self) -> str:
        """Return the finding in one line, for a card's notes."""
        best = self.proposed
        measured = f"accuracy {_share(best.accuracy, best.accuracy_low, best.accuracy_high)} on {best.n:,} images"
        if best.accuracy is None:
            measured = f"by {self.criterion}, without labels, on {best.n:,} images"
        others = [trial for position, trial in enumerate(self.candidates) if position != self.proposal]
        text = f"doctor: {best.name}, {measured}, {self.words}"
        if others and others[0].accuracy is not None:
            other = others[0]
            text += f"; next best {other.name}, {_share(other.accuracy, other.accuracy_low, other.accuracy_high)}"
        return text

    def text(self) -> str:
        """Return everything as a table and sentences, for a terminal."""
        labelled = self.candidates and self.candidates[0].accuracy is not None
        header = [
            "",
            "preprocessing",
            "fitting",
            "images",
            *(["accuracy"] if labelled else []),
            "confidence",
            "entropy",
        ]
        matched = any(trial.mismatch is not None for trial in self.candidates)
        header += ["mismatch"] if matched else []
        rows = [header]
        for position, trial in enumerate(self.candidates):
            mark = "*" if position == self.proposal else ""
            row = [
                mark + ("=" if position == self.current else ""),
                trial.preprocessing.name,
                trial.resize,
                f"{trial.n:,}",
            ]
            if labelled:
                row.append(_share(trial.accuracy, trial.accuracy_low, trial.accuracy_high))
            row += [_share(trial.confidence, trial.confidence_low, trial.confidence_high), f"{trial.entropy:.3f}"]
            row += ["-" if trial.mismatch is None else f"{trial.mismatch:.2f}"] if matched else []
            rows.append(row)
        lines = [
            f"{self.model_name} on {self.n_samples:,} images of {self.dataset_name} ({self.n_labelled:,} labelled)"
        ]
        lines += ["", *_columns(rows), "", "* proposed   = what the classifier has", "", self.reason]
        if self.class_order is not None:
            lines += [self.class_order.reason]
        lines += [f"Problem: {problem}" for problem in self.problems]
        return "\n".join([*lines, *(f"Note: {note}" for note in self.notes)])


def _share(value: float | None, low: float | None, high: float | None) -> str:
    if value is None or low is None or high is None:
        return "-"
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]

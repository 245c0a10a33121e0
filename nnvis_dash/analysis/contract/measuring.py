"""What a contract is held against: finding its classifiers and images, and measuring what isn't known yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from nnvis_dash.analysis.contract.terms import BREAKING, Contract, Source, covers
from nnvis_dash.analysis.simulation.breaking import BreakingPoints, breaking_points
from nnvis_dash.analysis.simulation.change import Change, change
from nnvis_dash.analysis.simulation.order import stratified_order
from nnvis_dash.analysis.simulation.sweep import Sweep, load_sweep, sweep, sweep_key
from nnvis_dash.errors import NNVisError, NotFound, ParameterError
from nnvis_dash.state.ids import encode_ids
from nnvis_dash.types import ModelCard
from nnvis_dash.workspace.datasets import Dataset, load_dataset
from nnvis_dash.workspace.paths import expanded, there

if TYPE_CHECKING:
    from nnvis_dash.analysis.classifier import Classifier
    from nnvis_dash.workspace.store import Workspace

Progress: TypeAlias = Callable[[int, int | None], None]


@dataclass(frozen=True)
class Measured:
    """Sweeps of the classifier and of the one that it is compared with; breaking points by the change of their rule."""

    sweeps: list[Sweep]
    others: list[Sweep]
    breaking: dict[Change, BreakingPoints]


@dataclass(frozen=True)
class Bound:
    """A classifier that a contract names.

    Attributes
    ----------
    card : ModelCard
    stored : bool
        The workspace holds it.
    open : function () -> Classifier
        Loads it.
    """

    card: ModelCard
    stored: bool
    open: Callable[[], Classifier]


@dataclass(frozen=True)
class Bench:
    """A contract with its images and classifiers at hand; made by `open_bench`.

    Attributes
    ----------
    contract : Contract
    workspace : Workspace
    data : Dataset
    stored : bool
        The workspace holds the images and all classifiers, so that the engine can measure.
    classifier : Bound
    other : Bound or None
    """

    contract: Contract
    workspace: Workspace
    data: Dataset
    stored: bool
    classifier: Bound
    other: Bound | None

    @property
    def title(self) -> str:
        """Return what is being done, for a line of progress."""
        return f"{self.classifier.card.name} on {self.data.card.name}"

    @cached_property
    def samples(self) -> list[int] | None:
        """Return the samples that the contract is held against, ascending; None: all."""
        most = self.contract.samples
        if most is None or most >= len(self.data):
            return None
        order = stratified_order(self.data.labels, len(self.data), self.contract.seed)
        return sorted(order[:most].tolist())

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """Return the classes' names by output: the classifier's, or where it has none the dataset's if they fit."""
        card = self.classifier.card
        fits = not card.class_names and len(self.data.class_names) == card.n_classes
        return self.data.class_names if fits else None

    def jobs(self) -> list[dict[str, Any]]:
        """Return the parameters of the simulations that the workspace doesn't hold yet, each for the engine."""
        if not self.stored:
            return []
        own, others = self.contract.changes(), self.contract.changes_of_other()
        models = [self.classifier.card.fingerprint]
        groups = [(models, [each for each in own if each not in others])]
        if self.other is not None:
            both = list(dict.fromkeys([*models, self.other.card.fingerprint]))
            groups.append((both, list(others)))
        found = []
        for asked, changes in groups:
            missing = [each for each in changes if not all(self._stored_key(model, each) for model in asked)]
            if missing:
                found.append(
                    {
                        "dataset": self.data.fingerprint,
                        "models": asked,
                        "changes": [each.plain() for each in missing],
                        "samples": self._samples_text,
                        "precision": self.contract.precision,
                    }
                )
        return found

    def breaking_jobs(self) -> dict[Change, dict[str, Any]]:
        """Return by the change of their rule the parameters of breaking points that the engine can find.

        Those whose scan is a sweep of the contract; others, of fewer degrees, are bisected by `measure`.
        """
        if not self.stored:
            return {}
        swept = self.contract.changes()
        found = {}
        for each in self._bisected:
            scan = replace(each, degrees=tuple(sorted({*each.degrees, each.identity})))
            if scan in swept:
                found[each] = {
                    "dataset": self.data.fingerprint,
                    "model": self.classifier.card.fingerprint,
                    "change": scan.plain(),
                    "samples": self._samples_text,
                    "precision": self.contract.precision,
                }
        return found

    def measure(
        self,
        on_progress: Progress = lambda done, total: None,
        known: Mapping[Change, BreakingPoints] | None = None,
    ) -> Measured:
        """Return the sweeps: the workspace's where it holds them, else measured in this process.

        Parameters
        ----------
        on_progress : function (done, total) -> None, optional
        known : mapping of Change to BreakingPoints, optional
            What the jobs of `breaking_jobs` found.

        Raises
        ------
        NNVisError
            What the classifier, the images or a change can't do.
        """
        own, others = self.contract.changes(), self.contract.changes_of_other()
        total = (len(own) + len(others)) * (len(self.data) if self.samples is None else len(self.samples))
        done = 0

        def step(now: int, of: int) -> None:
            nonlocal done
            on_progress(done + now, total)
            if now == of:
                done += of

        found = self._sweeps(self.classifier, own, step)
        other = [] if self.other is None else self._sweeps(self.other, others, step)
        return Measured(found, other, self._breaking(found, on_progress, known or {}))

    def facts(self) -> dict[str, str]:
        """Return in plain words what was measured, for reports."""
        found = {
            "dataset": self.data.card.name,
            "dataset_fingerprint": self.data.fingerprint,
            "classifier": self.classifier.card.name,
            "classifier_fingerprint": self.classifier.card.fingerprint,
            "precision": self.contract.precision,
        }
        if self.other is not None:
            found |= {"against": self.other.card.name, "against_fingerprint": self.other.card.fingerprint}
        return found

    def header(self, n_images: int) -> str:
        """Return in one line what is held to what."""
        against = "" if self.other is None else f", against {self.other.card.name}"
        drawn = "all " if self.samples is None else ""
        return f"{self.contract.title}: {self.title} ({drawn}{n_images:,} images){against}"

    @property
    def _samples_text(self) -> str:
        return "" if self.samples is None else encode_ids(self.samples)

    def _sweeps(self, bound: Bound, changes: Sequence[Change], step: Callable[[int, int], None]) -> list[Sweep]:
        found = []
        clf: Classifier | None = None
        for each in changes:
            key = self._stored_key(bound.card.fingerprint, each) if self.stored else None
            if key is not None:
                found.append(load_sweep(self.workspace.artifacts.load(key)))
                continue
            clf = clf or bound.open()
            samples = None if self.samples is None else np.asarray(self.samples)
            found.append(
                sweep(clf, self.data, each, samples=samples, precision=self.contract.precision, on_progress=step)
            )
        return found

    @property
    def _bisected(self) -> list[Change]:
        """Return the changes whose breaking points rules ask for."""
        rules = [rule for rule in self.contract.rules if rule.of == BREAKING]
        return list(dict.fromkeys(rule.change for rule in rules if rule.change is not None))

    def _breaking(
        self, sweeps: Sequence[Sweep], on_progress: Progress, known: Mapping[Change, BreakingPoints]
    ) -> dict[Change, BreakingPoints]:
        """Return the breaking points that rules ask for; those that aren't known bisected from the sweeps."""
        found = dict(known)
        clf: Classifier | None = None
        for each in self._bisected:
            if each in found:
                continue
            clf = clf or self.classifier.open()
            scan = with_degrees(next(every for every in sweeps if covers(every.change, each)), each)
            found[each] = breaking_points(clf, self.data, scan.change, scan=scan, on_progress=on_progress)
        return found

    def _stored_key(self, model: str, wanted: Change) -> str | None:
        """Return the key of a stored sweep that holds a change: of its own degrees, or of the usual ones."""
        usual = change(wanted.name, None, **dict(wanted.parameters))
        for each in (wanted, usual):
            key = sweep_key(model, self.data.fingerprint, each, self._samples_text, self.contract.precision)
            if set(wanted.degrees) <= set(each.degrees) and self.workspace.artifacts.has(key):
                return key
        return None


def with_degrees(found: Sweep, wanted: Change) -> Sweep:
    """Return the part of a sweep at the degrees of another change of its kind, and at the one that changes nothing."""
    degrees = tuple(sorted({*wanted.degrees, wanted.identity}))
    columns = [found.change.degrees.index(degree) for degree in degrees]
    return replace(
        found,
        change=replace(wanted, degrees=degrees),
        prediction=found.prediction[:, columns],
        true_probability=found.true_probability[:, columns],
        probabilities=None if found.probabilities is None else found.probabilities[:, columns],
    )


def open_bench(contract: Contract, workspace: Workspace, path: Path) -> Bench:
    """Find the images and the classifiers that a contract names.

    Parameters
    ----------
    contract : Contract
    workspace : Workspace
    path : Path
        Of the contract's file: paths in it begin at its folder.

    Raises
    ------
    NNVisError
        What isn't there or can't be used, with the line that names it.
    """
    data, stored = _dataset(contract.dataset, workspace, path)
    classifier = _classifier(contract.classifier, workspace, path, data)
    other = None
    if contract.against is not None and any(rule.of_both for rule in contract.rules):
        other = _classifier(contract.against, workspace, path, data)
    if len(data) == 0:
        raise ParameterError(f"The dataset {data.card.name!r} has no images", "Name one with images.")
    stored = stored and classifier.stored and (other is None or other.stored)
    return Bench(contract, workspace, data, stored, classifier, other)


def _dataset(source: Source, workspace: Workspace, path: Path) -> tuple[Dataset, bool]:
    options = dict(source.options)
    place = path.parent / expanded(source.ref)
    if not options:
        try:
            return workspace.dataset(source.ref), True
        except NotFound as error:
            if there(place) is None:
                raise _placed(error, source, path) from None
    labels = options.get("labels")
    try:
        return (
            load_dataset(
                place,
                labels=None if labels is None else path.parent / expanded(labels),
                class_names=options.get("class_names"),
            ),
            False,
        )
    except NNVisError as error:
        raise _placed(error, source, path) from None


def _classifier(source: Source, workspace: Workspace, path: Path, data: Dataset) -> Bound:
    from nnvis_dash.analysis.classifier import load_classifier, open_classifier

    place = path.parent / expanded(source.ref)
    if not source.options:
        try:
            card = workspace.model(source.ref)
            return Bound(card, True, lambda: open_classifier(workspace, card.fingerprint))
        except NotFound as error:
            if there(place) is None:
                raise _placed(error, source, path) from None
    options = dict(source.options)
    if "architecture" in options and not options["architecture"].startswith("keras:"):
        options["architecture"] = path.parent / expanded(options["architecture"])
    try:
        clf = load_classifier(place, data=data, **options)
    except NNVisError as error:
        raise _placed(error, source, path) from None
    return Bound(clf.card, False, lambda: clf)


def _placed(error: NNVisError, source: Source, path: Path) -> NNVisError:
    """Return an error that says the line of the contract that named the source."""
    return type(error)(f"{path.name}, line {source.line}: {error.what}", error.mend)

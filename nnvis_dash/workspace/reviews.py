"""What people decided about the samples of a dataset, and the slices that they named: one small file a dataset.

    <workspace>/reviews/<fingerprint>.json

A file is written anew beside the old one, brought to the disk and renamed while the lock is held: whoever reads finds
the old or the new one, after a crash as well, and of two people who decide at once neither loses a decision.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from nnvis_dash.errors import DatasetError, NotFound, ParameterError
from nnvis_dash.workspace.disk import disk_errors, write_whole
from nnvis_dash.workspace.labels import plain_text
from nnvis_dash.workspace.lock import locked
from nnvis_dash.workspace.permissions import FOLDER
from nnvis_dash.workspace.spreadsheet import harmless

DECISIONS = ("keep", "fix", "drop")
MOST_SLICES = 100
LONGEST = 80  # characters of a slice's name
COLUMNS = ("sample", "name", "label", "decision", "new label", "reason", "score")


@dataclass(frozen=True)
class Decision:
    """What is to become of a sample.

    Attributes
    ----------
    decision : "keep", "fix" or "drop"
    label : str
        The class that a fixed sample gets.
    reason : str
        Why it was looked at.
    score : float or None
        That it had.
    """

    decision: str
    label: str = ""
    reason: str = ""
    score: float | None = None


@dataclass(frozen=True)
class Reviewed:
    """All that was decided about a dataset.

    Attributes
    ----------
    decisions : dict of int to Decision
        By sample.
    slices : dict of str to str
        Sample ids as text (`state.ids`), by name.
    """

    decisions: dict[int, Decision] = field(default_factory=dict)
    slices: dict[str, str] = field(default_factory=dict)


class Reviews:
    """The reviews of a workspace.

    Parameters
    ----------
    folder : Path
        Made with the first decision.
    lock : Path
        The workspace's lock file.
    """

    def __init__(self, folder: Path, lock: Path) -> None:
        self._folder = folder
        self._lock = lock

    def read(self, dataset: str) -> Reviewed:
        """Return what was decided about a dataset, by its fingerprint; nothing where nobody did.

        Raises
        ------
        DatasetError
            The file is damaged.
        """
        path = self._path(dataset)
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
            decisions = {int(sample): Decision(**one) for sample, one in record["decisions"].items()}
            return Reviewed(decisions, {str(name): str(ids) for name, ids in record["slices"].items()})
        except FileNotFoundError:
            return Reviewed()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise DatasetError("The review of this dataset is damaged", "Remove its file in reviews/.") from None

    def decide(self, dataset: str, samples: Sequence[int], decision: Decision | None) -> Reviewed:
        """Note a decision about samples; None takes theirs back.

        Raises
        ------
        ParameterError
            No such decision, or a fix without a class.
        """
        if decision is not None and decision.decision not in DECISIONS:
            raise ParameterError(f"There is no decision {decision.decision!r}", f"One of: {', '.join(DECISIONS)}.")
        if decision is not None and (decision.decision == "fix") != bool(decision.label):
            raise ParameterError("A label is fixed by saying which class it is", "Choose the class.")

        def change(before: Reviewed) -> Reviewed:
            kept = {sample: one for sample, one in before.decisions.items() if sample not in set(samples)}
            return Reviewed({**kept, **(dict.fromkeys(samples, decision) if decision else {})}, before.slices)

        return self._change(dataset, change)

    def keep_slice(self, dataset: str, name: str, samples: str) -> Reviewed:
        """Name a slice; one of that name is replaced.

        Raises
        ------
        ParameterError
            No name, a long one, no samples, or too many slices.
        """
        plain = plain_text(name)
        if not 0 < len(plain) <= LONGEST:
            raise ParameterError(f"The slice's name {plain[:20]!r} can't be used", f"Give 1 to {LONGEST} characters.")
        if not samples:
            raise ParameterError("No sample is selected", "Select some.")

        def change(before: Reviewed) -> Reviewed:
            named = {**before.slices, plain: samples}
            if len(named) > MOST_SLICES:
                raise ParameterError(f"There are {len(before.slices)} slices", "Remove one first.")
            return Reviewed(before.decisions, named)

        return self._change(dataset, change)

    def remove_slice(self, dataset: str, name: str) -> Reviewed:
        """Forget a slice.

        Raises
        ------
        NotFound
            There is none of that name.
        """

        def change(before: Reviewed) -> Reviewed:
            if name not in before.slices:
                raise NotFound.among("slice", name, list(before.slices))
            return Reviewed(before.decisions, {one: ids for one, ids in before.slices.items() if one != name})

        return self._change(dataset, change)

    def _change(self, dataset: str, change: Callable[[Reviewed], Reviewed]) -> Reviewed:
        with disk_errors(DatasetError), locked(self._lock):
            after = change(self.read(dataset))
            record = {
                "decisions": {str(sample): asdict(one) for sample, one in sorted(after.decisions.items())},
                "slices": after.slices,
            }
            self._folder.mkdir(mode=FOLDER, exist_ok=True)
            write_whole(self._path(dataset), json.dumps(record))
            return after

    def _path(self, dataset: str) -> Path:
        if not dataset.isalnum():
            raise ValueError(f"{dataset!r} is not a fingerprint")
        return self._folder / f"{dataset}.json"


def as_csv(decisions: Mapping[int, Decision], name_of: Callable[[int], str], label_of: Callable[[int], str]) -> str:
    """Return decisions as CSV with the columns `COLUMNS`, by sample; no cell of text begins like a formula."""
    stream = io.StringIO()
    rows = csv.writer(stream, lineterminator="\n")
    rows.writerow(COLUMNS)
    for sample, one in sorted(decisions.items()):
        score = "" if one.score is None else f"{one.score:.4g}"
        texts = [name_of(sample), label_of(sample), one.decision, one.label, one.reason]
        rows.writerow([sample, *map(harmless, texts), score])
    return stream.getvalue()

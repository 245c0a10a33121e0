"""Reading a contract's file, strictly: what isn't known there is refused, with the line, the value and the mend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnvis_dash.analysis.contract.reading_rules import names_of, read_rule
from nnvis_dash.analysis.contract.terms import CONFIDENCE, ESTIMATE, VERSION, Contract, Source
from nnvis_dash.analysis.contract.yaml_text import LONGEST, Found, read_yaml
from nnvis_dash.analysis.index import PRECISIONS
from nnvis_dash.errors import NotFound, ParameterError
from nnvis_dash.types import PREPROCESSINGS

_NEEDED = ("nnvis_contract", "dataset", "classifier", "rules")
_FIELDS = (
    *_NEEDED[:3],
    "title",
    "against",
    "samples",
    "seed",
    "precision",
    "decide",
    "confidence",
    "undecided",
    "rules",
)
_RULES = 200


def load_contract(path: Path) -> Contract:
    """Read a contract's file.

    Raises
    ------
    NotFound, ParameterError
        No such file, or what `read_contract` says of it.
    """
    try:
        with path.open("rb") as file:
            found = file.read(LONGEST + 1)
    except FileNotFoundError:
        raise NotFound(f"There is no file {path.name!r}", "Give the path of a contract (docs/contract.md).") from None
    except OSError as error:
        raise ParameterError(f"{path.name} can't be read: {error.strerror}", "Give a file that you may read.") from None
    try:
        text = found.decode("utf-8-sig", "replace" if len(found) > LONGEST else "strict")
    except UnicodeDecodeError:
        raise ParameterError(f"{path.name} is no text in UTF-8", "Save it as UTF-8.") from None
    return read_contract(text, path.name)


def read_contract(text: str, file: str = "contract.yaml") -> Contract:
    """Read a contract.

    Parameters
    ----------
    text : str
        YAML, as docs/contract.md has it.
    file : str
        What errors call it.

    Raises
    ------
    ParameterError
        What is wrong, in which line, the value, and the mend.
    """
    whole = read_yaml(text, file)
    given = whole.fields(_FIELDS, _NEEDED)
    if given["nnvis_contract"].value != VERSION or isinstance(given["nnvis_contract"].value, bool):
        given["nnvis_contract"].refuse(
            f"nnvis_contract is {given['nnvis_contract'].value!r}", f"This program reads version {VERSION}."
        )
    decide = given["decide"].choice(ESTIMATE, CONFIDENCE) if "decide" in given else ESTIMATE
    against = _classifier(given["against"]) if "against" in given else None
    options: dict[str, Any] = {
        "title": given["title"].text() if "title" in given else Path(file).stem,
        "against": against,
        "samples": given["samples"].whole(1, 10**9) if "samples" in given else None,
        "seed": given["seed"].whole(0, 2**32 - 1) if "seed" in given else 0,
        "precision": given["precision"].choice(*PRECISIONS) if "precision" in given else "float32",
        "confidence": given["confidence"].number(0.5, 0.9999) if "confidence" in given else 0.95,
        "undecided": given["undecided"].choice("fails", "passes") if "undecided" in given else "fails",
    }
    rules = tuple(read_rule(entry, decide, against is not None) for entry in given["rules"].items(1, _RULES))
    return Contract(
        dataset=_dataset(given["dataset"]), classifier=_classifier(given["classifier"]), rules=rules, **options
    )


def _dataset(given: Found) -> Source:
    if not given.is_mapping:
        return Source(given.text(), line=given.line)
    fields = given.fields(("path", "labels", "class_names"), ("path",))
    options: dict[str, Any] = {}
    if "labels" in fields:
        options["labels"] = fields["labels"].text()
    if "class_names" in fields:
        options["class_names"] = names_of(fields["class_names"])
    return Source(fields["path"].text(), tuple(options.items()), given.line)


def _classifier(given: Found) -> Source:
    if not given.is_mapping:
        return Source(given.text(), line=given.line)
    fields = given.fields(("path", "architecture", "preprocessing", "class_names"), ("path",))
    options: dict[str, Any] = {}
    if "architecture" in fields:
        options["architecture"] = fields["architecture"].text()
    if "preprocessing" in fields:
        options["preprocessing"] = fields["preprocessing"].choice("auto", *PREPROCESSINGS)
    if "class_names" in fields:
        options["class_names"] = names_of(fields["class_names"])
    return Source(fields["path"].text(), tuple(options.items()), given.line)

"""`contract_draft`: a contract that a classifier keeps now, from the changes that are simulated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from nnvis_dash.engine.questions import QUESTIONS
from nnvis_dash.errors import ParameterError

if TYPE_CHECKING:
    from nnvis_dash.engine.desk import Desk


@dataclass(frozen=True)
class ContractDraftParameters:
    """The classifier, with a second one also what the first loses against it, and the changes to limit."""

    dataset: str = ""
    models: list = field(default_factory=list)  # type: ignore[type-arg]  # one or two
    changes: list = field(default_factory=list)  # type: ignore[type-arg]
    precision: str = "float32"


@QUESTIONS.register("contract_draft", title="Draft of a contract", reference="", parameters=ContractDraftParameters)
def contract_draft(desk: Desk, parameters: ContractDraftParameters) -> dict[str, Any]:
    """Return the contract's `text` and the titles of the `changes` that it limits: those simulated for all of them."""
    from nnvis_dash.analysis.contract.drafting import draft_contract
    from nnvis_dash.analysis.simulation.change import read_changes
    from nnvis_dash.engine.sweeps import Wanted, known_sweep

    if not 1 <= len(parameters.models) <= 2:
        raise ParameterError(
            f"{len(parameters.models)} classifiers are named", "Give one, or one more to compare with."
        )
    mine, theirs = [], []
    for change in read_changes(parameters.changes):
        names = (parameters.dataset, change, "", parameters.precision)
        sweeps = [known_sweep(desk, Wanted(model, *names)) for model in parameters.models]
        finished = [sweep for sweep in sweeps if sweep is not None and len(sweep) == sweep.total]
        if len(finished) == len(parameters.models):
            mine.append(finished[0])
            theirs.append(finished[-1])
    if not mine:
        return {"text": "", "changes": []}
    cards = [desk.workspace.model(model) for model in parameters.models]
    compared = len(cards) > 1
    text = draft_contract(
        mine,
        dataset=desk.workspace.dataset(parameters.dataset).card.name,
        classifier=cards[0].name,
        against=cards[1].name if compared else "",
        others=theirs if compared else (),
    )
    return {"text": text, "changes": [sweep.change.title for sweep in mine]}

"""The repairs, in their order."""

from __future__ import annotations

from collections.abc import Callable

from nnvis_dash.analysis.preflight.repairs import channels, fields, inputs, keras1, modules, operations, structure
from nnvis_dash.analysis.preflight.repairs.draft import Draft
from nnvis_dash.analysis.preflight.wording import SAVE_AGAIN
from nnvis_dash.errors import ModelError

# In this order: first the form of the whole, then names and fields, then what changes the graph.
REPAIRS: tuple[Callable[[Draft], str], ...] = (
    structure.list_configs,
    structure.model_class,
    structure.batch_shapes,
    structure.missing_inputs,
    structure.connections,
    structure.nested_calls,
    structure.single_ends,
    structure.slashes_in_names,
    keras1.layer_names,
    keras1.arguments,
    keras1.merges,
    keras1.kernels,
    fields.dtypes,
    fields.initializers,
    fields.normalizations,
    fields.recurrent,
    fields.thresholds,
    fields.random_sizes,
    fields.renamed,
    fields.left_over,
    operations.functions,
    operations.node_definitions,
    fields.interpolation,
    fields.hard_sigmoid,
    channels.channels_last,
    inputs.missing_channel,
    inputs.flat_images,
    modules.today,
)


def repair(draft: Draft) -> tuple[str, ...]:
    """Apply every repair that has something to do.

    Parameters
    ----------
    draft : Draft
        Changed in place.

    Returns
    -------
    A line of words for each repair that changed something.

    Raises
    ------
    ModelError
        Today's Keras can't compute the same, or the description isn't of the form that Keras writes.
    """
    words = []
    for step in REPAIRS:
        try:
            said = step(draft)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError) as error:
            # Values of a kind that no version of Keras writes; whatever remains is for the strict check to say.
            name = step.__name__.replace("_", " ")
            raise ModelError(
                f"The model's description can't be read ({name}: {type(error).__name__})", SAVE_AGAIN
            ) from error
        if said:
            words.append(said)
    return tuple(words)

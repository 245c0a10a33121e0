"""Walk any Keras graph layer by layer, so that every analysis can look at, or change, what flows through it.

Building sub-models with `keras.Model(inputs, layer.output)` fails on nested and shared models ("graph disconnected"),
needs one model for each question, and can't leave the last softmax out. So a model is unrolled once into a flat list
of steps (nested models opened, every call of a shared layer its own step), and `Graph.run` interprets that list.

Invariants: the user's model is never changed; every layer runs in inference mode; names are unique.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from nnvis_dash.analysis.slots import Slot, filled, leaves, slotted
from nnvis_dash.errors import ModelError, NotFound
from nnvis_dash.types import Layer

Tensor: TypeAlias = Any  # a TensorFlow or Keras tensor
Visit: TypeAlias = Callable[[str, Tensor], Tensor]
Ending: TypeAlias = Literal["softmax", "sigmoid"]

CONVOLUTIONS = frozenset(
    f"{kind}{rank}D{transposed}"
    for kind in ("Conv", "DepthwiseConv", "SeparableConv")
    for rank in (1, 2)
    for transposed in ("", "Transpose")
)
# What may stand behind the last activation without changing a value, or only the shape.
_KEEPS_VALUES = frozenset({"Reshape", "Flatten", "Identity", "Dropout", "ActivityRegularization", "Squeeze"})


@dataclass(frozen=True, eq=False)
class Step:
    """One call of one leaf layer (or Keras operation)."""

    name: str
    operation: Any
    args: tuple[Any, ...]  # as recorded, with a Slot for every tensor
    kwargs: dict[str, Any]
    inputs: tuple[int, ...]  # slots
    outputs: tuple[int, ...]
    shapes: tuple[tuple[int | None, ...], ...]  # of the outputs, without the batch axis
    is_layer: bool
    takes_training: bool = field(default=False)

    @property
    def kind(self) -> str:
        """The Keras class's name."""
        return str(type(self.operation).__name__)

    @property
    def is_convolution(self) -> bool:
        """Whether its output channels are units of a convolution."""
        return self.is_layer and any(base.__name__ in CONVOLUTIONS for base in type(self.operation).__mro__)

    @property
    def is_dense(self) -> bool:
        """Whether its outputs are neurons of a dense layer."""
        return self.is_layer and any(base.__name__ == "Dense" for base in type(self.operation).__mro__)

    @property
    def n_units(self) -> int:
        """Channels or neurons; 0 for layers without any."""
        if not (self.is_convolution or self.is_dense) or len(self.outputs) != 1:
            return 0
        return int(self.shapes[0][-1] or 0)


class Graph:
    """A Functional or Sequential Keras model as a flat list of steps.

    Nested models give names like ``outer/inner``; the second call of a shared layer is ``name:1``, the third
    ``name:2``. A layer of a nested model that is called twice is ``outer:1/inner`` the second time.

    Parameters
    ----------
    model : keras.Model
        Built, Functional or Sequential, with one input and one output.

    Raises
    ------
    ModelError
        Any other kind of model; says which and what to do.
    """

    def __init__(self, model: Any) -> None:
        functional = _functional(model)
        if functional is None:
            raise ModelError(
                f"The model {_name(model)!r} is a {type(model).__name__} whose layers can't be followed",
                "Build it with keras.Sequential (with an Input) or with the functional API: "
                "keras.Model(inputs, outputs).",
            )
        for what, tensors in (("inputs", functional.inputs), ("outputs", functional.outputs)):
            if len(tensors) != 1:
                raise ModelError(
                    f"The model {_name(model)!r} has {len(tensors)} {what}",
                    f"Give a classifier with one: keras.Model(model.inputs{'[0]' if what == 'inputs' else ''}, "
                    f"model.outputs{'[0]' if what == 'outputs' else ''}).",
                )
        self.model = model
        self.input_shape: tuple[int | None, ...] = tuple(functional.inputs[0].shape[1:])
        self.input_dtype: str = str(functional.inputs[0].dtype)
        self._n_slots = 1
        self._names: set[str] = set()
        steps: list[Step] = []
        (self.output_slot,) = self._unroll(functional, (0,), "", steps)
        self.steps: tuple[Step, ...] = tuple(steps)
        self.output_shape: tuple[int | None, ...] = tuple(functional.outputs[0].shape[1:])
        self._producer = {slot: step for step in self.steps for slot in step.outputs}
        self._by_name = {step.name: step for step in self.steps}
        self._ending_step, self.ending = self._find_ending()
        self.layers: tuple[Layer, ...] = tuple(_layer(step) for step in self.steps if len(step.outputs) == 1)

    def step(self, name: str) -> Step:
        """Return the step of that name.

        Raises
        ------
        NotFound
            No such layer; names those there are.
        """
        if name not in self._by_name:
            raise NotFound.among("layer", name, self._by_name)
        return self._by_name[name]

    def before(self, step: Step) -> Step | None:
        """Return the step that makes the first input of `step`, None where that is the model's input."""
        return self._producer.get(step.inputs[0]) if step.inputs else None

    @property
    def ending_step(self) -> Step | None:
        """The step that holds the last softmax or sigmoid (`ending` says which), None where there is none."""
        return self._ending_step

    def replaced(self, operations: Mapping[int, Any]) -> Graph:
        """Return the same graph with other operations, by the `id` of those that they stand for."""
        return self._of(
            replace(step, operation=operations.get(id(step.operation), step.operation)) for step in self.steps
        )

    def refitted(self, instead: Mapping[str, Any], behind: Mapping[str, Any]) -> Graph:
        """Return the same graph with other operations at some steps, and with one more behind some.

        Parameters
        ----------
        instead : mapping of a step's name -> operation
            With the same inputs and outputs.
        behind : mapping of a step's name -> operation
            Of one tensor, whose shape it keeps; what took the step's output takes what the operation makes of it. It
            becomes a step ``name:behind``; the step itself is still visited with its own output.
        """
        slots = list(range(self._n_slots))  # where each slot's value is taken from
        steps: list[Step] = []
        for step in self.steps:
            given = {slot: Slot(slots[slot]) for slot in step.inputs}
            fed = replace(
                step,
                operation=instead.get(step.name, step.operation),
                args=filled(step.args, given),
                kwargs=filled(step.kwargs, given),
                inputs=tuple(slots[slot] for slot in step.inputs),
            )
            steps.append(fed)
            if step.name in behind:
                (own,), more = step.outputs, len(slots)
                slots.append(more)
                slots[own] = more
                steps.append(
                    Step(
                        name=f"{step.name}:behind",
                        operation=behind[step.name],
                        args=(Slot(own),),
                        kwargs={},
                        inputs=(own,),
                        outputs=(more,),
                        shapes=step.shapes,
                        is_layer=_is_layer(behind[step.name]),
                    )
                )
        return self._of(steps, len(slots), slots[self.output_slot])

    def _of(self, steps: Iterable[Step], n_slots: int | None = None, output_slot: int | None = None) -> Graph:
        """Return the same graph with other steps, and more slots."""
        graph = copy.copy(self)
        graph.steps = tuple(steps)
        graph._n_slots = self._n_slots if n_slots is None else n_slots
        graph.output_slot = self.output_slot if output_slot is None else output_slot
        graph._producer = {slot: step for step in graph.steps for slot in step.outputs}
        graph._by_name = {step.name: step for step in graph.steps}
        graph._ending_step, graph.ending = graph._find_ending()
        return graph

    def run(self, x: Tensor, visit: Visit | None = None, logits: bool = False) -> Tensor:
        """Compute the model's output in inference mode.

        Parameters
        ----------
        x : (N, H, W, C) tensor
            The model's own input (already preprocessed). Eager, or symbolic while a `tf.function` is traced.
        visit : function (name, tensor) -> tensor, optional
            Called with the output of every layer; what it returns flows on, so it can watch or replace.
            Layers with several outputs are passed over.
        logits : bool
            Leave the last softmax or sigmoid out, exactly: the activation isn't computed, rather than inverted. The
            layer that held it is visited with the values before it. Without such an ending (`self.ending` is None)
            the output is the same as without `logits`.

        Returns
        -------
        (N, K) tensor, or as the model's output is shaped.
        """
        from keras import ops

        values: list[Any] = [None] * self._n_slots
        values[0] = x if _dtype(x) == self.input_dtype else ops.cast(x, self.input_dtype)
        for step in self.steps:
            result = call(step, values, activation=not (logits and step is self._ending_step))
            if len(step.outputs) == 1:
                values[step.outputs[0]] = result if visit is None else visit(step.name, result)
            else:
                for slot, value in zip(step.outputs, leaves(result), strict=True):
                    values[slot] = value
        return values[self.output_slot]

    def _unroll(self, functional: Any, given: tuple[int, ...], prefix: str, steps: list[Step]) -> tuple[int, ...]:
        """Append the steps of one (nested) model whose inputs lie in the slots `given`; return its outputs' slots."""
        slots: dict[int, int] = {id(tensor): slot for tensor, slot in zip(functional.inputs, given, strict=True)}
        for node in _nodes(functional):
            if node.is_input or any(id(tensor) not in slots for tensor in node.arguments.keras_tensors):
                continue  # an input, or a call that isn't fed from this model's inputs
            inputs = tuple(slots[id(tensor)] for tensor in node.arguments.keras_tensors)
            name = self._unique(prefix + str(node.operation.name))
            inner = _functional(node.operation)
            if inner is not None and len(inner.inputs) == len(inputs):
                outputs = self._unroll(inner, inputs, f"{name}/", steps)
            else:
                outputs = tuple(range(self._n_slots, self._n_slots + len(node.outputs)))
                self._n_slots += len(outputs)
                is_layer = _is_layer(node.operation)
                steps.append(
                    Step(
                        name=name,
                        operation=node.operation,
                        args=slotted(node.arguments.args, slots),
                        kwargs=slotted(node.arguments.kwargs, slots),
                        inputs=inputs,
                        outputs=outputs,
                        shapes=tuple(tuple(tensor.shape[1:]) for tensor in node.outputs),
                        is_layer=is_layer,
                        takes_training=is_layer and "training" in inspect.signature(node.operation.call).parameters,
                    )
                )
            slots.update({id(tensor): slot for tensor, slot in zip(node.outputs, outputs, strict=True)})
        return tuple(slots[id(tensor)] for tensor in functional.outputs)

    def _unique(self, name: str) -> str:
        """Return `name`, or `name:1`, `name:2`, ... where it is taken."""
        free, count = name, 0
        while free in self._names:
            count += 1
            free = f"{name}:{count}"
        self._names.add(free)
        return free

    def _find_ending(self) -> tuple[Step | None, Ending | None]:
        """Find the step that holds the last softmax or sigmoid, looking back through what keeps values as they are."""
        step = self._producer.get(self.output_slot)
        while step is not None:
            activation = _activation(step)
            if activation in ("softmax", "sigmoid"):
                return (step, "softmax") if activation == "softmax" else (step, "sigmoid")
            if step.kind not in _KEEPS_VALUES and not (step.kind == "Activation" and activation == "linear"):
                return None, None
            step = self.before(step)
        return None, None


def call(step: Step, values: Any, activation: bool = True) -> Any:
    """Call one step in inference mode.

    Parameters
    ----------
    step : Step
    values : list or mapping
        The tensor of each slot that the step needs.
    activation : bool
        Whether the step's own activation is applied.

    Returns
    -------
    tensor, or for several outputs what the operation returns
    """
    args, kwargs = filled(step.args, values), filled(step.kwargs, values)
    if step.takes_training:
        kwargs["training"] = False
    result = step.operation(*args, **kwargs) if activation else _without_activation(step, args, kwargs)
    if len(step.outputs) == 1 and isinstance(result, (list, tuple)):
        (result,) = result
    return result


def _functional(model: Any) -> Any | None:
    """Return the Functional behind a model; None for a layer, an operation, or a model that isn't a graph."""
    import keras

    if isinstance(model, keras.Sequential):
        model = model._functional if model.built else None
    if isinstance(model, (keras.Model, keras.Function)) and getattr(model, "_nodes_by_depth", None):
        return model
    return None


def _nodes(functional: Any) -> Iterator[Any]:
    """Yield the calls of a Functional, each after those it needs."""
    by_depth = functional._nodes_by_depth  # private in Keras; tests/unit/analysis/test_graph.py guards it
    for depth in sorted(by_depth, reverse=True):
        yield from by_depth[depth]


def _is_layer(operation: Any) -> bool:
    import keras

    return isinstance(operation, keras.layers.Layer)


def _name(model: Any) -> str:
    return str(getattr(model, "name", type(model).__name__))


def _dtype(x: Tensor) -> str:
    dtype = getattr(x, "dtype", None)
    return str(getattr(dtype, "name", dtype))


def _activation(step: Step) -> str | None:
    """Return the name of the activation that a step ends with; None where it has none or an own one."""
    if step.kind == "Softmax":  # the layer, or keras.ops.softmax; any other axis isn't over the classes
        axis = getattr(step.operation, "axis", -1)
        return "softmax" if axis in (-1, len(step.shapes[0])) else None
    if step.kind == "Sigmoid":
        return "sigmoid"
    activation = getattr(step.operation, "activation", None)
    return getattr(activation, "__name__", None)


def _without_activation(step: Step, args: Any, kwargs: Any) -> Tensor:
    """Call the step's layer on what it got, but for its activation, without touching the layer itself."""
    if step.kind in ("Softmax", "Sigmoid", "Activation"):
        return next(value for value in (*args, *kwargs.values()) if hasattr(value, "shape"))
    import keras

    return twin(step.operation, keras.activations.linear)(*args, **kwargs)


def twin(layer: Any, activation: Callable[[Tensor], Tensor]) -> Any:
    """Return a layer with the same weights and another activation.

    It is a shallow copy; nothing is registered with the original, which stays as it is.
    """
    made = object.__new__(type(layer))
    made.__dict__.update(layer.__dict__)
    made.__dict__.update(activation=activation, _inbound_nodes=[], _outbound_nodes=[])
    return made


def with_own_weights(layer: Any) -> Any | None:
    """Return a layer like another, with the same weights in variables of its own; None where Keras can't make one."""
    try:
        made = type(layer).from_config(layer.get_config())
        made.build_from_config(layer.get_build_config())
    except (NotImplementedError, TypeError, ValueError, KeyError, AttributeError):  # a layer of a user's own
        return None
    if [weight.shape for weight in made.weights] != [weight.shape for weight in layer.weights]:
        return None  # quantised, or with adapters
    for own, given in zip(made.weights, layer.weights, strict=True):
        own.assign(given)
    return made


def _layer(step: Step) -> Layer:
    return Layer(
        name=step.name,
        kind=step.kind,
        output_shape=tuple(None if size is None else int(size) for size in step.shapes[0]),
        parameters=int(step.operation.count_params()) if step.is_layer else 0,
        n_units=step.n_units,
    )

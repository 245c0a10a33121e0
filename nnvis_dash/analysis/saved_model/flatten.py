"""A SavedModel's graph with every function call written out, so that one flat list of operations is left.

Only lists of nodes are handled here; nothing is run. All names are made anew. Control inputs, which only order effects,
are left out: what remains is held against the list of operations without effects. A condition becomes a choice between
the results of both its branches.

Invariant: the result is never larger than `MAX_NODES`, however the functions call each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from nnvis_dash.analysis.preflight.wording import refused, shown
from nnvis_dash.analysis.saved_model.operations import CALLS, CONDITIONS
from nnvis_dash.errors import ModelError

MAX_NODES = 200_000
_MAX_DEPTH = 100
DAMAGED = ModelError("The SavedModel's graph is damaged", "Copy it again, or save the model again.")


@dataclass(frozen=True)
class Node:
    """One operation; inputs are outputs of others as ``name:number``."""

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    origin: str = ""  # the name that it had in the main graph; empty inside a function


@dataclass
class Flat:
    """Nodes by name, and what stands for the outputs of calls."""

    nodes: dict[str, Node] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # of the main graph: own name -> name here

    def resolve(self, output: str) -> str:
        """Follow an output through the calls to the node that makes it."""
        for _ in range(len(self.aliases) + 1):
            if output not in self.aliases:
                return output
            output = self.aliases[output]
        raise DAMAGED  # a function that gives itself

    def node(self, output: str) -> Node:
        """Return the node that makes an output."""
        name = self.resolve(output).rpartition(":")[0]
        if name not in self.nodes:
            raise DAMAGED
        return self.nodes[name]

    def source(self, output: str) -> tuple[Node, int]:
        """Return the node and the number of an output, looking through `Identity`."""
        for _ in range(len(self.nodes) + 1):
            node = self.node(output)
            if node.op != "Identity" or not node.inputs:
                return node, int(self.resolve(output).rpartition(":")[2])
            output = node.inputs[0]
        raise DAMAGED

    def main(self, tensor: str) -> str:
        """Return the output here of a tensor (``name:number``) of the main graph."""
        name, _, number = tensor.partition(":")
        if name not in self.names or not (number or "0").isdecimal():
            raise DAMAGED
        return self.resolve(f"{self.names[name]}:{number or 0}")

    def needed(self, output: str) -> list[Node]:
        """Return the nodes that an output needs, each after those that it needs itself."""
        order: list[Node] = []
        state: dict[str, bool] = {}
        stack = [self.node(output).name]
        while stack:
            name = stack[-1]
            if state.get(name):
                stack.pop()
                continue
            if name in state:  # its inputs are done
                state[name] = True
                order.append(self.nodes[stack.pop()])
                continue
            state[name] = False
            for entry in self.nodes[name].inputs:
                before = self.node(entry).name
                if state.get(before) is False:
                    raise refused("the graph runs in a circle")
                if before not in state:
                    stack.append(before)
        return order


def reachable(graph: Any, roots: list[str]) -> list[Any]:
    """Return the nodes of a main graph that some of its nodes need, for their values or to run before them."""
    by_name = {node.name: node for node in graph.node}
    found: dict[str, Any] = {}
    waiting = list(roots)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in by_name:
            raise DAMAGED
        found[name] = by_name[name]
        waiting += [entry.removeprefix("^").partition(":")[0] for entry in by_name[name].input]
    return [node for node in graph.node if node.name in found]


def called(nodes: list[Any], library: Mapping[str, Any]) -> list[Any]:
    """Return the functions that nodes call, and those that these call."""
    found: dict[str, Any] = {}
    waiting = [name for node in nodes for name in _functions(node, library)]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        if name not in library:
            raise DAMAGED
        found[name] = library[name]
        waiting += [inner for node in library[name].node_def for inner in _functions(node, library)]
    return list(found.values())


def flatten(nodes: list[Any], library: Mapping[str, Any]) -> Flat:
    """Write out every call.

    Parameters
    ----------
    nodes : list of NodeDef
        Of the main graph.
    library : mapping of name to FunctionDef

    Raises
    ------
    RefusedModel
        Functions that call themselves, or a graph that grows beyond `MAX_NODES`.
    ModelError
        A damaged graph.
    """
    return _Writer(library).write(nodes)


def _functions(node: Any, library: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of all functions that a node refers to in any way."""
    if node.op in library:
        yield node.op
    for attribute in node.attr.values():
        kind = attribute.WhichOneof("value")
        if kind == "func":
            yield attribute.func.name
        elif kind == "list":
            yield from (entry.name for entry in attribute.list.func)


class _Scope:
    """Names inside one call."""

    def __init__(self, arguments: dict[str, str], depth: int) -> None:
        self.arguments = arguments
        self.depth = depth
        self.names: dict[str, str] = {}
        self.defined: dict[str, Any] = {}


class _Writer:
    def __init__(self, library: Mapping[str, Any]) -> None:
        self._library = library
        self._flat = Flat()
        self._count = 0
        self._waiting: list[tuple[_Scope, bool, str, Any, tuple[str, ...]]] = []

    def write(self, nodes: list[Any]) -> Flat:
        scope = _Scope({}, 0)
        self._add(scope, nodes, main=True)
        self._flat.names = dict(scope.names)
        while self._waiting:
            scope, main, name, node, inputs = self._waiting.pop()
            self._expand(scope, main, name, node, inputs)
        return self._flat

    def _add(self, scope: _Scope, nodes: Any, main: bool) -> None:
        """Name the nodes of one scope, then add those that aren't calls and queue those that are."""
        if scope.depth > _MAX_DEPTH:
            raise refused("the graph's functions call themselves")
        for node in nodes:
            scope.names[node.name] = self._new()
            scope.defined[node.name] = node
        if len(scope.names) != len(nodes):
            raise DAMAGED
        for node in nodes:
            inputs = tuple(self._input(scope, entry, main) for entry in node.input if not entry.startswith("^"))
            name = scope.names[node.name]
            if node.op in CALLS or node.op in CONDITIONS or node.op in self._library:
                self._waiting.append((scope, main, name, node, inputs))
            else:
                self._flat.nodes[name] = Node(name, node.op, inputs, node.attr, node.name if main else "")

    def _expand(self, scope: _Scope, main: bool, name: str, node: Any, inputs: tuple[str, ...]) -> None:
        if node.op in CONDITIONS:
            chosen, given = inputs[0], inputs[1:]
            yes = self._call(scope, node.attr["then_branch"].func.name, given)
            no = self._call(scope, node.attr["else_branch"].func.name, given)
            kinds = node.attr["Tout"].list.type
            if not len(yes) == len(no) == len(kinds):
                raise DAMAGED
            for number, (one, other, kind) in enumerate(zip(yes, no, kinds, strict=True)):
                choice = self._new()
                attribute = type(node.attr["Tout"])(type=kind)
                self._flat.nodes[choice] = Node(choice, "SelectV2", (chosen, one, other), {"T": attribute})
                self._flat.aliases[f"{name}:{number}"] = f"{choice}:0"
            return
        function = node.attr["f"].func.name if node.op in CALLS else node.op
        for number, output in enumerate(self._call(scope, function, inputs)):
            self._flat.aliases[f"{name}:{number}"] = output

    def _call(self, scope: _Scope, function: str, inputs: tuple[str, ...]) -> list[str]:
        """Add a function's body; return its outputs."""
        if function not in self._library:
            raise DAMAGED
        definition = self._library[function]
        arguments = [entry.name for entry in definition.signature.input_arg]
        if len(arguments) != len(inputs):
            raise DAMAGED
        inner = _Scope(dict(zip(arguments, inputs, strict=True)), scope.depth + 1)
        self._add(inner, definition.node_def, main=False)
        given = [definition.ret.get(entry.name, "") for entry in definition.signature.output_arg]
        return [self._input(inner, entry, main=False) for entry in given]

    def _input(self, scope: _Scope, entry: str, main: bool) -> str:
        """Return what an input's name means in its scope."""
        name, _, rest = entry.partition(":")
        if main:
            if name not in scope.names or not (rest or "0").isdecimal():
                raise DAMAGED
            return f"{scope.names[name]}:{int(rest or 0)}"
        if not rest:
            if name not in scope.arguments:
                raise DAMAGED
            return scope.arguments[name]
        output, _, number = rest.partition(":")
        if name not in scope.defined or not (number or "0").isdecimal():
            raise DAMAGED
        return f"{scope.names[name]}:{self._offset(scope.defined[name], output) + int(number or 0)}"

    def _offset(self, node: Any, output: str) -> int:
        """Return the number of the first tensor of a named output of a node."""
        from tensorflow.python.framework import op_def_registry

        own = self._library.get(node.op)
        definition = op_def_registry.get(node.op) if own is None else own.signature
        if definition is None:
            raise refused(f"the graph uses the operation {shown(node.op)}, which TensorFlow doesn't have here")
        offset = 0
        for argument in definition.output_arg:
            if argument.name == output:
                return offset
            if argument.number_attr:
                offset += node.attr[argument.number_attr].i
            elif argument.type_list_attr:
                offset += len(node.attr[argument.type_list_attr].list.type)
            else:
                offset += 1
        raise DAMAGED

    def _new(self) -> str:
        self._count += 1
        if self._count > MAX_NODES:
            raise refused(f"the graph grows beyond {MAX_NODES:,} operations when its functions are written out")
        return f"n{self._count}"

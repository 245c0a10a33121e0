"""SavedModels as data: what is refused, what is kept, and that what is kept says the same as the original."""

from __future__ import annotations

import shutil
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from nnvis_dash.analysis import opaque
from nnvis_dash.analysis.attribution import attribute
from nnvis_dash.analysis.card import batch_size, chunk_size, describe
from nnvis_dash.analysis.classifier import Classifier
from nnvis_dash.analysis.index import choose_precision, index
from nnvis_dash.analysis.opaque import OpaqueGraph
from nnvis_dash.analysis.saved_model import flatten, freeze_file
from nnvis_dash.errors import ModelError, NNVisError, NotFound, ParameterError, RefusedModel
from tests.saved_models import N_CLASSES, SHAPE, hostile, keras_model, linear, save_function, save_version_1

LIMITS = {"max_bytes": 1 << 30, "max_parameters": 1_000_000}


def freeze(path: Path, folder: Path, **more: Any) -> dict[str, Any]:
    folder.mkdir()
    return freeze_file({"path": str(path), "folder": str(folder), **LIMITS, **more}, lambda phase: None)


def opened(path: Path, folder: Path, **more: Any) -> OpaqueGraph:
    return OpaqueGraph.open(folder / freeze(path, folder, **more)["frozen"])


def pixels(n: int = 5, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (n, *shape)).astype(np.uint8)


@pytest.fixture(scope="module")
def original() -> Any:
    return keras_model()


@pytest.fixture(scope="module")
def saved(original: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("saved")
    original.export(folder / "export", verbose=False)
    tf.saved_model.save(original, folder / "save")
    return {"export": folder / "export", "save": folder / "save"}


@pytest.fixture(scope="module")
def clf(saved: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Classifier:
    graph = opened(saved["export"], tmp_path_factory.mktemp("frozen") / "one")
    return Classifier(graph, describe(graph, name="opaque", preprocessing="auto", content="c"))


@pytest.mark.parametrize("how", ["export", "save"])
def test_it_says_the_same_as_the_keras_model(how: str, saved: dict[str, Path], original: Any, tmp_path: Path):
    graph = opened(saved[how], tmp_path / "out")
    x = tf.constant(pixels().astype("float32"))
    expected = original(x, training=False).numpy()
    assert np.ptp(expected, axis=0).max() > 1e-3, "the images are told apart"
    np.testing.assert_allclose(graph.run(x), expected, atol=1e-5)
    np.testing.assert_allclose(tf.nn.softmax(graph.run(x, logits=True)), expected, atol=1e-5)
    assert not np.allclose(graph.run(x, logits=True), expected)
    assert (graph.input_shape, graph.output_shape, graph.ending) == (SHAPE, (N_CLASSES,), "softmax")
    assert graph.first_arithmetic == "Mul" and graph.count_params() == original.count_params()


def test_gradients_are_those_of_the_keras_model(saved: dict[str, Path], original: Any, tmp_path: Path):
    graph = opened(saved["export"], tmp_path / "out")
    x = tf.constant(pixels().astype("float32"))

    def gradient(compute: Callable[[Any], Any]) -> np.ndarray:
        with tf.GradientTape() as tape:
            tape.watch(x)
            score = tf.math.log(compute(x))[:, 1]
        return tape.gradient(score, x).numpy()

    expected = gradient(lambda x: original(x, training=False))
    assert np.abs(expected).max() > 1e-6
    for compute in (graph.run, tf.function(graph.run)):
        np.testing.assert_allclose(gradient(compute), expected, rtol=1e-4, atol=1e-8)


def test_its_card_says_what_it_is(clf: Classifier):
    card = clf.card
    assert card.layers == () and card.grad_cam_layer is None and card.feature_layer == "outputs"
    assert (card.input_shape, card.n_classes, card.output) == (SHAPE, N_CLASSES, "softmax")
    assert card.preprocessing.name == "raw" and "scales its pixels itself (Mul)" in card.notes["preprocessing"]
    assert 4 <= batch_size(card) <= 256 and chunk_size(card) % batch_size(card) == 0


def test_a_large_graph_goes_in_small_batches(clf: Classifier):
    from dataclasses import replace

    card = replace(clf.card, input_shape=(224, 224, 3), parameters=25_000_000)
    assert batch_size(card) == 8 and chunk_size(card) == 8


def test_the_index_holds_its_outputs(clf: Classifier, original: Any):
    images = pixels(9)
    keras_clf = Classifier.from_keras(original)
    np.testing.assert_allclose(clf.predict(images), keras_clf.predict(images), atol=1e-5)
    found = index(clf, images)
    np.testing.assert_allclose(found.probabilities, keras_clf.predict(images), atol=1e-5)
    np.testing.assert_allclose(found.features, keras_clf.logits(images), atol=1e-4)
    assert found.units == () and found.unit_means.shape == found.unit_activations.shape == (9, 0)
    assert choose_precision(clf, images, "bfloat16") == (
        "float32",
        "a graph without layers can't be computed in bfloat16; float32 was used",
    )
    with pytest.raises(NotFound, match="without layers"):
        found.layer("conv")


def test_a_method_that_needs_layers_says_so(clf: Classifier):
    with pytest.raises(ParameterError, match="without layers") as caught:
        attribute(clf, pixels(1), "grad_cam")
    assert "predictions or the pixels' gradients" in caught.value.mend


def test_nan_is_told_without_a_layer(tmp_path: Path):
    graph = opened(save_function(tmp_path / "s", lambda m, x: linear(m, x) / tf.reduce_max(x)), tmp_path / "out")
    clf = Classifier(graph, describe(graph, preprocessing="raw", content="c"))
    with pytest.raises(ModelError, match="first in its output"):
        clf.predict(np.zeros((1, *SHAPE), np.uint8))


def test_what_training_needs_may_stand_beside_but_is_left_out(tmp_path: Path):
    def normalised(module: Any, images: Any) -> Any:
        ones = tf.ones((3,))
        y = tf.raw_ops.FusedBatchNormV3(
            x=images, scale=ones, offset=ones, mean=2.0 * ones, variance=3.0 * ones, is_training=False, epsilon=0.0
        ).y
        return linear(module, y)

    def train(module: Any) -> None:
        def run(images: Any) -> Any:
            module.bias.assign_sub(tf.random.stateless_uniform((N_CLASSES,), (1, 2)))
            return tf.nn.dropout(linear(module, images), 0.5)

        module.train = tf.function(run)
        module.train.get_concrete_function(tf.TensorSpec((None, *SHAPE)))

    saved = save_function(tmp_path / "s", normalised, keep=train)
    x = np.random.default_rng(0).normal(0, 1, (2, *SHAPE)).astype("float32")
    module = tf.saved_model.load(saved)
    expected = ((x - 2) / np.sqrt(3) + 1).reshape(2, -1) @ module.kernel.numpy() + module.bias.numpy()
    np.testing.assert_allclose(opened(saved, tmp_path / "out").run(tf.constant(x)), expected, rtol=1e-4, atol=1e-4)


def test_large_values_are_held_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    saved = save_function(tmp_path / "s", lambda module, images: tf.nn.softmax(linear(module, images / 255.0)))
    found = freeze(saved, tmp_path / "out")
    x = tf.constant(pixels().astype("float32"))
    expected = OpaqueGraph.open(tmp_path / "out" / found["frozen"]).run(x)
    monkeypatch.setattr(opaque, "_SMALL", 200)  # the kernel has 768 numbers
    graph = OpaqueGraph.open(tmp_path / "out" / found["frozen"])
    np.testing.assert_allclose(graph.run(x), expected, rtol=1e-5)
    np.testing.assert_allclose(tf.nn.softmax(tf.function(graph.run)(x, logits=True)), expected, rtol=1e-5)
    traced = [graph._function(logits).graph for logits in (False, True)]
    constants = [op for one in traced for op in one.get_operations() if op.type == "Const"]
    assert max(op.outputs[0].shape.num_elements() for op in constants) < 200
    held = [{id(value) for value, _ in one.captures} for one in traced]
    assert held[0] == held[1] and len(held[0]) == 1


def test_a_zip_and_a_folder_give_the_same(saved: dict[str, Path], tmp_path: Path):
    whole = freeze(saved["export"], tmp_path / "a")
    for number, root in enumerate((saved["export"], saved["export"].parent)):
        archive = shutil.make_archive(str(tmp_path / f"z{number}"), "zip", root, "." if number == 0 else "export")
        assert freeze(Path(archive), tmp_path / f"b{number}") == whole
    assert whole["signature"] == "serving_default" and whole["written_by"] == f"TensorFlow {tf.__version__}"


def test_every_way_to_do_more_is_refused_by_name_and_none_is_run(tmp_path: Path):
    canary, target = tmp_path / "canary.txt", tmp_path / "written"
    canary.write_text("x\n")
    for number, (name, (compute, keep)) in enumerate(hostile(canary, target).items()):
        saved = save_function(tmp_path / f"s{number}", compute, keep=keep)
        target.unlink(missing_ok=True)
        with pytest.raises(RefusedModel) as caught:
            freeze(saved, tmp_path / f"out{number}")
        assert name.split()[0] in caught.value.what, name
        assert caught.value.mend and str(tmp_path) not in str(caught.value)
        assert not target.exists() and not (tmp_path / f"out{number}" / "model.pb").exists(), name
    assert canary.read_text() == "x\n"


def test_conditions_are_written_out_and_calculate_the_same(tmp_path: Path):
    def compute(module: Any, images: Any) -> Any:
        z = linear(module, images)
        inner = tf.function(lambda z: tf.nn.relu(z) * 2.0)
        return tf.cond(tf.reduce_max(images) > 100.0, lambda: tf.nn.softmax(inner(z)), lambda: tf.nn.softmax(z - 1.0))

    saved = save_function(tmp_path / "s", compute)
    graph = opened(saved, tmp_path / "out")
    signature = tf.saved_model.load(saved).signatures["serving_default"]
    for scale in (1, 100):
        x = tf.constant(np.random.default_rng(0).uniform(0, scale * 1.5, (3, *SHAPE)).astype("float32"))
        (expected,) = signature(x).values()
        np.testing.assert_allclose(graph.run(x), expected, atol=1e-6)


def test_a_saved_model_of_tensorflow_1(tmp_path: Path):
    graph = opened(save_version_1(tmp_path / "s"), tmp_path / "out")
    x = np.random.default_rng(0).normal(0, 1, (3, *SHAPE)).astype("float32")
    np.testing.assert_allclose(graph.run(tf.constant(x)), 1 / (1 + np.exp(-x.reshape(3, -1)[:, :N_CLASSES])), atol=1e-6)
    card = describe(graph, content="c")
    assert graph.ending == card.output == "sigmoid" and card.n_classes == N_CLASSES


def test_an_output_of_unknown_kind_is_taken_for_logits_and_says_so(tmp_path: Path):
    graph = opened(save_function(tmp_path / "s", linear), tmp_path / "out")
    card = describe(graph, preprocessing="auto", content="c")
    assert graph.ending is None and card.output == "logits" and "guessed: logits" in card.notes["output"]
    assert card.preprocessing.name == "unit" and "does not say" in card.notes["preprocessing"]
    assert describe(graph, output="softmax", content="c").output == "softmax"


def test_a_graph_for_any_size(tmp_path: Path):
    def compute(module: Any, images: Any) -> Any:
        return tf.reduce_mean(images, (1, 2)) @ module.kernel[:3]

    saved = save_function(tmp_path / "s", compute, (None, None, None, 3))
    graph = opened(saved, tmp_path / "a")
    assert graph.input_shape == (None, None, 3)
    card = describe(graph, content="c")
    assert card.input_shape == (224, 224, 3) and "224" in card.notes["input size"]
    card = describe(opened(saved, tmp_path / "b", input_size=[32, 48]), input_size=(32, 48), content="c")
    assert card.input_shape == (32, 48, 3)


def test_several_outputs_need_a_choice(tmp_path: Path):
    def compute(module: Any, images: Any) -> Any:
        z = linear(module, images)
        return {"classes": tf.nn.softmax(z), "boxes": z[:, :2] * 0.0 + 5.0}

    saved = save_function(tmp_path / "s", compute)
    with pytest.raises(ParameterError) as caught:
        freeze(saved, tmp_path / "none")
    assert "2 outputs (0: boxes, 1: classes)" in caught.value.what
    for head in ("classes", 1, "1"):
        assert opened(saved, tmp_path / f"{head!r}", head=head).ending == "softmax"
    assert opened(saved, tmp_path / "boxes", head="boxes").output_shape == (2,)
    with pytest.raises(ParameterError, match="0: boxes"):
        freeze(saved, tmp_path / "wrong", head="faces")


def test_the_only_signature_is_taken_and_several_are_listed(tmp_path: Path):
    spec = tf.TensorSpec((None, *SHAPE), tf.float32, "images")
    one, two = (
        tf.function(lambda x, k=k: tf.reshape(x, (-1, 192))[:, :N_CLASSES] * k).get_concrete_function(spec)
        for k in (1.0, 2.0)
    )
    found = freeze(save_function(tmp_path / "s", linear, predict=one), tmp_path / "a")
    assert found["signature"] == "predict"
    with pytest.raises(ModelError, match="it has first, second"):
        freeze(save_function(tmp_path / "t", linear, first=one, second=two), tmp_path / "b")


@pytest.mark.parametrize(
    ("compute", "spec", "says"),
    [
        (linear, tf.TensorSpec((None, *SHAPE), tf.uint8), "floating type"),
        (linear, (2, *SHAPE), "exactly 2 image"),
        (lambda m, x: x @ m.kernel, (None, 192), "inputs of shape"),
        (lambda m, x: linear(m, x)[:, None], (None, *SHAPE), "not one row of class scores"),
        (lambda m, x: tf.reduce_sum(linear(m, x), 1), (None, *SHAPE), "not one row of class scores"),
        (lambda m, x: tf.argmax(linear(m, x), 1)[:, None], (None, *SHAPE), "int64"),
        (lambda m, x: m.kernel[:1] + 0.0 * tf.ones((1, 1)), (None, *SHAPE), "doesn't depend on the image"),
        (lambda m, x, y: linear(m, x) + linear(m, y), [(None, *SHAPE), (None, *SHAPE)], "has 2 inputs"),
        (lambda m, x: linear(m, x - tf.reduce_mean(x, 0)), (None, *SHAPE), "other images beside it"),
        (
            lambda m, x: linear(m, x) + tf.reduce_sum(tf.fill([tf.cast(tf.reduce_max(x), tf.int32)], 1.0)),
            (None, *SHAPE),
            "Fill puts out has a size that isn't known",
        ),
        (
            lambda m, x: linear(m, x) + tf.reduce_sum(tf.tile(x, (1, 3000, 3000, 1)), (1, 2, 3))[:, None],
            (None, *SHAPE),
            "Tile puts out 1,728,000,000 numbers",
        ),
    ],
)
def test_what_isnt_a_classifier_of_images_is_refused_with_the_reason(
    compute: Callable[..., Any], spec: Any, says: str, tmp_path: Path
):
    def floats(module: Any, *images: Any) -> Any:
        return compute(module, *(tf.cast(x, tf.float32) for x in images))

    with pytest.raises(ModelError) as caught:
        freeze(save_function(tmp_path / "s", floats, spec), tmp_path / "out")
    assert says in caught.value.what and caught.value.mend
    assert not (tmp_path / "out" / "model.pb").exists() or "beside" in says


def test_limits_on_size(saved: dict[str, Path], original: Any, tmp_path: Path):
    n_parameters = original.count_params()
    with pytest.raises(RefusedModel, match=f"more than {n_parameters - 1:,} parameters") as caught:
        freeze(saved["export"], tmp_path / "a", max_parameters=n_parameters - 1)
    assert "NNVIS_MAX_MODEL_PARAMETERS" in caught.value.mend
    with pytest.raises(RefusedModel, match="more than the limit of 0 MB") as caught:
        freeze(saved["export"], tmp_path / "b", max_bytes=1000)
    assert "NNVIS_MAX_MODEL_MB" in caught.value.mend


def test_sizes_that_no_one_has_and_weights_that_are_no_numbers(tmp_path: Path):
    def compute(module: Any, images: Any) -> Any:
        return tf.reduce_mean(images, (1, 2)) @ module.kernel[:3]

    saved = save_function(tmp_path / "s", compute, (None, None, None, 3))
    with pytest.raises(RefusedModel, match="10,000 × 10,000 pixels"):
        freeze(saved, tmp_path / "a", input_size=[10_000, 10_000])
    with pytest.raises(ParameterError, match="positive"):
        freeze(saved, tmp_path / "b", input_size=[-1, 5])

    def spoil(module: Any) -> None:
        module.bias[1].assign(float("nan"))

    with pytest.raises(ModelError, match=r"NaN or infinity \(1 of 4 values\)"):
        freeze(save_function(tmp_path / "t", linear, keep=spoil), tmp_path / "c")


def test_links_strange_archives_and_damage(saved: dict[str, Path], tmp_path: Path):
    linked = tmp_path / "linked"
    shutil.copytree(saved["export"], linked)
    (linked / "assets" / "passwd").symlink_to("/etc/passwd")
    with pytest.raises(RefusedModel, match="link"):
        freeze(linked, tmp_path / "a")

    def archive(name: str, add: Callable[[zipfile.ZipFile], None]) -> Path:
        path = Path(shutil.make_archive(str(tmp_path / name), "zip", saved["export"]))
        with zipfile.ZipFile(path, "a") as file:
            add(file)
        return path

    link = zipfile.ZipInfo("variables/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    for name, add, says in (
        ("outside", lambda file: file.writestr("../evil", "x"), "leads outside"),
        ("link", lambda file: file.writestr(link, "/etc/passwd"), "a link"),
        ("two", lambda file: file.writestr("b/saved_model.pb", "x"), "2 SavedModels"),
        ("bomb", lambda file: file.writestr("b/x", bytes(64 << 20), zipfile.ZIP_DEFLATED), "expands"),
        ("many", lambda file: [file.writestr(f"m{n}", "") for n in range(1000)], "files, more than"),
    ):
        with pytest.raises(RefusedModel, match=says):
            freeze(archive(name, add), tmp_path / f"out-{name}")

    for number, damage in enumerate((b"", b"\x08\x01garbage", b"\x08\x01")):
        broken = tmp_path / f"broken{number}"
        shutil.copytree(saved["export"], broken)
        (broken / "saved_model.pb").write_bytes(damage)
        with pytest.raises(ModelError):
            freeze(broken, tmp_path / f"out{number}")
    for name in ("variables.index", "variables.data-00000-of-00001"):
        broken = tmp_path / f"without-{name}"
        shutil.copytree(saved["export"], broken)
        (broken / "variables" / name).unlink()
        with pytest.raises(ModelError, match=r"variables can't be read|holds no value"):
            freeze(broken, tmp_path / f"out-{name}")


def changed(saved: Path, target: Path, change: Callable[[Any], None]) -> Path:
    """Copy a SavedModel with another graph."""
    shutil.copytree(saved, target)
    record = saved_model_pb2.SavedModel()
    record.ParseFromString((saved / "saved_model.pb").read_bytes())
    change(record.meta_graphs[0])
    (target / "saved_model.pb").write_bytes(record.SerializeToString())
    return target


def test_functions_that_call_themselves_or_grow_without_bounds(
    saved: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def body(graph: Any) -> Any:
        output = graph.signature_def["serving_default"].outputs["output_0"].name.partition(":")[0]
        call = next(node for node in graph.graph_def.node if node.name == output)
        return next(f for f in graph.graph_def.library.function if f.signature.name == call.attr["f"].func.name)

    def itself(graph: Any) -> None:
        function = body(graph)
        for node in function.node_def:
            if node.op in ("PartitionedCall", "StatefulPartitionedCall"):
                node.attr["f"].func.name = function.signature.name

    with pytest.raises(RefusedModel, match="call themselves"):
        freeze(changed(saved["export"], tmp_path / "loop", itself), tmp_path / "a")

    def doubling(graph: Any) -> None:
        function = body(graph)
        library = graph.graph_def.library
        call = next(node for node in function.node_def if node.op in ("PartitionedCall", "StatefulPartitionedCall"))
        target = call.attr["f"].func.name
        for level in range(40):
            copy = library.function.add()
            copy.CopyFrom(function)
            copy.signature.name = f"level{level}"
            inner = next(node for node in copy.node_def if node.name == call.name)
            inner.attr["f"].func.name = target
            again = copy.node_def.add()
            again.CopyFrom(inner)
            again.name = "again"
            target = copy.signature.name
        call.attr["f"].func.name = target

    monkeypatch.setattr(flatten, "MAX_NODES", 5_000)
    with pytest.raises(RefusedModel, match="grows beyond 5,000 operations"):
        freeze(changed(saved["export"], tmp_path / "many", doubling), tmp_path / "b")


def bend(graph: Any, rng: np.random.Generator) -> None:
    """Change one input of a random operation, or take one of its attributes away."""
    bodies = [f for f in graph.graph_def.library.function if len(f.signature.output_arg) == 1]
    nodes = [node for body in bodies for node in body.node_def if "SaveV2" not in body.signature.name]
    node = nodes[rng.integers(len(nodes))]
    if node.input and rng.random() < 0.6:
        wrong = ("no_such:0", "", "^", "a:b:c", "x:output:99", node.name + ":output:0")
        node.input[int(rng.integers(len(node.input)))] = wrong[rng.integers(len(wrong))]
    elif node.attr:
        names = sorted(node.attr)
        del node.attr[names[rng.integers(len(names))]]


def test_damaged_graphs_end_in_a_users_error(saved: dict[str, Path], tmp_path: Path):
    rng = np.random.default_rng(0)
    outcomes = []
    for number in range(40):
        path = changed(saved["export"], tmp_path / f"s{number}", lambda graph: bend(graph, rng))
        try:
            freeze(path, tmp_path / f"out{number}")
            outcomes.append("kept")
        except NNVisError:  # any other exception fails the test
            outcomes.append("refused")
    assert set(outcomes) == {"kept", "refused"}  # how many differs: TensorFlow writes its nodes in no fixed order


def test_a_stored_graph_is_held_against_the_list_again(clf: Classifier, saved: dict[str, Path], tmp_path: Path):
    from tensorflow.core.framework import graph_pb2

    freeze(saved["export"], tmp_path / "out")
    stored = tmp_path / "out" / "model.pb"
    definition = graph_pb2.GraphDef()
    definition.ParseFromString(stored.read_bytes())
    assert not definition.library.function
    definition.node.add(name="evil", op="ReadFile")
    stored.write_bytes(definition.SerializeToString())
    with pytest.raises(RefusedModel, match="ReadFile"):
        OpaqueGraph.open(stored)
    stored.write_bytes(b"junk")
    with pytest.raises(ModelError, match="damaged"):
        OpaqueGraph.open(stored)
    assert isinstance(keras_model(), keras.Model)

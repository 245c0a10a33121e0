"""Which operations a TensorFlow graph may use: exact lists of those that only calculate, everything else is refused.

    PURE       what a finished graph may hold: image-classifier maths, and nothing that has a state or an effect
    PLUMBING   what stands between such maths in a SavedModel and is dissolved before anything runs
    UNUSED     what a SavedModel also holds (saving, restoring, training) and is left out, never run

Loops are on no list: a graph that loops can run for ever on one image and not on another.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from nnvis_dash.analysis.preflight.wording import refused, shown


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


PURE = _names(
    """
    Abs Acos Acosh Add AddN AddV2 AdjustContrastv2 AdjustHue AdjustSaturation All Any ApproximateEqual ArgMax ArgMin
    Asin Asinh Atan Atan2 Atanh AvgPool BatchMatMul BatchMatMulV2 BatchMatMulV3 BatchToSpace BatchToSpaceND BiasAdd
    BiasAddV1 Bitcast BroadcastArgs BroadcastGradientArgs BroadcastTo Cast Ceil ClipByValue Concat ConcatV2 Const Conv
    Conv2D Conv2DBackpropInput Cos Cosh CropAndResize Cross Cumprod Cumsum DepthToSpace DepthwiseConv2dNative Div
    DivNoNan Einsum Elu EnsureShape Equal Erf Erfc Erfinv Exp ExpandDims Expm1 ExtractImagePatches
    FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel Fill Floor FloorDiv FloorMod
    FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3 Gather GatherNd GatherV2 Greater GreaterEqual HSVToRGB Identity
    IdentityN ImageProjectiveTransformV2 ImageProjectiveTransformV3 Inv InvertPermutation IsFinite IsInf IsNan L2Loss
    LeakyRelu Less LessEqual LinSpace Log Log1p LogicalAnd LogicalNot LogicalOr LogSoftmax LRN MatMul MatrixBandPart
    MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3 Max Maximum MaxPool MaxPoolV2
    Mean Min Minimum MirrorPad Mod Mul MulNoNan Neg NotEqual OneHot OnesLike Pack Pad PadV2 Placeholder Pow Prod Range
    Rank RealDiv Reciprocal Relu Relu6 Reshape ResizeArea ResizeBicubic ResizeBilinear ResizeNearestNeighbor Reverse
    ReverseV2 RGBToHSV Rint Roll Round Rsqrt ScaleAndTranslate ScatterNd Select SelectV2 Selu Shape ShapeN Sigmoid Sign
    Sin Sinh Size Slice Softmax Softplus Softsign SpaceToBatch SpaceToBatchND SpaceToDepth Split SplitV Sqrt Square
    SquaredDifference Squeeze StopGradient StridedSlice Sub Sum Tan Tanh TensorScatterUpdate Tile TopK TopKV2 Transpose
    TruncateDiv TruncateMod Unpack Xdivy Xlogy ZerosLike
    """
)
CALLS = frozenset({"PartitionedCall", "StatefulPartitionedCall"})
CONDITIONS = frozenset({"If", "StatelessIf"})
VARIABLES = frozenset({"VarHandleOp", "VariableV2", "Variable"})
PLUMBING = CALLS | CONDITIONS | VARIABLES | {"Assert", "NoOp", "PlaceholderWithDefault", "ReadVariableOp"}
ASSIGNING = frozenset({"Assign", "AssignVariableOp"})
UNUSED = ASSIGNING | _names(
    """
    AssignAdd AssignAddVariableOp AssignSub AssignSubVariableOp DisableCopyOnRead IsVariableInitialized
    MergeV2Checkpoints Multinomial RandomStandardNormal RandomUniform RandomUniformInt RestoreV2 RngReadAndSkip RngSkip
    SaveV2 ShardedFilename StatefulStandardNormalV2 StatefulUniform StatelessMultinomial StatelessRandomBinomial
    StatelessRandomGetAlg StatelessRandomGetKeyCounter StatelessRandomGetKeyCounterAlg StatelessRandomNormalV2
    StatelessRandomUniform StatelessRandomUniformFullInt StatelessRandomUniformFullIntV2 StatelessRandomUniformInt
    StatelessRandomUniformIntV2 StatelessRandomUniformV2 StatelessShuffle StatelessTruncatedNormalV2
    StaticRegexFullMatch StringJoin TruncatedNormal VariableShape VarIsInitializedOp
    """
)
MEND = (
    "Give the Keras model that it was made from, saved with model.save('model.keras'), or a SavedModel whose signature "
    "takes images and only calculates."
)


def check(operations: Iterable[str], allowed: frozenset[str]) -> None:
    """Hold operations against a list.

    Raises
    ------
    RefusedModel
        Names the first of the others, by the alphabet, and why it isn't on the list.
    """
    strange = sorted(set(operations) - allowed)
    if not strange:
        return
    name = strange[0]
    more = f" (and {len(strange) - 1} more)" if len(strange) > 1 else ""
    if name.startswith("Assign"):
        reason = "which changes its weights while it runs"
    elif name in UNUSED:
        reason = "which has no place in what is run on images"
    else:
        reason = "which isn't on the list of those that only calculate"
    raise refused(f"the graph uses the operation {shown(name)}{more}, {reason}", MEND)


def check_types(nodes: Iterable[Any]) -> None:
    """Refuse nodes of a finished graph that handle anything but numbers: text, resources, nested records."""
    from tensorflow.core.framework import types_pb2 as types

    names = _names("HALF BFLOAT16 FLOAT DOUBLE BOOL INT8 INT16 INT32 INT64 UINT8 UINT16 UINT32 UINT64")
    numbers = {types.DataType.Value(f"DT_{name}") for name in names}
    for node in nodes:
        for attribute in node.attr.values():
            kind = attribute.WhichOneof("value")
            found = {"type": [attribute.type], "list": attribute.list.type, "tensor": [attribute.tensor.dtype]}
            for entry in found.get(kind, ()):
                if entry not in numbers:
                    name = types.DataType.Name(entry) if entry in types.DataType.values() else f"DT_{entry}"
                    what = name.removeprefix("DT_").lower()
                    raise refused(f"the graph's operation {shown(node.op)} handles values of type {what}", MEND)
            if kind in ("func", "placeholder") or attribute.list.func:
                raise refused(f"the graph's operation {shown(node.op)} calls a function", MEND)

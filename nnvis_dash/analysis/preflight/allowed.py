# ruff: noqa: SIM905 - long lists of names read best as running text
"""What a model's description may name: exact pairs of module and class, so that nothing slips in by a prefix.

Invariant: an entry can be built from numbers, texts and other entries alone; none reads a file, opens a connection,
imports a module or calls a function that the file chooses. Whatever isn't here is refused.
"""

from __future__ import annotations

LAYERS = frozenset(
    """
    InputLayer Dense EinsumDense Activation Masking Identity Embedding
    Conv1D Conv2D Conv3D Conv1DTranspose Conv2DTranspose Conv3DTranspose
    SeparableConv1D SeparableConv2D DepthwiseConv1D DepthwiseConv2D
    MaxPooling1D MaxPooling2D MaxPooling3D AveragePooling1D AveragePooling2D AveragePooling3D
    GlobalMaxPooling1D GlobalMaxPooling2D GlobalMaxPooling3D
    GlobalAveragePooling1D GlobalAveragePooling2D GlobalAveragePooling3D
    AdaptiveAveragePooling1D AdaptiveAveragePooling2D AdaptiveAveragePooling3D
    AdaptiveMaxPooling1D AdaptiveMaxPooling2D AdaptiveMaxPooling3D
    BatchNormalization LayerNormalization GroupNormalization UnitNormalization RMSNormalization SpectralNormalization
    Dropout SpatialDropout1D SpatialDropout2D SpatialDropout3D AlphaDropout GaussianDropout GaussianNoise
    ActivityRegularization
    Flatten Reshape Permute RepeatVector Cropping1D Cropping2D Cropping3D ZeroPadding1D ZeroPadding2D ZeroPadding3D
    UpSampling1D UpSampling2D UpSampling3D
    Add Subtract Multiply Average Maximum Minimum Concatenate Dot
    ReLU LeakyReLU PReLU ELU Softmax
    Attention MultiHeadAttention GroupQueryAttention AdditiveAttention
    TimeDistributed Bidirectional LSTM GRU SimpleRNN
    Rescaling Resizing CenterCrop Normalization
    RandomBrightness RandomContrast RandomCrop RandomFlip RandomRotation RandomTranslation RandomZoom RandomHue
    RandomSaturation RandomGrayscale RandomColorJitter RandomSharpness RandomShear RandomInvert RandomPosterization
    RandomColorDegeneration RandomGaussianBlur RandomErasing RandomPerspective RandomElasticTransform
    AutoContrast Equalization Solarization
    """.split()
)
MODELS = frozenset({"Sequential", "Functional", "Model"})
MODEL_MODULES = frozenset(
    {
        "keras",
        "keras.models",
        "keras.src.models.functional",
        "keras.src.models.sequential",
        "keras.src.models.model",
    }
)
# Keras 2 wrote these beside Sequential and Functional; the repairs put today's in their place.
LEGACY_MODEL_MODULES = frozenset(
    f"{package}.{part}"
    for package in ("keras.engine", "keras.src.engine", "tf_keras.src.engine")
    for part in ("functional", "sequential", "training")
)
# Layers of earlier versions that a repair turns into today's, or refuses with the reason; Keras 3 gets none of them.
LEGACY_LAYERS = frozenset(
    """
    Convolution1D Convolution2D Convolution3D AtrousConvolution1D AtrousConvolution2D Deconvolution2D
    SeparableConvolution2D Merge BatchNormalizationV1 BatchNormalizationV2 ThresholdedReLU RandomHeight RandomWidth
    """.split()
)
OPERATION_LAYERS = frozenset({"TFOpLambda", "SlicingOpLambda", "TensorFlowOpLayer"})
OPERATION_MODULES = frozenset(
    f"{package}.layers.core.tf_op_layer" for package in ("keras", "keras.src", "tf_keras.src")
) | {"keras.layers"}
# Functions of TensorFlow that tf.keras kept as layers: each has a counterpart among the operations below.
TENSORFLOW_FUNCTIONS = frozenset(
    """
    __operators__.add __operators__.getitem math.add math.subtract math.multiply math.truediv math.divide math.negative
    math.maximum math.minimum math.pow math.abs math.exp math.sqrt math.square math.reduce_mean math.reduce_max
    math.reduce_min math.reduce_sum math.sigmoid math.tanh nn.bias_add nn.relu nn.relu6 nn.sigmoid nn.tanh nn.softmax
    nn.log_softmax nn.elu nn.selu nn.leaky_relu nn.silu nn.softplus clip_by_value reshape expand_dims squeeze concat
    transpose cast identity stop_gradient
    """.split()
)
# What tf.keras wrote for some initializers: TensorFlow's own, which are the same.
LEGACY_INITIALIZER_MODULES = frozenset({"tensorflow.python.ops.init_ops_v2"})
LEGACY_POLICIES = frozenset({"Policy", "PolicyV1"})
LEGACY_POLICY_MODULES = frozenset({"keras.mixed_precision", "keras.src.mixed_precision.policy"})
INITIALIZERS = frozenset(
    """
    Zeros Ones Constant RandomNormal RandomUniform TruncatedNormal VarianceScaling GlorotNormal GlorotUniform
    HeNormal HeUniform LecunNormal LecunUniform Orthogonal OrthogonalInitializer Identity IdentityInitializer
    """.split()
)
REGULARIZERS = frozenset({"L1", "L2", "L1L2", "OrthogonalRegularizer"})
CONSTRAINTS = frozenset({"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"})
POLICIES = frozenset({"DTypePolicy", "FloatDTypePolicy"})

# Plain texts that Keras resolves to the same classes.
INITIALIZER_TEXTS = INITIALIZERS | frozenset(
    """
    zeros ones zero one constant random_normal random_uniform truncated_normal variance_scaling glorot_normal
    glorot_uniform he_normal he_uniform lecun_normal lecun_uniform orthogonal identity uniform normal
    """.split()
)
REGULARIZER_TEXTS = REGULARIZERS | frozenset({"l1", "l2", "l1l2", "orthogonal_regularizer"})
CONSTRAINT_TEXTS = CONSTRAINTS | frozenset({"max_norm", "min_max_norm", "non_neg", "unit_norm"})
ACTIVATIONS = frozenset(
    """
    relu relu6 leaky_relu elu selu celu gelu silu swish softmax log_softmax sigmoid log_sigmoid sparse_sigmoid
    hard_sigmoid hard_silu hard_swish tanh hard_tanh tanh_shrink hard_shrink soft_shrink softplus softsign
    exponential linear mish glu squareplus sparse_plus sparsemax threshold
    """.split()
)

LEGACY_ACTIVATIONS = ACTIVATIONS | {"softmax_v2"}

# Operations on tensors that a functional model may contain: arithmetic, reductions, shapes. None takes a function.
OPS = {
    "keras.src.ops.numpy": frozenset(
        """
        Absolute Add Amax Amin Arctan Argmax Argmin Average BroadcastTo Ceil Clip Concatenate Copy Cos
        Cumsum Divide DivideNoNan Dot Einsum Equal Exp ExpandDims Expm1 Flip Floor FloorDivide GetItem Greater
        GreaterEqual Less LessEqual Log Log10 Log1p Log2 Logaddexp LogicalAnd LogicalNot LogicalOr Matmul Max Maximum
        Mean Min Minimum Mod Moveaxis Multiply NanToNum Negative NotEqual OnesLike Pad Power Prod Ravel Reciprocal
        Repeat Reshape Roll Rot90 Round Sign Sin Split Sqrt Square Squeeze Stack Std Subtract Sum Swapaxes Take
        Tan Tanh Tensordot Tile Transpose TrueDivide Var Where ZerosLike
        """.split()
    ),
    "keras.src.ops.nn": frozenset(
        """
        Relu Relu6 Sigmoid SparseSigmoid Softplus Softsign SoftShrink SparsePlus Silu Squareplus LogSigmoid LeakyRelu
        HardSigmoid HardSilu Elu Selu Gelu Celu Glu TanhShrink HardTanh HardShrink Threshold Softmax LogSoftmax
        Sparsemax MaxPool AveragePool AdaptiveMaxPool AdaptiveAveragePool Normalize RMSNorm LayerNorm DepthToSpace
        SpaceToDepth
        """.split()
    ),
    "keras.src.ops.core": frozenset({"Cast", "SaturateCast", "StopGradient", "Slice", "Unstack"}),
    "keras.src.ops.math": frozenset({"Logsumexp", "Rsqrt", "Erf"}),
    "keras.src.ops.image": frozenset({"RGBToGrayscale", "Resize", "PadImages", "CropImages"}),
}
# Layers that keras.applications keeps to itself.
APPLICATION_LAYERS = frozenset(
    {
        ("keras.src.applications.convnext", "LayerScale"),
        ("keras.src.applications.inception_resnet_v2", "CustomScaleLayer"),
    }
)
# How Keras writes tensors, slices and tuples into a description.
MARKERS = frozenset({"__keras_tensor__", "__tensor__", "__numpy__", "__tuple__", "__ellipsis__", "__slice__"})
DTYPES = frozenset(
    """
    bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 bfloat16 mixed_float16
    mixed_bfloat16
    """.split()
)

_BY_MODULE: dict[str, frozenset[str]] = {
    "keras.layers": LAYERS,
    "keras.initializers": INITIALIZERS,
    "keras.regularizers": REGULARIZERS,
    "keras.constraints": CONSTRAINTS,
    "keras.dtype_policies": POLICIES,
    **OPS,
}
_OF_APPLICATIONS = frozenset(name for _, name in APPLICATION_LAYERS)
_WITHOUT_MODULE = LAYERS | LEGACY_LAYERS | OPERATION_LAYERS | MODELS | INITIALIZERS | REGULARIZERS | CONSTRAINTS


def is_allowed(module: str | None, name: str, *, legacy: bool) -> bool:
    """Say whether the class may be built.

    A description of an earlier Keras (`legacy`), which is still to be repaired, may leave the module out and use the
    names of its time.
    """
    if module in MODEL_MODULES and name in MODELS:
        return True
    if module == "keras" and name in POLICIES:
        return True
    if module is not None and name in _BY_MODULE.get(module, frozenset()):
        return True
    if (module, name) in APPLICATION_LAYERS:
        return True
    if not legacy:
        return False
    if not module:
        return name in _WITHOUT_MODULE or name in LEGACY_POLICIES or name in _OF_APPLICATIONS
    return (
        (module in LEGACY_MODEL_MODULES and name in MODELS)
        or (module in OPERATION_MODULES and name in OPERATION_LAYERS)
        or (module == "keras.layers" and name in LEGACY_LAYERS)
        or (module in LEGACY_INITIALIZER_MODULES and name in INITIALIZERS)
        or (module in LEGACY_POLICY_MODULES and name in LEGACY_POLICIES)
    )

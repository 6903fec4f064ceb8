"""The default encoder as a graph that ONNX Runtime runs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from enrich.e5 import BLOCK, DIMENSIONS, HEADS, LAYERS, VOCABULARY, Blocks, Weights


def graph(weights: Weights, *, four_bits: bool) -> ModelProto:
    """The encoder as ONNX: int64 `input_ids` and `attention_mask` [batch, tokens] in, float32
    `embedding` [batch, 384] out, the mean over the tokens brought to length 1.

    With `four_bits` the matrices stay as they are in the file and ONNX Runtime multiplies with
    them (`MatMulNBits`); else they are float32 and the graph is standard ONNX of opset 20. The
    word vectors stay packed in both and are unpacked, without loss, for the tokens at hand.
    The layers are BERT's: Devlin et al. 2019, with E5's pooling: Wang et al. 2024.
    """
    build = _Build(weights, four_bits=four_bits)
    mask = build("Cast", "attention_mask", to=TensorProto.FLOAT)
    ignored = build("Sub", build("Unsqueeze", mask, build.whole(1, 2)), build.number(1))
    bias = build("Mul", ignored, build.number(1e4))
    states = _embed(build)
    for layer in range(LAYERS):
        states = _layer(build, f"l{layer}.", states, bias)
    kept = build("Mul", states, build("Unsqueeze", mask, build.whole(2)))
    total = build("ReduceSum", kept, build.whole(1), keepdims=0)  # of the mean's direction
    build("LpNormalization", total, name="embedding", axis=-1, p=2)
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])
    made = helper.make_graph(
        build.nodes, "multilingual-e5-small", inputs, [output], list(build.constants.values())
    )
    opsets = [helper.make_opsetid("", 20)]
    if four_bits:
        opsets.append(helper.make_opsetid("com.microsoft", 1))
    return helper.make_model(made, opset_imports=opsets, ir_version=9, producer_name="peil")


class _Build:
    """Collects nodes and constants; calling it adds a node and gives the name of its output."""

    def __init__(self, weights: Weights, *, four_bits: bool) -> None:
        self.weights = weights
        self.four_bits = four_bits
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}

    def __call__(self, operator: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], output, **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(value, name)
        return name

    def number(self, value: float) -> str:
        return self.constant(f"number {value}", np.array(value, np.float32))

    def whole(self, *values: int) -> str:
        return self.constant(f"whole {values}", np.array(values, np.int64))

    def linear(self, states: str, *parts: str) -> str:
        """Several matrices over the same input are one product."""
        matrices = [self.weights.matrices[f"{part}.w"] for part in parts]
        matrix = Blocks(
            np.concatenate([each.nibbles for each in matrices]),
            np.concatenate([each.scales for each in matrices]),
        )
        name = "+".join(parts)
        rows, columns = matrix.nibbles.shape
        if self.four_bits:
            packed = matrix.packed().reshape(rows, columns // BLOCK, BLOCK // 2)
            product = self(
                "MatMulNBits",
                states,
                self.constant(f"{name}.packed", packed),
                self.constant(f"{name}.scales", matrix.scales.astype(np.float32)),
                domain="com.microsoft",
                K=columns,
                N=rows,
                bits=4,
                block_size=BLOCK,
                accuracy_level=4,
            )
        else:
            turned = np.ascontiguousarray(matrix.unpacked().T)
            product = self("MatMul", states, self.constant(f"{name}.w", turned))
        offset = np.concatenate([self.weights.vectors[f"{part}.b"] for part in parts])
        return self("Add", product, self.constant(f"{name}.b", offset))

    def normalised(self, states: str, part: str) -> str:
        weight, offset = (
            self.constant(f"{part}.{kind}", self.weights.vectors[f"{part}.{kind}"])
            for kind in ("w", "b")
        )
        epsilon = self.weights.epsilon
        return self("LayerNormalization", states, weight, offset, axis=-1, epsilon=epsilon)


def _embed(build: _Build) -> str:
    """Word and position vectors. Plain arithmetic on the halves of a byte, because not every
    program that runs ONNX shifts bits rightly.
    """
    words = build.weights.matrices["emb.word"]
    groups = DIMENSIONS // BLOCK
    packed = build.constant("words", words.packed().reshape(VOCABULARY, groups, BLOCK // 2))
    scales = build.constant("words.scales", words.scales.reshape(VOCABULARY, groups, 1))
    both = build("Cast", build("Gather", packed, "input_ids"), to=TensorProto.FLOAT)
    high = build("Floor", build("Mul", both, build.number(1 / 16)))
    low = build("Sub", both, build("Mul", high, build.number(16)))
    pairs = build(
        "Concat",
        build("Unsqueeze", low, build.whole(-1)),
        build("Unsqueeze", high, build.whole(-1)),
        axis=-1,
    )
    nibbles = build("Reshape", pairs, build.whole(0, 0, groups, BLOCK))
    scale = build("Cast", build("Gather", scales, "input_ids"), to=TensorProto.FLOAT)
    unpacked = build("Mul", build("Sub", nibbles, build.number(8)), scale)
    vectors = build("Reshape", unpacked, build.whole(0, 0, DIMENSIONS))
    kind = build.weights.vectors["emb.type"][:DIMENSIONS]
    positions = build.weights.vectors["emb.pos"].reshape(-1, DIMENSIONS) + kind
    length = build("Shape", "input_ids", start=1, end=2)
    place = build("Slice", build.constant("positions", positions), build.whole(0), length)
    return build.normalised(build("Add", vectors, place), "emb.ln")


def _layer(build: _Build, here: str, states: str, bias: str) -> str:
    width = DIMENSIONS // HEADS
    joint = build.linear(states, here + "q", here + "k", here + "v")
    split = build("Reshape", joint, build.whole(0, 0, 3, HEADS, width))
    turned = build("Transpose", split, perm=[2, 0, 3, 1, 4])
    query, key, value = (
        build("Gather", turned, build.constant(f"at {i}", np.array(i, np.int64)), axis=0)
        for i in range(3)
    )
    query = build("Mul", query, build.number(width**-0.5))
    likeness = build("MatMul", query, build("Transpose", key, perm=[0, 1, 3, 2]))
    attention = build("Softmax", build("Add", likeness, bias), axis=-1)
    mixed = build("Transpose", build("MatMul", attention, value), perm=[0, 2, 1, 3])
    mixed = build("Reshape", mixed, build.whole(0, 0, DIMENSIONS))
    mixed = build("Add", build.linear(mixed, here + "ao"), states)
    states = build.normalised(mixed, here + "aln")
    inner = build("Gelu", build.linear(states, here + "fi"))
    return build.normalised(build("Add", build.linear(inner, here + "fo"), states), here + "oln")

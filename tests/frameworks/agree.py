"""Loads exported models in the framework that they are for, by the snippets of the documentation, and compares probabilities.

    python agree.py FRAMEWORK CASES

CASES is a JSON list of {name, kind, snippet, file, features, hidden: [[units, activation], ...], input, mask, max_len, rows,
probabilities}; `rows` is a folder with `indices.i64`, `offsets.i64` (where each review begins), of sequences `ids.i64`
[reviews, max_len], and PROBABILITIES.f32, all little endian. Prints a JSON object:
`missing`, where a package is not there, or `versions` and the largest difference for each case in `differences`.
"""

import json
import os
import re
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def put(source: str, pattern: str, replacement: str) -> str:
    """The snippet with a value of the case in the place of the documentation's."""
    source, count = re.subn(pattern, lambda _: replacement, source, flags=re.MULTILINE)
    assert count == 1, f"{pattern} stands {count} times in the snippet"
    return source


def multi_hot(case: dict, indices, offsets):
    """Rows of zeros and ones."""
    rows = np.zeros((len(offsets), case["features"]), np.float32)
    lengths = np.diff(np.append(offsets, len(indices)))
    rows[np.repeat(np.arange(len(offsets)), lengths), indices] = 1.0
    return rows


def ids(case: dict):
    """Padded sequences."""
    return np.fromfile(Path(case["rows"]) / "ids.i64", "<i8").reshape(-1, case["max_len"])


def by_keras(snippet: str, case: dict, indices, offsets):
    """Probabilities, and what they were computed by."""
    import keras

    source = put(snippet, r'"weights\.npz"', repr(case["file"]))
    names, values = "features, hidden", f"{case['features']}, {case['hidden']}"
    if case["kind"] == "embedding":
        names, values = f"{names}, dim, max_len, mask", f"{values}, 16, {case['max_len']}, {case['mask']}"
    source = put(source, rf"^{names} = .*$", f"{names} = {values}")
    names = {}
    exec(source, names)
    rows = ids(case) if case["kind"] == "embedding" else multi_hot(case, indices, offsets)
    versions = f"keras {keras.__version__} on {keras.backend.backend()}"
    if keras.backend.backend() == "tensorflow":
        import tensorflow
        versions += f" {tensorflow.__version__}"
    return names["model"].predict(rows, verbose=0).ravel(), versions


def by_torch(snippet: str, case: dict, indices, offsets):
    """Probabilities, and what they were computed by."""
    import safetensors
    import torch
    from torch import nn

    factories = {
        "relu": "nn.ReLU()", "tanh": "nn.Tanh()", "sigmoid": "nn.Sigmoid()", "elu": "nn.ELU()", "selu": "nn.SELU()",
        "leaky_relu": "nn.LeakyReLU(0.2)", "prelu": "nn.PReLU(units)", "gelu": "nn.GELU()", "silu": "nn.SiLU()",
        "softplus": "nn.Softplus()", "linear": "nn.Identity()",
    }
    activation = case["hidden"][0][1] if case["hidden"] else "relu"
    source = put(snippet, r'"weights\.safetensors"', repr(case["file"]))
    source = put(source, r"nn\.ReLU\(\)", factories[activation])
    takes_ids = case["kind"] == "embedding"
    if takes_ids:
        source = put(source, r"mask=False", f"mask={case['mask']}")
    names = {"nn": nn}
    exec(source, names)
    arrays = [ids(case)] if takes_ids else [indices, offsets]
    with torch.inference_mode():
        answer = names["network"](*map(torch.from_numpy, arrays)).numpy()
    return answer, f"torch {torch.__version__}, safetensors {safetensors.__version__}"


def by_onnx(snippet: str, case: dict, indices, offsets):
    """Probabilities, and what they were computed by."""
    import onnx
    import onnxruntime

    onnx.checker.check_model(case["file"], full_check=True)
    names = {}
    exec(put(snippet, r'"model\.onnx"', repr(case["file"])), names)
    if case["input"] == "indices":
        answer = names["indices"](indices, offsets)
        # No review at all, and reviews without a word.
        none = np.zeros(0, np.int64)
        assert names["indices"](none, none).shape == (0,)
        empty = names["indices"](none, np.zeros(3, np.int64))
        assert empty.shape == (3,) and len(set(empty)) == 1, empty
    elif case["input"] == "ids":
        answer = names["ids"](ids(case))
    else:
        answer = names["multi_hot"](multi_hot(case, indices, offsets))
    return answer, f"onnxruntime {onnxruntime.__version__}, onnx {onnx.__version__}"


def main() -> None:
    """Compares all cases."""
    framework, cases = sys.argv[1:]
    cases = json.loads(Path(cases).read_text())
    judge = {"keras": by_keras, "torch": by_torch, "onnx": by_onnx}[framework]
    differences, versions = {}, ""
    for case in cases:
        rows = Path(case["rows"])
        indices, offsets = (np.fromfile(rows / f"{name}.i64", "<i8") for name in ("indices", "offsets"))
        expected = np.fromfile(rows / f"{case['probabilities']}.f32", "<f4")
        answer, versions = judge(case["snippet"], case, indices, offsets)
        assert answer.shape == expected.shape, (case["name"], answer.shape, expected.shape)
        differences[case["name"]] = float(np.abs(answer.astype(np.float64) - expected).max())
    print(json.dumps({"versions": versions, "differences": differences}))


try:
    import numpy as np

    main()
except ImportError as error:
    print(json.dumps({"missing": str(error)}))

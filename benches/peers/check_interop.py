#!/usr/bin/env python3
"""Checks that SciPy, Keras and PyTorch read imdb-fast's datasets and models, and compute the same from them.

Prints the differences. Exits with 1 where one is larger than 1e-5.
"""

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

import keras_peer  # first: it chooses Keras' backend
import torch_peer
from job import Reviews, load_split, load_weights

import keras
import torch

TOLERANCE = 1e-5
BINARY = Path(__file__).resolve().parents[2] / "target" / "release" / "imdb-fast"

Answers = tuple[np.ndarray, np.ndarray]
"""A probability and a loss for each review."""


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", type=Path, help="a model.safetensors, as `imdb-fast train` makes it")
    parser.add_argument("dataset", type=Path, help="as `imdb-fast import` or `imdb-fast synth` makes it")
    parser.add_argument("--binary", type=Path, default=BINARY,
                        help="imdb-fast [default: target/release/imdb-fast of this repository]")
    arguments = parser.parse_args()
    if not arguments.binary.is_file():
        parser.error(f"{arguments.binary} is not there; `cargo build --release` makes it, or name another by --binary")
    arguments.binary = arguments.binary.resolve()
    return arguments


def ours(arguments: argparse.Namespace) -> tuple[np.ndarray, dict[str, float]]:
    """Probabilities by `imdb-fast predict`; loss and accuracy by `imdb-fast evaluate`."""
    def output(command: str, *options: str) -> str:
        words = [arguments.binary, command, arguments.model, arguments.dataset, *options]
        process = subprocess.run(words, stdout=subprocess.PIPE, text=True)
        if process.returncode != 0:
            raise SystemExit(f"failed: {shlex.join(map(str, words))}")
        return process.stdout

    report = json.loads(output("evaluate", "--json"))
    probabilities = np.array([float(line) for line in output("predict").splitlines()], np.float32)
    return probabilities, {name: report[name] for name in ("loss", "accuracy")}


def by_scipy(reviews: Reviews, weights: list[np.ndarray]) -> Answers:
    """The formula, on a SciPy matrix."""
    x = reviews.csr()
    for kernel, bias in zip(weights[0:-2:2], weights[1:-2:2], strict=True):
        x = np.maximum(x @ kernel + bias, 0.0)
    logits = (x @ weights[-2] + weights[-1]).ravel()
    return 1.0 / (1.0 + np.exp(-logits)), np.logaddexp(0.0, logits, dtype=np.float64) - logits * reviews.labels


def by_keras(reviews: Reviews, weights: list[np.ndarray]) -> Answers:
    """A Keras model with these weights, on rows of zeros and ones. Its loss takes logits: the other form clips."""
    x = reviews.multi_hot()
    model = keras_peer.build_model(reviews.features)
    model.set_weights(weights)
    probabilities = model.predict(x, batch_size=512, verbose=0).ravel()
    before_sigmoid = keras_peer.build_model(reviews.features)
    before_sigmoid.set_weights(weights)
    before_sigmoid.layers[-1].activation = keras.activations.linear
    logits = before_sigmoid.predict(x, batch_size=512, verbose=0)
    losses = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
    return probabilities, np.asarray(losses(reviews.labels[:, None].astype(np.float32), logits))


def by_torch(reviews: Reviews, weights: list[np.ndarray]) -> Answers:
    """A PyTorch module with these weights, on lists of words."""
    network = torch_peer.Network(reviews.features)
    torch_peer.set_weights(network, weights)
    bags = torch_peer.Bags.of(reviews)
    with torch.inference_mode():
        logits = network(bags.words, bags.offsets)
        losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, bags.labels, reduction="none")
    return torch.sigmoid(logits).numpy(), losses.numpy()


def main() -> int:
    """Compares every program's results with ours."""
    arguments = parse_arguments()
    probabilities, report = ours(arguments)
    reviews, weights = load_split(arguments.dataset, "test"), load_weights(arguments.model)
    agrees = True
    print(f"imdb-fast: {len(probabilities):,} reviews, loss {report['loss']:.6f}, accuracy {report['accuracy']:.5f}")
    for name, program in {"SciPy": by_scipy, "Keras": by_keras, "PyTorch": by_torch}.items():
        theirs, losses = program(reviews, weights)
        accuracy = ((theirs > 0.5) == reviews.labels).mean()
        differences = {
            "probability": np.abs(theirs - probabilities).max(),
            "loss": abs(losses.mean(dtype=np.float64) - report["loss"]),
            "accuracy": abs(accuracy - report["accuracy"]),
        }
        agrees &= all(difference <= TOLERANCE for difference in differences.values())
        listed = ", ".join(f"{what} {value:.1e}" for what, value in differences.items())
        print(f"{name}: largest differences: {listed}")
    print("all agree" if agrees else f"a difference is larger than {TOLERANCE}")
    return 0 if agrees else 1


if __name__ == "__main__":
    sys.exit(main())

"""What the peers share: the arguments, the dataset, a trained model's weights, and the line of JSON they end with."""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

UNITS = (16, 16, 1)
"""Units of the layers, from the first hidden one to the output."""

ACTIVATIONS = ("relu", "relu", "sigmoid")
"""Theirs."""

PREDICTIONS = 5
"""How often the test reviews are predicted; the median time counts."""


@dataclass(frozen=True)
class Job:
    """What a run does."""

    dataset: Path
    threads: int
    epochs: int
    batch_size: int
    validation: int
    seed: int
    predict: Path | None


def parse_job(description: str) -> Job:
    """Reads the command line that all peers have."""
    parser = argparse.ArgumentParser(description=description)
    add = parser.add_argument
    add("dataset", type=Path, help="as `imdb-fast import` or `imdb-fast synth` makes it")
    add("--threads", type=int, default=0, metavar="N", help="0 is one a core [default: 0]")
    add("--epochs", type=int, default=20, metavar="N", help="[default: 20]")
    add("--batch-size", type=int, default=512, metavar="N", help="reviews a step [default: 512]")
    add("--validation", type=int, default=10_000, metavar="N",
        help="the first N training reviews are held out [default: 10000]")
    add("--seed", type=int, default=0, metavar="N", help="[default: 0]")
    add("--predict", type=Path, metavar="MODEL",
        help="do not train: time predictions of the test split by this model.safetensors")
    job = Job(**vars(parser.parse_args()))
    return replace(job, threads=job.threads or available_cores())


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True)
class Reviews:
    """Rows of a split: row `r` has the words `indices[indptr[r]:indptr[r + 1]]`."""

    indptr: np.ndarray
    indices: np.ndarray
    labels: np.ndarray
    features: int

    def __len__(self) -> int:
        return len(self.labels)

    def rows(self, start: int, stop: int) -> Reviews:
        """The rows from `start` to before `stop`; their words are not copied."""
        first, last = self.indptr[start], self.indptr[stop]
        indptr = self.indptr[start : stop + 1] - first
        return Reviews(indptr, self.indices[first:last], self.labels[start:stop], self.features)

    def csr(self) -> csr_matrix:
        """A sparse matrix with ones."""
        import scipy.sparse  # here, so that peers that do without it need not carry it

        ones = np.ones(len(self.indices), np.float32)
        parts = (ones, self.indices.astype(np.int32), self.indptr.astype(np.int32))
        return scipy.sparse.csr_matrix(parts, (len(self), self.features))

    def multi_hot(self) -> np.ndarray:
        """A dense matrix of zeros and ones, as the book makes it."""
        dense = np.zeros((len(self), self.features), np.float32)
        dense[np.repeat(np.arange(len(self)), np.diff(self.indptr)), self.indices] = 1.0
        return dense


def load_split(path: Path, split: str) -> Reviews:
    """Reads `train` or `test` of a dataset, and none of its other tensors."""
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata.get("format") != "imdb-fast dataset":
            raise SystemExit(f"{path}: no dataset; `imdb-fast import` and `imdb-fast synth` make one")
        if f"{split}.labels" not in file.keys():
            raise SystemExit(f"{path}: no {split} split")
        indptr = file.get_tensor(f"{split}.indptr").astype(np.int64)
        indices, labels = (file.get_tensor(f"{split}.{name}") for name in ("indices", "labels"))
    return Reviews(indptr, indices, labels, int(metadata["features"]))


def training_rows(job: Job) -> tuple[Reviews, Reviews]:
    """The reviews to train on, and those that are held out: the first ones, as in the book."""
    reviews = load_split(job.dataset, "train")
    if not 0 < job.validation < len(reviews):
        raise SystemExit(f"--validation: {len(reviews)} training reviews; hold out at least 1 and fewer than all")
    return reviews.rows(job.validation, len(reviews)), reviews.rows(0, job.validation)


def load_weights(path: Path) -> list[np.ndarray]:
    """Kernel `[inputs, units]` and bias of each layer of a trained model, one after the other, as Keras has them."""
    tensors = load_file(path)
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
    layers = json.loads(metadata.get("architecture", "{}")).get("layers", [])
    activations = tuple(layer["activation"] for layer in layers)
    if activations != ACTIVATIONS or "input.scale" in tensors or "row_norm" in metadata:
        raise SystemExit(f"{path}: the peers build layers of {', '.join(ACTIVATIONS)} on words that are there or not")
    names = [f"dense_{layer}.{part}" for layer in range(len(UNITS)) for part in ("kernel", "bias")]
    parameters = [name for name in tensors if name.startswith("dense_")]
    if set(parameters) != set(names) or tuple(len(tensors[name]) for name in names[1::2]) != UNITS:
        raise SystemExit(f"{path}: the peers build layers of {UNITS} units without further parameters")
    return [tensors[name] for name in names]


def judge(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Binary cross-entropy, with Keras' clipping, and accuracy at 0.5."""
    clipped = np.clip(probabilities.astype(np.float64), 1e-7, 1.0 - 1e-7)
    losses = -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))
    return {"loss": float(losses.mean()), "accuracy": float(((probabilities > 0.5) == labels).mean())}


def time_predictions(predict: Callable[[], np.ndarray], labels: np.ndarray) -> dict[str, object]:
    """Predicts once to warm up, then a few times more; the figures to print."""
    probabilities = predict()
    seconds = []
    for _ in range(PREDICTIONS):
        start = time.perf_counter()
        probabilities = predict()
        seconds.append(time.perf_counter() - start)
    median = statistics.median(seconds)
    return {"reviews": len(labels), "predict_seconds": median, "final": judge(probabilities.ravel(), labels)}


def training_figures(
    prepare_seconds: float, fit_seconds: float, history: dict[str, list[float]], times: list[float]
) -> dict[str, object]:
    """The figures to print of a run that has a complete history, and the times at its start and after each epoch."""
    return {
        "prepare_seconds": prepare_seconds,
        "fit_seconds": fit_seconds,
        "final": {name: values[-1] for name, values in history.items()},
        "history": history,
        "epoch_seconds": [after - before for before, after in itertools.pairwise(times)],
    }


def print_result(job: Job, peer: str, version: str, figures: dict[str, object]) -> None:
    """Prints the one line on stdout."""
    options = {"threads": job.threads, "epochs": job.epochs, "batch_size": job.batch_size,
               "validation": job.validation, "seed": job.seed}
    print(json.dumps({"peer": peer, "version": version} | options | figures))

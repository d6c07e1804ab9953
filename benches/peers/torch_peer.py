#!/usr/bin/env python3
"""The job in PyTorch, eager, on lists of words: `EmbeddingBag` sums the rows of the first layer."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from job import (
    UNITS,
    Job,
    Reviews,
    load_split,
    load_weights,
    parse_job,
    print_result,
    time_predictions,
    training_figures,
    training_rows,
)


class Network(nn.Module):
    """The book's network on lists of words; initialised as Keras does."""

    def __init__(self, features: int) -> None:
        super().__init__()
        first, second, output = UNITS
        self.words = nn.EmbeddingBag(features, first, mode="sum", include_last_offset=True)
        self.bias = nn.Parameter(torch.zeros(first))
        self.hidden = nn.Linear(first, second)
        self.output = nn.Linear(second, output)
        for layer in (self.words, self.hidden, self.output):
            nn.init.xavier_uniform_(layer.weight)
        for layer in (self.hidden, self.output):
            nn.init.zeros_(layer.bias)

    def forward(self, words: Tensor, offsets: Tensor) -> Tensor:
        """The logit of each review."""
        x = torch.relu(self.words(words, offsets) + self.bias)
        return self.output(torch.relu(self.hidden(x))).squeeze(1)


@dataclass(frozen=True)
class Bags:
    """Reviews as `EmbeddingBag` takes them: the words of all, and where each begins and the last ends."""

    words: Tensor
    offsets: Tensor
    labels: Tensor

    @staticmethod
    def of(reviews: Reviews) -> "Bags":
        """Copies reviews; 32 bits suffice, and are faster than 64."""
        words, offsets = (torch.from_numpy(part.astype(np.int32)) for part in (reviews.indices, reviews.indptr))
        return Bags(words, offsets, torch.from_numpy(reviews.labels.astype(np.float32)))

    def shuffled(self) -> "Bags":
        """The same reviews in a random order, so that each batch is a plain slice."""
        order = torch.randperm(len(self.labels))
        lengths = self.offsets.diff()[order]
        offsets = torch.zeros_like(self.offsets)
        torch.cumsum(lengths, 0, out=offsets[1:])
        moved = torch.repeat_interleave(self.offsets[:-1][order] - offsets[:-1], lengths)
        positions = moved + torch.arange(len(self.words), dtype=torch.int32)
        return Bags(self.words[positions], offsets, self.labels[order])

    def batches(self, size: int) -> Iterator["Bags"]:
        """Consecutive reviews, `size` at a time."""
        bounds = self.offsets[::size].tolist()
        if len(self.labels) % size:
            bounds.append(len(self.words))
        for batch, (first, last) in enumerate(zip(bounds, bounds[1:])):
            rows = slice(batch * size, (batch + 1) * size)
            offsets = self.offsets[batch * size : (batch + 1) * size + 1] - first
            yield Bags(self.words[first:last], offsets, self.labels[rows])


def set_weights(network: Network, weights: list[np.ndarray]) -> None:
    """Takes over weights in Keras' order and orientation."""
    first, second, output = network.words, network.hidden, network.output
    targets = [first.weight, network.bias, second.weight.T, second.bias, output.weight.T, output.bias]
    with torch.no_grad():
        for target, values in zip(targets, weights, strict=True):
            target.copy_(torch.from_numpy(values))


def probabilities(network: Network, bags: Bags) -> np.ndarray:
    """Of all reviews at once, which spares the calls of smaller batches."""
    with torch.inference_mode():
        return torch.sigmoid(network(bags.words, bags.offsets)).numpy()


def train_epoch(
    network: Network, optimizer: torch.optim.Optimizer, bags: Bags, batch_size: int
) -> tuple[float, float]:
    """Loss and accuracy over the epoch, the weights changing, as Keras reports them."""
    loss_sum, right = torch.zeros(()), torch.zeros((), dtype=torch.int64)
    for batch in bags.shuffled().batches(batch_size):
        logits = network(batch.words, batch.offsets)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, batch.labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            loss_sum += loss * len(batch.labels)
            right += ((logits > 0) == (batch.labels > 0)).sum()
    return loss_sum.item() / len(bags.labels), right.item() / len(bags.labels)


def validate(network: Network, bags: Bags) -> tuple[float, float]:
    """Loss and accuracy."""
    with torch.inference_mode():
        logits = network(bags.words, bags.offsets)
        loss = nn.functional.binary_cross_entropy_with_logits(logits, bags.labels)
        right = ((logits > 0) == (bags.labels > 0)).sum()
        return loss.item(), right.item() / len(bags.labels)


def fit(
    network: Network, trained_on: Bags, held_out: Bags, epochs: int, batch_size: int
) -> tuple[dict[str, list[float]], list[float]]:
    """Trains; the history, and the times at the start and after each epoch."""
    times = [time.perf_counter()]
    # Keras has epsilon within the root, PyTorch beside it: no value makes them equal.
    optimizer = torch.optim.RMSprop(network.parameters(), lr=0.001, alpha=0.9, eps=1e-7)
    history: dict[str, list[float]] = {"loss": [], "accuracy": [], "val_loss": [], "val_accuracy": []}
    for _ in range(epochs):
        epoch = train_epoch(network, optimizer, trained_on, batch_size) + validate(network, held_out)
        for values, value in zip(history.values(), epoch, strict=True):
            values.append(value)
        times.append(time.perf_counter())
    return history, times


def train(job: Job) -> dict[str, object]:
    """Times the epochs, with validation after each."""
    reviews = training_rows(job)
    start = time.perf_counter()
    trained_on, held_out = map(Bags.of, reviews)
    prepare_seconds = time.perf_counter() - start

    warm_up = [Bags.of(part.rows(0, min(len(part), job.batch_size))) for part in reviews]
    fit(Network(reviews[0].features), *warm_up, epochs=1, batch_size=job.batch_size)

    torch.manual_seed(job.seed)
    network = Network(reviews[0].features)
    history, times = fit(network, trained_on, held_out, job.epochs, job.batch_size)
    return training_figures(prepare_seconds, times[-1] - times[0], history, times)


def predict(job: Job) -> dict[str, object]:
    """Times predictions of the test split."""
    reviews = load_split(job.dataset, "test")
    start = time.perf_counter()
    bags = Bags.of(reviews)
    prepare_seconds = time.perf_counter() - start
    network = Network(reviews.features)
    set_weights(network, load_weights(job.predict))
    figures = time_predictions(lambda: probabilities(network, bags), reviews.labels)
    return {"prepare_seconds": prepare_seconds} | figures


def main() -> None:
    """Does what the arguments say."""
    job = parse_job(__doc__)
    torch.set_num_threads(job.threads)
    figures = predict(job) if job.predict else train(job)
    print_result(job, "PyTorch", torch.__version__, figures)


if __name__ == "__main__":
    main()

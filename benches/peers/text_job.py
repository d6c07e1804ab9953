"""What the peers that start from raw text share: the arguments, the reviews in the archive, and the line of JSON."""

from __future__ import annotations

import argparse
import json
import random
import re
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

FILE = re.compile(r"aclImdb/(train|test)/(pos|neg)/(\d+)_\d+\.txt")
"""Split, class and number of a labelled review."""

URLS = re.compile(r"aclImdb/train/urls_(pos|neg)\.txt")
"""Line `n` of such a file names the film of training review `n`."""

FOLD = 5
"""Every fifth film is held out where the test split must not be looked at."""

MARKS = re.compile(r"([.!?,'/()])")
"""The punctuation that fastText's tutorial on text classification sets apart."""


@dataclass(frozen=True)
class TextJob:
    """What a run does."""

    archive: Path
    threads: int
    seed: int
    hold_out: bool


@dataclass(frozen=True)
class Texts:
    """Reviews and their labels, 0 or 1."""

    texts: list[str]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.labels)


def text_parser(description: str) -> argparse.ArgumentParser:
    """The options that all have; a peer adds its own."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("archive", type=Path, help="aclImdb_v1.tar.gz")
    parser.add_argument("--threads", type=int, default=2, metavar="N", help="[default: 2]")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="[default: 0]")
    parser.add_argument("--hold-out", action="store_true",
                        help="judge by every fifth film of the training reviews instead of the test split")
    return parser


def text_job(arguments: argparse.Namespace) -> TextJob:
    """The shared part of the arguments."""
    return TextJob(arguments.archive, arguments.threads, arguments.seed, arguments.hold_out)


def read_archive(job: TextJob) -> tuple[Texts, Texts]:
    """The reviews to train on, in the order that the seed gives, and those to judge by."""
    reviews: dict[str, list[tuple[str, int, str]]] = {"train": [], "test": []}
    films: dict[str, list[bytes]] = {}
    with tarfile.open(job.archive, "r|gz") as archive:
        for member in archive:
            if found := FILE.fullmatch(member.name):
                split, kind, number = found.groups()
                reviews[split].append((kind, int(number), archive.extractfile(member).read().decode()))
            elif found := URLS.fullmatch(member.name):
                films[found[1]] = archive.extractfile(member).read().splitlines()
    train, judged = reviews["train"], reviews["test"]
    if job.hold_out:
        names = sorted({name for of_kind in films.values() for name in of_kind})
        held = set(names[::FOLD])
        judged = [review for review in train if films[review[0]][review[1]] in held]
        train = [review for review in train if films[review[0]][review[1]] not in held]
    random.Random(job.seed).shuffle(train)
    return as_texts(train), as_texts(judged)


def as_texts(reviews: list[tuple[str, int, str]]) -> Texts:
    """Without line breaks: those of HTML are in most reviews."""
    return Texts([text.replace("<br />", " ") for _, _, text in reviews], [int(kind == "pos") for kind, _, _ in reviews])


def words_and_marks(text: str) -> str:
    """In lower case, with spaces around punctuation."""
    return " ".join(MARKS.sub(r" \1 ", text).lower().split())


class Stopwatch:
    """Seconds from lap to lap."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def lap(self) -> float:
        """Seconds since the last one."""
        before, self.last = self.last, time.perf_counter()
        return self.last - before


def print_figures(version: str, accuracy: float, features: float, training: float, evaluating: float) -> None:
    """Prints the one line on stdout: the accuracy, and the seconds for each part."""
    figures = {"version": version, "accuracy": accuracy, "features_seconds": features,
               "training_seconds": training, "evaluating_seconds": evaluating}
    print(json.dumps(figures))

#!/usr/bin/env python3
"""fastText's supervised classifier, from the archive to the accuracy.

fastText counts words and n-grams while it trains and while it tests, so those seconds hold that work. The spacing of the
words is that of its tutorial on text classification.
"""

import importlib.metadata
import tempfile
from pathlib import Path

import fasttext

from text_job import Stopwatch, Texts, print_figures, read_archive, text_job, text_parser, words_and_marks

PACKAGES = "fasttext", "fasttext-wheel", "fasttext-numpy2"
"""Each of these installs the module."""


def write(reviews: Texts, path: Path) -> str:
    """A review a line, with its label; fastText reads files only."""
    with path.open("w") as file:
        for text, label in zip(reviews.texts, reviews.labels, strict=True):
            file.write(f"__label__{label} {words_and_marks(text)}\n")
    return str(path)


def version() -> str:
    """Of the package that is installed."""
    for package in PACKAGES:
        try:
            return importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "?"


def main() -> None:
    parser = text_parser(__doc__.splitlines()[0])
    add = parser.add_argument
    add("--lr", type=float, default=0.5, metavar="X", help="[default: 0.5]")
    add("--epochs", type=int, default=10, metavar="N", help="[default: 10]")
    add("--word-ngrams", type=int, default=3, metavar="N", help="[default: 3]")
    add("--dim", type=int, default=10, metavar="N", help="[default: 10]")
    arguments = parser.parse_args()
    job = text_job(arguments)

    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        train, judged = read_archive(job)
        paths = write(train, Path(folder) / "train.txt"), write(judged, Path(folder) / "judged.txt")
        features = watch.lap()
        model = fasttext.train_supervised(
            paths[0], lr=arguments.lr, epoch=arguments.epochs, wordNgrams=arguments.word_ngrams, dim=arguments.dim,
            minCount=1, bucket=10_000_000, thread=job.threads, verbose=0)
        training = watch.lap()
        _, accuracy, _ = model.test(paths[1])
    print_figures(version(), accuracy, features, training, watch.lap())


if __name__ == "__main__":
    main()

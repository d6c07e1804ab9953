#!/usr/bin/env python3
"""Vowpal Wabbit's logistic regression on hashed n-grams, from the archive to the accuracy.

It parses the text and hashes the n-grams while it trains, in a second thread, and keeps them in a cache for the later
passes; so those seconds hold that work. The number of its threads cannot be chosen.
"""

import tempfile
from pathlib import Path

import vowpalwabbit

from text_job import Stopwatch, Texts, print_figures, read_archive, text_job, text_parser, words_and_marks

ESCAPES = str.maketrans({":": " ", "|": " "})
"""Signs that mean something in its format."""


def write(reviews: Texts, path: Path) -> Path:
    """A review a line, with its label, 1 or -1."""
    with path.open("w") as file:
        for text, label in zip(reviews.texts, reviews.labels, strict=True):
            file.write(f"{2 * label - 1} |w {words_and_marks(text.translate(ESCAPES))}\n")
    return path


def run(*options: object) -> None:
    """What the program `vw` does with these options."""
    vowpalwabbit.Workspace(arg_list=[*map(str, options), "--quiet"]).finish()


def main() -> None:
    parser = text_parser(__doc__.splitlines()[0])
    add = parser.add_argument
    add("--ngram", type=int, default=3, metavar="N", help="[default: 3]")
    add("--bits", type=int, default=24, metavar="N", help="of the hash [default: 24]")
    add("--passes", type=int, default=6, metavar="N", help="[default: 6]")
    add("--lr", type=float, default=1.5, metavar="X", help="[default: 1.5]")
    arguments = parser.parse_args()
    job = text_job(arguments)

    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        train, judged = read_archive(job)
        train_path, judged_path = write(train, folder / "train.vw"), write(judged, folder / "judged.vw")
        features = watch.lap()
        run("-d", train_path, "-f", folder / "model", "--loss_function", "logistic", "--ngram", arguments.ngram,
            "-b", arguments.bits, "-l", arguments.lr, "--passes", arguments.passes, "--holdout_off",
            "--cache_file", folder / "cache")
        training = watch.lap()
        run("-t", "-d", judged_path, "-i", folder / "model", "-p", folder / "scores")
        scores = [float(line) for line in (folder / "scores").read_text().split()]
    right = sum((score > 0) == label for score, label in zip(scores, judged.labels, strict=True))
    print_figures(vowpalwabbit.__version__, right / len(judged), features, training, watch.lap())


if __name__ == "__main__":
    main()

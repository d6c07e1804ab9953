#!/usr/bin/env python3
"""From raw text to sparse rows: scikit-learn's CountVectorizer, a streaming gunzip alone, and `imdb-fast import`.

The vectorizer reads the unpacked folder, learns the 10,000 most frequent words of the training reviews and makes binary
rows of all reviews, on one core: it knows no other way. imdb-fast does that on all cores, and once more on one; it keeps the
words in reading order as well, and writes the dataset file. What a word is differs a little: the vectorizer leaves out those of
one letter.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from run import BINARY

FEATURES = 10_000
PARTS = ("train/pos", "train/neg", "train/unsup", "test/pos", "test/neg")


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("archive", type=Path, help="aclImdb_v1.tar.gz")
    add("folder", type=Path, help="the folder aclImdb that it unpacks to")
    add("--binary", type=Path, default=BINARY, help="imdb-fast [default: target/release/imdb-fast of this repository]")
    add("--rounds", type=int, default=3, metavar="N", help="how often everybody runs [default: 3]")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    for path, remedy in (
        (arguments.archive, "`imdb-fast fetch stanford` downloads it"),
        (arguments.binary, "`cargo build --release` makes it, or name another by --binary"),
    ):
        if not path.is_file():
            parser.error(f"{path} is not there; {remedy}")
    for part in PARTS:
        if not (arguments.folder / part).is_dir():
            parser.error(f"{arguments.folder} has no folder {part}; `tar -xf {arguments.archive}` makes all of them")
    arguments.binary = arguments.binary.resolve()
    return arguments


def vectorize(folder: Path, unlabelled: bool) -> float:
    """Seconds that scikit-learn takes from the files of the folder to rows."""
    from sklearn.feature_extraction.text import CountVectorizer

    start = time.perf_counter()
    parts = {"train": ("train/pos", "train/neg"), "test": ("test/pos", "test/neg")}
    if unlabelled:
        parts["unlabelled"] = ("train/unsup",)
    files = {part: [path for name in names for path in sorted((folder / name).iterdir())] for part, names in parts.items()}
    vectorizer = CountVectorizer(input="filename", binary=True, max_features=FEATURES)
    rows = {"train": vectorizer.fit_transform(files["train"])}
    rows |= {part: vectorizer.transform(paths) for part, paths in files.items() if part != "train"}
    seconds = time.perf_counter() - start
    assert all(matrix.shape == (len(files[part]), FEATURES) for part, matrix in rows.items())
    return seconds


def timed(command: list[str]) -> float:
    """Seconds that a command takes, its start and its end included."""
    start = time.perf_counter()
    try:
        status = subprocess.run(command, stdout=subprocess.DEVNULL).returncode
    except OSError as error:
        raise SystemExit(f"cannot run {command[0]}: {error}") from error
    if status != 0:
        raise SystemExit(f"failed: {shlex.join(command)}")
    return time.perf_counter() - start


def gunzip(archive: Path) -> dict[str, float]:
    """Seconds that each streaming gunzip at hand takes for the archive alone."""
    start = time.perf_counter()
    with gzip.open(archive) as file:
        while file.read(1 << 20):
            pass
    seconds = {"gunzip, Python's zlib": time.perf_counter() - start}
    for program in "gzip", "pigz", "igzip":
        if shutil.which(program):
            seconds[f"gunzip, {program}"] = timed([program, "-dc", str(archive)])
    return seconds


def main() -> None:
    arguments = parse_arguments()
    # Nobody has to wait for the disk.
    for path in [arguments.archive, *arguments.folder.rglob("*.txt")]:
        path.read_bytes()
    runs: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(dir=".") as outputs:
        for round_ in range(arguments.rounds):
            for name, source, options in (
                ("imdb-fast, folder, labelled", arguments.folder, ["--no-unlabelled"]),
                ("imdb-fast, folder, labelled, 1 thread", arguments.folder, ["--no-unlabelled", "--threads", "1"]),
                ("imdb-fast, folder, all", arguments.folder, []),
                ("imdb-fast, archive, labelled", arguments.archive, ["--no-unlabelled"]),
                ("imdb-fast, archive, all", arguments.archive, []),
            ):
                output = str(Path(outputs) / "imdb.safetensors")
                command = [str(arguments.binary), "import", str(source), "--quiet", "--output", output, *options]
                runs.setdefault(name, []).append(timed(command))
            for name, seconds in gunzip(arguments.archive).items():
                runs.setdefault(name, []).append(seconds)
            for name, unlabelled in ("scikit-learn, folder, labelled", False), ("scikit-learn, folder, all", True):
                runs.setdefault(name, []).append(vectorize(arguments.folder, unlabelled))
            print(f"round {round_ + 1} of {arguments.rounds}", file=sys.stderr)

    medians = {name: statistics.median(seconds) for name, seconds in runs.items()}
    for name, seconds in medians.items():
        print(f"{name:38} {seconds:8.3f} s   ({min(runs[name]):.3f} to {max(runs[name]):.3f})", file=sys.stderr)
    for part in "labelled", "all":
        for source in "folder", "archive":
            ratio = medians[f"scikit-learn, folder, {part}"] / medians[f"imdb-fast, {source}, {part}"]
            print(f"from the {source}, {part}: {ratio:.1f} times as fast as scikit-learn", file=sys.stderr)
    print(json.dumps({"seconds": medians}))


if __name__ == "__main__":
    main()

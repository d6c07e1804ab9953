#!/usr/bin/env python3
"""Accuracy against time: from the official archive to the accuracy on its test split, by imdb-fast and its peers.

Everybody begins with the archive each time and ends with the accuracy. Every run is a process of its own, or three with
imdb-fast: import, train and evaluate.
"""

import argparse
import datetime
import importlib.util
import json
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from run import BINARY, DISTURBANCE, HERE, Cost, available_cores, cpu_model, execute, format_table, tell

@dataclass(frozen=True)
class Recipe:
    """What imdb-fast is told, besides the files, the seed and the threads."""

    name: str
    importing: str
    training: str
    networks: int = 1
    """Of an ensemble, whose seeds follow each other: no network is in two runs."""


RECIPES = (
    Recipe("the book's network", "--no-unlabelled", "--epochs 4 --validation 0"),
    Recipe("preset best", "--preset best", "--preset best"),
    Recipe("preset best-ensemble", "--preset best-ensemble", "--preset best-ensemble", networks=5),
    Recipe("preset semi", "--preset semi", "--preset semi", networks=5),
    Recipe(
        "16-16, 1 to 3 words",
        "--preset best --ngrams 3 --min-count 2",
        "--validation 0 --feature-scale naive-bayes --row-norm l2 --epochs 2 --schedule linear --batch-size 32 "
        "--optimizer adam:rows=touched,epsilon=1e-8 --learning-rate 0.001 "
        "--first-kernel-initializer random_uniform:minval=-0.05,maxval=0.05",
    ),
)


@dataclass(frozen=True)
class TextPeer:
    """A peer that starts from text, and its program, in which its options are chosen."""

    name: str
    modules: tuple[str, ...]
    program: str


PEERS = (
    TextPeer("fastText, 1 to 3 words", ("fasttext",), "fasttext_text.py"),
    TextPeer("Vowpal Wabbit, 1 to 3 words", ("vowpalwabbit",), "vw_text.py"),
    TextPeer("scikit-learn, naive Bayes, 1 to 3 words", ("numpy", "sklearn"), "nbsvm_text.py"),
)


@dataclass(frozen=True)
class Outcome:
    """What a run reported, and what its processes took, one after the other."""

    version: str
    accuracy: float
    features: float
    training: float
    evaluating: float
    costs: tuple[Cost, ...]

    @property
    def total(self) -> float:
        """Seconds from the start of the first process to the end of the last."""
        return sum(cost.wall_seconds for cost in self.costs)

    @property
    def cpu(self) -> float:
        """Seconds of all cores, which waver less than the others where a machine is shared."""
        return sum(cost.cpu_seconds for cost in self.costs)

    @property
    def peak_bytes(self) -> int:
        """Of the largest process."""
        return max(cost.peak_bytes for cost in self.costs)

    @property
    def other_cores(self) -> float:
        """Cores that other programs used meanwhile."""
        return sum(cost.other_cores * cost.wall_seconds for cost in self.costs) / self.total


Contestant = tuple[str, Callable[[int], Outcome]]
"""Name, and what runs it with a seed."""


def parse_arguments() -> argparse.Namespace:
    """The command line, with its defaults filled in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("archive", type=Path, help="aclImdb_v1.tar.gz")
    add("--binary", type=Path, default=BINARY, help="imdb-fast [default: target/release/imdb-fast of this repository]")
    add("--seeds", type=int, default=5, metavar="N", help="everybody runs with the seeds 0 to N - 1, ensembles with those of so many more networks [default: 5]")
    add("--threads", type=int, default=0, metavar="N", help="0 is one a core [default: 0]")
    add("--only", metavar="WORD", help="only contestants whose name holds this word")
    add("--markdown", action="store_true", help="print a Markdown table")
    arguments = parser.parse_args()
    if arguments.seeds < 1:
        parser.error("--seeds: at least 1")
    for path, remedy in (
        (arguments.archive, "`imdb-fast fetch stanford` downloads it"),
        (arguments.binary, "`cargo build --release` makes it, or name another by --binary"),
    ):
        if not path.is_file():
            parser.error(f"{path} is not there; {remedy}")
    arguments.binary = arguments.binary.resolve()
    arguments.threads = arguments.threads or available_cores()
    return arguments


def run_ours(arguments: argparse.Namespace, recipe: Recipe, version: str, seed: int) -> Outcome:
    """`imdb-fast import`, `train` and `evaluate`."""
    with tempfile.TemporaryDirectory() as folder:
        dataset, run = f"{folder}/reviews.safetensors", Path(folder) / "run"
        shared = ["--quiet", "--threads", str(arguments.threads)]

        def step(command: str, *words: str, options: str = "") -> tuple[str, Cost]:
            return execute([str(arguments.binary), command, *words, *options.split(), *shared], arguments.threads)

        _, importing = step("import", str(arguments.archive), "-o", dataset, options=recipe.importing)
        first = str(seed * recipe.networks)
        _, training = step("train", dataset, "--out", str(run), "--seed", first, options=recipe.training)
        out, evaluating = step("evaluate", str(run / "model.safetensors"), dataset, "--json")
        fit_seconds = json.loads((run / "history.json").read_text())["fit_seconds"]
    accuracy, costs = json.loads(out)["accuracy"], (importing, training, evaluating)
    return Outcome(version, accuracy, importing.wall_seconds, fit_seconds, evaluating.wall_seconds, costs)


def run_peer(arguments: argparse.Namespace, peer: TextPeer, seed: int) -> Outcome:
    """A peer's program."""
    command = [sys.executable, str(HERE / peer.program), str(arguments.archive)]
    out, cost = execute([*command, "--seed", str(seed), "--threads", str(arguments.threads)], arguments.threads)
    figures = json.loads(out.splitlines()[-1])
    seconds = (figures[f"{part}_seconds"] for part in ("features", "training", "evaluating"))
    return Outcome(figures["version"], figures["accuracy"], *seconds, (cost,))


def contestants(arguments: argparse.Namespace) -> list[Contestant]:
    """imdb-fast's recipes, then the peers that are installed."""
    version = execute([str(arguments.binary), "--version"], 1)[0].split()[-1]
    field: list[Contestant] = [
        (f"imdb-fast, {recipe.name}", lambda seed, recipe=recipe: run_ours(arguments, recipe, version, seed))
        for recipe in RECIPES
    ]
    for peer in PEERS:
        if missing := [name for name in peer.modules if importlib.util.find_spec(name) is None]:
            tell(f"{peer.name} is skipped: {', '.join(missing)} not installed; see requirements.txt")
        else:
            field.append((peer.name, lambda seed, peer=peer: run_peer(arguments, peer, seed)))
    wanted = (arguments.only or "").casefold()
    chosen = [(name, run) for name, run in field if wanted in name.casefold()]
    if not chosen:
        raise SystemExit(f"--only: no name holds {arguments.only}; there are: {'; '.join(name for name, _ in field)}")
    return chosen


def table(outcomes: dict[str, list[Outcome]]) -> list[list[str]]:
    """Rows of cells, the header first: mean accuracy, median seconds."""
    rows = [["", "version", "test accuracy", "range", "features s", "training s", "evaluating s", "total s",
             "CPU s", "peak MiB"]]
    for name, of_one in outcomes.items():
        accuracies = [outcome.accuracy for outcome in of_one]
        names = "features", "training", "evaluating", "total", "cpu"
        parts = [[getattr(outcome, part) for outcome in of_one] for part in names]
        rows.append([
            name,
            of_one[0].version,
            f"{statistics.mean(accuracies):.4f}",
            f"{min(accuracies):.4f}..{max(accuracies):.4f}",
            *(f"{statistics.median(seconds):.2f}" for seconds in parts),
            f"{max(outcome.peak_bytes for outcome in of_one) / 2**20:,.0f}",
        ])
    return rows


def main() -> None:
    """Runs all and prints the table."""
    arguments = parse_arguments()
    field = contestants(arguments)
    outcomes: dict[str, list[Outcome]] = {name: [] for name, _ in field}
    for seed in range(arguments.seeds):
        for name, run in field:
            outcomes[name].append(run(seed))
            last = outcomes[name][-1]
            tell(f"run {seed + 1} of {arguments.seeds}: {name}: {last.accuracy:.4f} in {last.total:.2f} s")
    words = [Path(sys.executable).name, *sys.argv]
    print(f"{datetime.date.today()}, {cpu_model()}, {available_cores()} cores, {arguments.threads} threads, "
          f"{arguments.seeds} seeds: `{shlex.join(words)}`\n")
    print(format_table(table(outcomes), arguments.markdown), "\n", sep="")
    for name, of_one in outcomes.items():
        disturbed = sum(outcome.other_cores > DISTURBANCE for outcome in of_one)
        if disturbed:
            print(f"DISTURBED: other programs were busy during {disturbed} of {len(of_one)} runs of {name}.")


if __name__ == "__main__":
    main()

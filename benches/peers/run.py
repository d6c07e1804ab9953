#!/usr/bin/env python3
"""Runs the same job in imdb-fast, Keras, PyTorch and scikit-learn, in turn, and prints how their times compare.

Every run is a process of its own. Exits with 1 where a run fails or the results do not agree.
"""

import argparse
import datetime
import importlib.util
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
BINARY = HERE.parents[1] / "target" / "release" / "imdb-fast"

SAME_MODEL_TOLERANCE = 1e-3
"""How far accuracies of the same weights may differ by rounding."""

DISTURBANCE = 0.1
"""How much of a core other programs may use while a contestant runs."""

TICKS = 0.05
"""CPU seconds of other programs that may be none: the system counts them in hundredths, ours apart from all."""


@dataclass(frozen=True)
class Peer:
    """A framework and its program."""

    key: str
    name: str
    modules: tuple[str, ...]
    program: str
    note: str = ""


PEERS = (
    Peer("keras", "Keras", ("keras", "tensorflow"), "keras_peer.py"),
    Peer("torch", "PyTorch", ("torch",), "torch_peer.py"),
    Peer(
        "sklearn",
        "scikit-learn",
        ("sklearn", "scipy", "threadpoolctl"),
        "sklearn_peer.py",
        "has no RMSprop, so trains with Adam; cannot validate after each epoch, so does not: its accuracy is the last",
    ),
)
SHARED_MODULES = ("numpy", "safetensors")


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds from its start to its end, seconds of all cores that it used, peak resident memory, and the
    cores that other programs used meanwhile (0 where the system does not tell)."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: int
    other_cores: float

    @property
    def is_disturbed(self) -> bool:
        """Whether other programs had a part of the machine."""
        return self.other_cores > DISTURBANCE and self.other_cores * self.wall_seconds > TICKS


@dataclass(frozen=True)
class Run:
    """What a process reported, and what it took."""

    figures: dict
    cost: Cost


Contestant = tuple[str, Callable[[int], Run]]
"""Name, and what runs it with a seed."""


def parse_arguments() -> argparse.Namespace:
    """The command line, with its defaults filled in."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add = parser.add_argument
    add("dataset", type=Path, help="as `imdb-fast import` or `imdb-fast synth` makes it")
    add("--binary", type=Path, default=BINARY, help="imdb-fast [default: target/release/imdb-fast of this repository]")
    add("--predict", action="store_true", help="compare predictions of the test split by one trained model")
    add("--rounds", type=int, default=5, metavar="N", help="how often everybody runs [default: 5]")
    add("--threads", type=int, default=0, metavar="N", help="0 is one a core [default: 0]")
    add("--epochs", type=int, default=20, metavar="N", help="[default: 20]")
    add("--batch-size", type=int, default=512, metavar="N", help="reviews a step [default: 512]")
    add("--validation", type=int, default=10_000, metavar="N",
        help="the first N training reviews are held out [default: 10000]")
    add("--seed", type=int, default=0, metavar="N", help="of the first round; each has the next [default: 0]")
    add("--only", metavar="NAME,...", help=f"peers to run, of {', '.join(peer.key for peer in PEERS)} [default: all]")
    add("--tolerance", type=float, default=0.03, metavar="X",
        help="how far accuracies may differ between frameworks [default: 0.03]")
    add("--markdown", action="store_true", help="print a Markdown table")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error("--rounds: at least 1")
    if arguments.validation < 1:
        parser.error("--validation: at least 1")
    keys = [peer.key for peer in PEERS]
    arguments.only = arguments.only.split(",") if arguments.only else keys
    if unknown := set(arguments.only) - set(keys):
        parser.error(f"--only: no peer is called {', '.join(sorted(unknown))}; there are {', '.join(keys)}")
    if not arguments.binary.is_file():
        parser.error(f"{arguments.binary} is not there; `cargo build --release` makes it, or name another by --binary")
    arguments.binary = arguments.binary.resolve()
    arguments.threads = arguments.threads or available_cores()
    return arguments


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tell(text: str) -> None:
    """Progress goes to stderr."""
    print(text, file=sys.stderr, flush=True)


def busy_seconds() -> float:
    """CPU seconds that all programs have used since the system started; 0 where it does not tell."""
    try:
        user, nice, system, _idle, _iowait, irq, softirq, steal = Path("/proc/stat").read_text().split()[1:9]
    except OSError:
        return 0.0
    return sum(map(int, (user, nice, system, irq, softirq, steal))) / os.sysconf("SC_CLK_TCK")


def execute(command: list[str], threads: int) -> tuple[str, Cost]:
    """Runs a command; its stdout and what it took."""
    pools = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        busy, start = busy_seconds(), time.perf_counter()
        try:
            process = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | pools)
        except OSError as error:
            raise SystemExit(f"cannot run {command[0]}: {error}") from error
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        used = usage.ru_utime + usage.ru_stime
        others = busy_seconds() - busy - used
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if process.returncode != 0:
            raise SystemExit(f"{err.read().decode(errors='replace')}\nfailed: {shlex.join(command)}")
        unit = 1 if sys.platform == "darwin" else 1024
        return out.read().decode(), Cost(seconds, used, usage.ru_maxrss * unit, others / seconds)


def job_options(arguments: argparse.Namespace, seed: int) -> list[str]:
    """The options that imdb-fast and the peers have in common."""
    values = {
        "--threads": arguments.threads,
        "--epochs": arguments.epochs,
        "--batch-size": arguments.batch_size,
        "--validation": arguments.validation,
        "--seed": seed,
    }
    return [str(word) for pair in values.items() for word in pair]


def train_ours(arguments: argparse.Namespace, version: str, folder: Path, seed: int) -> Run:
    """`imdb-fast train`; what it took is in its history."""
    command = [str(arguments.binary), "train", str(arguments.dataset), "--out", str(folder), "--quiet"]
    _, cost = execute(command + job_options(arguments, seed), arguments.threads)
    record = json.loads((folder / "history.json").read_text())
    history = record["history"]
    figures = {
        "version": version,
        "fit_seconds": record["fit_seconds"],
        "final": {name: values[-1] for name, values in history.items()},
        "history": history,
    }
    return Run(figures, cost)


def evaluate_ours(arguments: argparse.Namespace, version: str, model: Path) -> Run:
    """`imdb-fast evaluate`; its `predict_seconds` are without the opening of files."""
    command = [str(arguments.binary), "evaluate", str(model), str(arguments.dataset), "--json"]
    out, cost = execute(command + ["--threads", str(arguments.threads)], arguments.threads)
    report = json.loads(out)
    figures = {
        "version": version,
        "reviews": report["reviews"],
        "predict_seconds": report["predict_seconds"],
        "final": {"loss": report["loss"], "accuracy": report["accuracy"]},
    }
    return Run(figures, cost)


def run_peer(arguments: argparse.Namespace, peer: Peer, model: Path | None, seed: int) -> Run:
    """A peer's program; it trains, or predicts with a model."""
    command = [sys.executable, str(HERE / peer.program), str(arguments.dataset), *job_options(arguments, seed)]
    command += ["--predict", str(model)] if model else []
    out, cost = execute(command, arguments.threads)
    return Run(json.loads(out), cost)


def installed_peers(keys: list[str]) -> list[Peer]:
    """The peers that were asked for and whose modules are there."""
    found = []
    for peer in PEERS:
        missing = [name for name in SHARED_MODULES + peer.modules if importlib.util.find_spec(name) is None]
        if peer.key in keys and missing:
            tell(f"{peer.name} is skipped: {', '.join(missing)} not installed; see requirements.txt")
        elif peer.key in keys:
            found.append(peer)
    return found


def contestants(arguments: argparse.Namespace, folder: Path) -> list[Contestant]:
    """imdb-fast first, then the peers. To compare predictions, imdb-fast trains the model for all."""
    version = execute([str(arguments.binary), "--version"], 1)[0].split()[-1]
    peers = installed_peers(arguments.only)
    model = None
    if arguments.predict:
        tell("training the model")
        train_ours(arguments, version, folder, arguments.seed)
        model = folder / "model.safetensors"

    def ours(seed: int) -> Run:
        return evaluate_ours(arguments, version, model) if model else train_ours(arguments, version, folder, seed)

    def theirs(peer: Peer) -> Contestant:
        return peer.name, lambda seed: run_peer(arguments, peer, model, seed)

    return [("imdb-fast", ours), *map(theirs, peers)]


def alternate(field: list[Contestant], rounds: int, seed: int) -> dict[str, list[Run]]:
    """Everybody runs once a round, so that a slow minute of the machine meets all."""
    runs: dict[str, list[Run]] = {name: [] for name, _ in field}
    for number in range(rounds):
        for name, run in field:
            tell(f"round {number + 1} of {rounds}: {name}")
            runs[name].append(run(seed + number))
    return runs


def best_accuracy(run: Run) -> float:
    """The best validation accuracy of all epochs, or the last where a framework knows no other."""
    figures = run.figures
    return max(figures["history"].get("val_accuracy", [figures["final"]["val_accuracy"]]))


def outliers(what: str, values: dict[str, float], tolerance: float) -> list[str]:
    """Who is farthest from the median, if the values are farther apart than they may be."""
    if not values or max(values.values()) - min(values.values()) <= tolerance:
        return []
    median = statistics.median(values.values())
    distances = {name: abs(value - median) for name, value in values.items()}
    worst = max(distances.values())
    blamed = [f"{name} {values[name]:.4f}" for name in values if distances[name] == worst]
    others = [f"{name} {values[name]:.4f}" for name in values if distances[name] < worst]
    against = f" against {', '.join(others)}" if others else ""
    return [f"{what}: {', '.join(blamed)}{against}; they may differ by {tolerance}"]


def check_training(runs: dict[str, list[Run]], tolerance: float) -> list[str]:
    """Complaints about accuracies that do not agree; medians of the rounds.

    Accuracies while an epoch goes on and the best of all epochs are compared where they exist, the last validation
    accuracy between all.
    """
    def medians(value: Callable[[Run], float], needs: str = "") -> dict[str, float]:
        return {
            name: statistics.median(map(value, of_one))
            for name, of_one in runs.items()
            if not needs or needs in of_one[0].figures["history"]
        }

    return [
        *outliers("training accuracy", medians(lambda run: run.figures["final"]["accuracy"], "accuracy"), tolerance),
        *outliers("best validation accuracy", medians(best_accuracy, "val_accuracy"), tolerance),
        *outliers("last validation accuracy", medians(lambda run: run.figures["final"]["val_accuracy"]), tolerance),
    ]


def check_predictions(runs: dict[str, list[Run]]) -> list[str]:
    """Complaints about accuracies that differ although the weights are the same.

    The losses do differ where probabilities round to 0 or 1: what the peers make of them is clipped.
    """
    accuracies = {name: of_one[0].figures["final"]["accuracy"] for name, of_one in runs.items()}
    return outliers("accuracy", accuracies, SAME_MODEL_TOLERANCE)


def seconds_text(seconds: list[float]) -> list[str]:
    """Median and range."""
    return [f"{statistics.median(seconds):.3f}", f"{min(seconds):.3f}..{max(seconds):.3f}"]


def process_text(runs: list[Run]) -> list[str]:
    """Median seconds and highest peak memory of the processes."""
    wall = statistics.median(run.cost.wall_seconds for run in runs)
    return [f"{wall:.2f}", f"{max(run.cost.peak_bytes for run in runs) / 2**20:,.0f}"]


def epoch_seconds(run: Run, epochs: int) -> float:
    """The median epoch where the framework tells, else the mean."""
    each = run.figures.get("epoch_seconds")
    return statistics.median(each) if each else run.figures["fit_seconds"] / epochs


def training_table(runs: dict[str, list[Run]], epochs: int) -> list[list[str]]:
    """Rows of cells, the header first."""
    ours = [run.figures["fit_seconds"] for run in runs["imdb-fast"]]
    table = [["", "version", "fit s", "range", "ratio", "paired", "epoch s", "best val. acc.", "process s", "peak MiB"]]
    for name, of_one in runs.items():
        fits = [run.figures["fit_seconds"] for run in of_one]
        ratio = statistics.median(fits) / statistics.median(ours)
        paired = statistics.median(fit / our for fit, our in zip(fits, ours, strict=True))
        epoch = statistics.median(epoch_seconds(run, epochs) for run in of_one)
        accuracy = statistics.median(map(best_accuracy, of_one))
        cells = [f"{ratio:.1f}", f"{paired:.1f}", f"{epoch:.4f}", f"{accuracy:.4f}"]
        table.append([name, of_one[0].figures["version"], *seconds_text(fits), *cells, *process_text(of_one)])
    return table


def prediction_table(runs: dict[str, list[Run]]) -> list[list[str]]:
    """Rows of cells, the header first."""
    table = [["", "version", "predict s", "range", "reviews/s", "ratio", "accuracy", "process s", "peak MiB"]]
    ours = statistics.median(run.figures["predict_seconds"] for run in runs["imdb-fast"])
    for name, of_one in runs.items():
        figures = of_one[0].figures
        seconds = [run.figures["predict_seconds"] for run in of_one]
        median = statistics.median(seconds)
        cells = [f"{median:.4f}", f"{min(seconds):.4f}..{max(seconds):.4f}", f"{figures['reviews'] / median:,.0f}",
                 f"{median / ours:.1f}", f"{figures['final']['accuracy']:.4f}"]
        table.append([name, figures["version"], *cells, *process_text(of_one)])
    return table


def format_table(table: list[list[str]], markdown: bool) -> str:
    """The first two columns are left-aligned, figures right-aligned."""
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]

    def line(cells: list[str]) -> str:
        columns = enumerate(zip(cells, widths, strict=True))
        padded = [cell.ljust(width) if column < 2 else cell.rjust(width) for column, (cell, width) in columns]
        return f"| {' | '.join(padded)} |" if markdown else "  ".join(padded).rstrip()

    lines = [line(row) for row in table]
    rule = ["-" * width if column < 2 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([lines[0], *([line(rule)] if markdown else []), *lines[1:]])


def cpu_model() -> str:
    """The name the system has for the CPU."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def header(arguments: argparse.Namespace) -> str:
    """When, where and how it was measured."""
    words = [Path(sys.executable).name, *sys.argv]
    return (
        f"{datetime.date.today()}, {cpu_model()}, {available_cores()} cores, {arguments.threads} threads, "
        f"medians of {arguments.rounds} rounds: `{shlex.join(words)}`"
    )


def notes(runs: dict[str, list[Run]], arguments: argparse.Namespace) -> list[str]:
    """What has to be known to read the table."""
    found = []
    if not arguments.predict:
        found += [f"{peer.name} {peer.note}." for peer in PEERS if peer.note and peer.name in runs]
    for name, of_one in runs.items():
        disturbed = sum(run.cost.is_disturbed for run in of_one)
        if disturbed:
            found.append(f"DISTURBED: other programs were busy during {disturbed} of {len(of_one)} runs of {name}.")
    return found


def main() -> int:
    """Runs all, prints the table, checks the results."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        runs = alternate(contestants(arguments, Path(folder)), arguments.rounds, arguments.seed)
    table = prediction_table(runs) if arguments.predict else training_table(runs, arguments.epochs)
    print("\n".join([header(arguments), "", format_table(table, arguments.markdown), ""]))
    for note in notes(runs, arguments):
        print(note)
    complaints = check_predictions(runs) if arguments.predict else check_training(runs, arguments.tolerance)
    for complaint in complaints:
        tell(f"the results do not agree: {complaint}")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

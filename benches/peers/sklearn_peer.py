#!/usr/bin/env python3
"""The job in scikit-learn on sparse rows, with Adam for lack of RMSprop and without validation after each epoch."""

import time
import warnings

import sklearn
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from job import (
    UNITS,
    Job,
    Reviews,
    judge,
    load_split,
    load_weights,
    parse_job,
    print_result,
    time_predictions,
    training_rows,
)


def build_model(job: Job) -> MLPClassifier:
    """The same network; it neither decays weights nor stops before the last epoch."""
    return MLPClassifier(
        hidden_layer_sizes=UNITS[:-1],
        solver="adam",
        alpha=0.0,
        batch_size=job.batch_size,
        learning_rate_init=0.001,
        max_iter=job.epochs,
        tol=0.0,
        n_iter_no_change=job.epochs + 1,
        early_stopping=False,
        random_state=job.seed,
    )


def one_batch(job: Job, reviews: Reviews) -> MLPClassifier:
    """A model that has seen a batch: everything is loaded, and it has all attributes of a fitted one."""
    rows = reviews.rows(0, min(len(reviews), job.batch_size))
    return build_model(job).partial_fit(rows.csr(), rows.labels, classes=[0, 1])


def train(job: Job) -> dict[str, object]:
    """Times `fit`."""
    trained_on, held_out = training_rows(job)
    start = time.perf_counter()
    x, x_val = trained_on.csr(), held_out.csr()
    prepare_seconds = time.perf_counter() - start
    one_batch(job, trained_on)

    model = build_model(job)
    start = time.perf_counter()
    model.fit(x, trained_on.labels)
    fit_seconds = time.perf_counter() - start
    if model.n_iter_ != job.epochs:
        raise SystemExit(f"scikit-learn stopped after {model.n_iter_} of {job.epochs} epochs")
    trained = judge(model.predict_proba(x)[:, 1], trained_on.labels)
    validated = judge(model.predict_proba(x_val)[:, 1], held_out.labels)
    final = trained | {f"val_{name}": value for name, value in validated.items()}
    history = {"loss": [float(loss) for loss in model.loss_curve_]}
    return {"prepare_seconds": prepare_seconds, "fit_seconds": fit_seconds, "final": final, "history": history}


def predict(job: Job) -> dict[str, object]:
    """Times `predict_proba` on the test split."""
    reviews = load_split(job.dataset, "test")
    start = time.perf_counter()
    x = reviews.csr()
    prepare_seconds = time.perf_counter() - start
    model = one_batch(job, reviews)
    weights = load_weights(job.predict)
    model.coefs_, model.intercepts_ = weights[0::2], weights[1::2]
    figures = time_predictions(lambda: model.predict_proba(x)[:, 1], reviews.labels)
    return {"prepare_seconds": prepare_seconds} | figures


def main() -> None:
    """Does what the arguments say."""
    job = parse_job(__doc__)
    warnings.simplefilter("ignore", ConvergenceWarning)  # the job ends after so many epochs, converged or not
    with threadpool_limits(job.threads):
        figures = predict(job) if job.predict else train(job)
    print_result(job, "scikit-learn", sklearn.__version__, figures)


if __name__ == "__main__":
    main()

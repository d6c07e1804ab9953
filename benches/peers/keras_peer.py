#!/usr/bin/env python3
"""The job in Keras on TensorFlow, as the book does it: dense rows of zeros and ones, `compile`, `fit`."""

import os
import time

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402  (reads the environment)
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from job import (  # noqa: E402
    UNITS,
    Job,
    load_split,
    load_weights,
    parse_job,
    print_result,
    time_predictions,
    training_figures,
    training_rows,
)

def build_model(features: int) -> keras.Model:
    """The book's network, compiled."""
    hidden = [keras.layers.Dense(units, activation="relu") for units in UNITS[:-1]]
    output = keras.layers.Dense(UNITS[-1], activation="sigmoid")
    model = keras.Sequential([keras.Input((features,)), *hidden, output])
    # The defaults of "rmsprop" are the job's: learning rate 0.001, rho 0.9, epsilon 1e-7.
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    return model


def use_threads(count: int) -> None:
    """Limits both pools, on the CPU alone."""
    tf.config.set_visible_devices([], "GPU")
    tf.config.threading.set_intra_op_parallelism_threads(count)
    tf.config.threading.set_inter_op_parallelism_threads(count)


def train(job: Job) -> dict[str, object]:
    """Times `fit`."""
    trained_on, held_out = training_rows(job)
    start = time.perf_counter()
    x, y = trained_on.multi_hot(), trained_on.labels.astype(np.float32)
    x_val, y_val = held_out.multi_hot(), held_out.labels.astype(np.float32)
    prepare_seconds = time.perf_counter() - start

    first = slice(0, job.batch_size)
    warm_up = build_model(trained_on.features)
    warm_up.fit(x[first], y[first], batch_size=job.batch_size, validation_data=(x_val[first], y_val[first]), verbose=0)

    keras.utils.set_random_seed(job.seed)
    model = build_model(trained_on.features)
    times = [time.perf_counter()]
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: times.append(time.perf_counter()))
    fitted = model.fit(
        x, y, epochs=job.epochs, batch_size=job.batch_size, validation_data=(x_val, y_val), verbose=0, callbacks=[clock]
    )
    fit_seconds = time.perf_counter() - times[0]
    history = {name: [float(value) for value in values] for name, values in fitted.history.items()}
    return training_figures(prepare_seconds, fit_seconds, history, times)


def predict(job: Job) -> dict[str, object]:
    """Times predictions of the test split as one batch, the fastest way: `predict` would copy the rows first."""
    reviews = load_split(job.dataset, "test")
    start = time.perf_counter()
    x = tf.constant(reviews.multi_hot())
    prepare_seconds = time.perf_counter() - start
    model = build_model(reviews.features)
    model.set_weights(load_weights(job.predict))
    figures = time_predictions(lambda: model.predict_on_batch(x), reviews.labels)
    return {"prepare_seconds": prepare_seconds} | figures


def main() -> None:
    """Does what the arguments say."""
    job = parse_job(__doc__)
    use_threads(job.threads)
    figures = predict(job) if job.predict else train(job)
    print_result(job, "Keras", f"{keras.__version__} (TensorFlow {tf.__version__})", figures)


if __name__ == "__main__":
    main()

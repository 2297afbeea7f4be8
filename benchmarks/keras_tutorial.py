"""The convolutional network of Keras' tutorial for CIFAR-10, trained for a given time. Runs without seehear.

https://www.tensorflow.org/tutorials/images/cnn: its layers, optimiser, loss and batches; epochs until the time is up.
python keras_tutorial.py PICTURES.npz SECONDS; prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf  # type: ignore[import-untyped, import-not-found, unused-ignore]

keras, layers = tf.keras, tf.keras.layers


class UntilTimeIsUp(tf.keras.callbacks.Callback):  # type: ignore[misc]
    """Stops within an epoch when the time is up; keeps the accuracy after each complete epoch."""

    def __init__(self, seconds: float, test: tuple[Any, Any]) -> None:
        super().__init__()
        self.end_s, self.test = time.monotonic() + seconds, test
        self.accuracies: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if time.monotonic() > self.end_s:
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Testing does not count towards the time."""
        started_s = time.monotonic()
        self.accuracies.append(float(self.model.evaluate(*self.test, batch_size=256, verbose=0)[1]))
        self.end_s += time.monotonic() - started_s


def network() -> Any:
    model = keras.models.Sequential()
    model.add(layers.Input((32, 32, 3)))
    model.add(layers.Conv2D(32, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.MaxPooling2D((2, 2)))
    model.add(layers.Conv2D(64, (3, 3), activation="relu"))
    model.add(layers.Flatten())
    model.add(layers.Dense(64, activation="relu"))
    model.add(layers.Dense(10))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


def main(pictures: str, seconds: float) -> None:
    sets = np.load(pictures)
    train = sets["train_images"] / np.float32(255), sets["train_labels"]
    until = UntilTimeIsUp(seconds, (sets["test_images"] / np.float32(255), sets["test_labels"]))
    network().fit(*train, epochs=10_000, callbacks=[until], verbose=0)
    print(json.dumps({"accuracies": until.accuracies}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))

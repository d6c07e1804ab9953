import keras
import numpy as np

features, hidden = 10_000, [(16, "relu"), (16, "relu")]
model = keras.Sequential([keras.Input((features,))])
for units, activation in hidden:
    is_prelu = activation == "prelu"  # in Keras a layer of its own
    model.add(keras.layers.Dense(units, activation=None if is_prelu else activation))
    if is_prelu:
        model.add(keras.layers.PReLU())
model.add(keras.layers.Dense(1, activation="sigmoid"))
model.set_weights(list(np.load("weights.npz").values()))

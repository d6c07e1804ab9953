import keras
import numpy as np

features, hidden, dim, max_len, mask = 10_000, [(16, "relu")], 16, 256, False
model = keras.Sequential([
    keras.Input((max_len,), dtype="int32"),  # keras.utils.pad_sequences(ids, max_len)
    keras.layers.Embedding(features, dim, mask_zero=mask),
    keras.layers.GlobalAveragePooling1D(),
])
for units, activation in [*hidden, (1, "sigmoid")]:  # "prelu" would be a layer of its own
    model.add(keras.layers.Dense(units, activation=activation))
model.set_weights(list(np.load("weights.npz").values()))

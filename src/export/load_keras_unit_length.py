import keras
import numpy as np

class UnitLength(keras.layers.Dense):  # a Dense layer of reviews that are scaled to length 1
    def build(self, input_shape):
        super().build(input_shape)
        self.squares = self.add_weight(shape=(input_shape[-1], 1), name="squares")

    def call(self, inputs):
        tiny = np.finfo("float32").tiny
        squares = keras.ops.maximum(keras.ops.matmul(inputs, self.squares), tiny)
        z = keras.ops.matmul(inputs, self.kernel) / keras.ops.sqrt(squares) + self.bias
        return self.activation(z)

features, hidden = 10_000, [(16, "relu"), (16, "relu")]
model = keras.Sequential([keras.Input((features,))])
for units, activation in [*hidden, (1, "sigmoid")]:  # "prelu" would be a layer of its own
    layer = keras.layers.Dense if model.layers else UnitLength
    model.add(layer(units, activation=activation))
model.set_weights(list(np.load("weights.npz").values()))

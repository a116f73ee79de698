"""T2's convolutional network in Keras: two convolutions with pooling, two layers behind them, Adam."""

import keras
from keras import layers

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t2_cnn")
x_train, x_test = lesson.x_train.reshape(-1, 28, 28, 1), lesson.x_test.reshape(-1, 28, 28, 1)


class Losses(keras.callbacks.Callback):
    """Each batch's own loss: Keras reports the mean over the epoch so far."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        lesson.step(logs["loss"])


model = keras.Sequential([
    keras.Input((28, 28, 1)),
    layers.Conv2D(16, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(),
    layers.Conv2D(32, 3, padding="same", activation="relu"),
    layers.MaxPooling2D(),
    layers.Permute((3, 1, 2)),  # Keras keeps the channels last; the weights behind are for channels first
    layers.Flatten(),
    layers.Dense(128, activation="relu"),
    layers.Dense(10),
])  # fmt: skip
model.set_weights([w.transpose(2, 3, 1, 0) if w.ndim == 4 else w.T for w in lesson.weights])
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-8),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x_train, lesson.y_train, batch_size=64, epochs=lesson.epochs, shuffle=False, verbose=0, callbacks=[Losses()])

_, accuracy = model.evaluate(x_test, lesson.y_test, verbose=0)
lesson.done(accuracy, [w.transpose(3, 2, 0, 1) if w.ndim == 4 else w.T for w in model.get_weights()])

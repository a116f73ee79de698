"""T2 in Keras: 784 → 10 → 10, ReLU and softmax, gradient descent on all the images at once."""

import keras
from keras import layers

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t2")


class Losses(keras.callbacks.Callback):
    """Each batch's own loss: Keras reports the mean over the epoch so far."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        lesson.step(logs["loss"])


model = keras.Sequential([keras.Input((784,)), layers.Dense(10, activation="relu"), layers.Dense(10)])
model.set_weights([initial.T for initial in lesson.weights])
model.compile(
    optimizer=keras.optimizers.SGD(learning_rate=0.1),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(
    lesson.x_train, lesson.y_train, batch_size=len(lesson.x_train), epochs=lesson.epochs, shuffle=False, verbose=0,
    callbacks=[Losses()],
)  # fmt: skip

_, accuracy = model.evaluate(lesson.x_test, lesson.y_test, verbose=0)
lesson.done(accuracy, [weight.T for weight in model.get_weights()])

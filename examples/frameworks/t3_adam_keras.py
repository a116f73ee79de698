"""T3's network in Keras with what a framework brings: batch normalization, clipped gradients, Adam."""

import keras
from keras import layers

from tinygrad_mnist.frameworks import Lesson

lesson = Lesson("t3_adam")


class Losses(keras.callbacks.Callback):
    """Each batch's own loss: Keras reports the mean over the epoch so far."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()

    def on_train_batch_end(self, batch, logs=None):
        lesson.step(logs["loss"])


model = keras.Sequential([
    keras.Input((784,)),
    layers.Dense(10, use_bias=False),
    layers.BatchNormalization(momentum=0.9, epsilon=1e-5),
    layers.ReLU(),
    layers.Dense(10),
])  # fmt: skip
for variable, initial in zip(model.trainable_variables, lesson.weights):
    variable.assign(initial.T)
model.compile(
    optimizer=keras.optimizers.Adam(learning_rate=1e-3, epsilon=1e-8, global_clipnorm=1.0),
    loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(
    lesson.x_train, lesson.y_train, batch_size=128, epochs=lesson.epochs, shuffle=False, verbose=0,
    callbacks=[Losses()],
)  # fmt: skip

_, accuracy = model.evaluate(lesson.x_test, lesson.y_test, verbose=0)
lesson.done(accuracy, [keras.ops.convert_to_numpy(variable).T for variable in model.trainable_variables])

"""A first epoch on real MNIST, as the command line trains."""

from tinygrad_mnist import data, nn, training


def test_one_epoch_on_a_part_of_mnist_reads_most_digits(mnist_folder):
    mnist = data.load(mnist_folder)
    train, validation = mnist.train[:10_000], mnist.train[10_000:11_000]
    model = nn.MLP((784, 128, 64, 10), seed=0)
    optimizer = nn.SGD(model.parameters(), lr=0.05, momentum=0.9)
    schedule = nn.schedules.InverseTimeLR(optimizer, 1e-3)
    training.fit(model, (train, validation), optimizer, epochs=1, batch_size=64, seed=0, schedule=schedule)
    assert training.evaluate(model, mnist.test) > 0.9

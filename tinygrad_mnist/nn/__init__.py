"""Models as expressions of tensors: layers, losses, initialisation, optimizers and their schedules."""

from tinygrad_mnist.nn import functional, init, schedules
from tinygrad_mnist.nn.activations import (
    ACTIVATIONS,
    ELU,
    GELU,
    Identity,
    LeakyReLU,
    LogSoftmax,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from tinygrad_mnist.nn.architecture import count_products, count_weights, network, parse_layers
from tinygrad_mnist.nn.average import ExponentialMovingAverage
from tinygrad_mnist.nn.clip import clip_grad_norm_, clip_grad_value_, max_norm_
from tinygrad_mnist.nn.convolutions import AdaptiveAvgPool2d, AvgPool2d, Conv2d, ConvTranspose2d, MaxPool2d
from tinygrad_mnist.nn.functional import (
    accuracy,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cross_entropy,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    nll_loss,
    one_hot,
    smooth_l1_loss,
)
from tinygrad_mnist.nn.init import INITIALISERS
from tinygrad_mnist.nn.layers import (
    BatchNorm1d,
    BatchNorm2d,
    Dropout,
    Flatten,
    GroupNorm,
    LayerNorm,
    Linear,
    Sequential,
    Unflatten,
)
from tinygrad_mnist.nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from tinygrad_mnist.nn.mlp import MLP
from tinygrad_mnist.nn.module import Module
from tinygrad_mnist.nn.optim import SGD, Adam, AdamW, Optimizer, RMSprop
from tinygrad_mnist.nn.random import get_rng_state, manual_seed, set_rng_state

"""What the source of an operation calls that NumPy lacks: functions, written once above it."""

HELPERS = {
    "sigmoid": '''\
def sigmoid(x):
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x > 0, 1, small) / (1 + small)
''',
    "logsumexp": '''\
def logsumexp(x, axis=None, keepdims=False):
    """log Σ exp(x), the maximum subtracted first, so that exp can't overflow."""
    top = x.max(axis=axis, keepdims=True)
    total = np.log(np.exp(x - top).sum(axis=axis, keepdims=True)) + top
    return total if keepdims else total.squeeze(axis)
''',
    "log_softmax": '''\
def log_softmax(z, axis=-1):
    """z - log Σ exp(z), the maximum subtracted first, so that exp can't overflow."""
    shifted = z - z.max(axis=axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=axis, keepdims=True))
''',
    "softmax": '''\
def softmax(z, axis=-1):
    """exp(z) / Σ exp(z), the maximum subtracted first, so that exp can't overflow."""
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)
''',
    "scatter_add": '''\
def scatter_add(x, index, shape):
    """Zeros of a shape, with x added at the index; repeated indices add up."""
    out = np.zeros(shape)
    np.add.at(out, index, x)
    return out
''',
    "erf": '''\
def erf(x):
    """2/√π ∫ exp(-t²) dt from 0 to x, number by number: NumPy has none."""
    from math import erf as erf_of_a_number

    return np.vectorize(erf_of_a_number, otypes=[float])(x)
''',
    "patches": '''\
def patches(x, kernel, stride, padding, dilation):
    """A row for each window of images (batch, channels, height, width): the numbers in order (*kernel, channels)."""
    frame = [(0, 0), (0, 0), *((p, p) for p in padding)]
    over = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(x, frame), over, axis=(2, 3))
    windows = windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]].transpose(0, 2, 3, 4, 5, 1)
    return windows.reshape(-1, kernel[0] * kernel[1] * x.shape[1])
''',
    "fold": '''\
def fold(rows, shape, kernel, stride, padding, dilation):
    """Images of a shape, to which every row of patches is added where it was taken from."""
    n, channels, *size = shape
    framed = np.zeros((n, channels, size[0] + 2 * padding[0], size[1] + 2 * padding[1]))
    over = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    counts = [(length - m) // s + 1 for length, m, s in zip(framed.shape[2:], over, stride)]
    windows = rows.reshape(n, *counts, *kernel, channels).transpose(4, 3, 0, 5, 1, 2)
    for i, j in np.ndindex(*kernel):
        spans = zip((i, j), dilation, stride, counts)
        down, across = (slice(at * d, at * d + s * c - s + 1, s) for at, d, s, c in spans)
        framed[:, :, down, across] += windows[j, i]
    return framed[:, :, padding[0] : padding[0] + size[0], padding[1] : padding[1] + size[1]]
''',
    "max_pool": '''\
def max_pool(x, kernel, stride, padding, dilation):
    """The maximum of each window of images (batch, channels, height, width)."""
    framed = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=-np.inf)
    over = [d * (k - 1) + 1 for k, d in zip(kernel, dilation)]
    windows = np.lib.stride_tricks.sliding_window_view(framed, over, axis=(2, 3))
    return windows[:, :, :: stride[0], :: stride[1], :: dilation[0], :: dilation[1]].max(axis=(4, 5))
''',
    "unpool": '''\
def unpool(g, x, top, kernel, stride, padding, dilation):
    """Images like x, to which every window adds its g, shared equally among the places where x is at its top."""
    framed = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)], constant_values=-np.inf)
    out, ties = np.zeros(framed.shape), np.zeros(top.shape)
    places = []
    for i, j in np.ndindex(*kernel):
        spans = zip((i, j), dilation, stride, top.shape[2:])
        down, across = (slice(at * d, at * d + s * c - s + 1, s) for at, d, s, c in spans)
        places.append((slice(None), slice(None), down, across))
        ties += framed[places[-1]] == top
    for place in places:
        out[place] += g / ties * (framed[place] == top)
    return out[:, :, padding[0] : padding[0] + x.shape[2], padding[1] : padding[1] + x.shape[3]]
''',
}
"""Their source by their names."""

"""What an array is in backprop, told by the name that a learner gives it.

A role is "X", "Y", "m", "W1", "b1", "z1", "a1", … with the layer behind it ("L": the last one; "": not said), a
container ("parameters", "cache"), or a setting ("rate", "l2", …).
"""

from __future__ import annotations

import re

LAYERED = {
    "W": ("w", "weight", "weights", "wt", "theta"),
    "b": ("b", "bias", "biases", "bs"),
    "z": ("z", "zs", "s", "preactivation", "preactivations", "u", "net"),
    "a": ("a", "h", "act", "activation", "activations", "hidden", "layer", "as", "o"),
}
"""Names that are followed by a layer; in lower case and without underscores, as all here."""

PLAIN = {
    "X": ("x", "xbatch", "xtrain", "inputs", "input", "images", "data", "xb", "features", "inp", "batchx", "xs",
          "image", "img", "imgs", "pixels", "sample", "samples", "example"),
    "Y": (
        "y", "ybatch", "ytrain", "ytrue", "yonehot", "onehoty", "labels", "label", "targets", "target", "t", "yb",
        "onehot", "onehotlabels", "onehotlabel", "yoh", "groundtruth", "batchy", "truth", "ys", "yenc", "yencoded",
    ),
    "aL": (
        "yhat", "yhats", "probs", "prob", "probabilities", "output", "outputs", "ypred", "pred", "preds", "prediction",
        "predictions", "al", "p", "out", "softmaxout", "softmaxoutput", "aout", "aoutput", "ao", "finaloutput", "yh",
        "outputlayer", "softmaxprobs", "finaloutputs", "o",
    ),
    "zL": ("logits", "scores", "logit", "zl", "zout", "zoutput", "zo"),
    "a1": ("h", "hidden", "hiddenlayer", "hiddenoutput", "hiddenoutputs", "ahidden", "ah", "hiddenact", "hout",
           "hiddenactivation", "hiddenactivations", "hiddenlayeroutput", "hiddenout"),
    "z1": ("zhidden", "zh", "hiddeninput", "hiddeninputs"),
    "parameters": ("parameters", "params", "param", "model", "theta", "network", "nn", "net", "weightsandbiases",
                   "paramsdict", "wb", "ps"),
    "cache": ("cache", "caches", "forwardcache", "memory", "intermediates", "cached", "forwardvalues", "fwd", "forward",
              "forwardpass", "values", "store", "history", "forwardoutput", "forwardoutputs", "ctx", "state"),
    "m": ("m", "batchsize", "nsamples", "numexamples", "nexamples", "numsamples", "n", "bs", "msize", "samples"),
    "classes": ("numclasses", "nclasses", "classes", "k", "numlabels"),
    "rate": ("lr", "learningrate", "alpha", "eta", "rate", "stepsize", "lrate", "learnrate"),
    "l2": ("lambd", "lambda", "lam", "reg", "l2", "reglambda", "weightdecay", "lmbda", "lmbd", "regularization",
           "regstrength", "l2reg", "l2lambda", "decay", "wd", "lambdareg", "lambda2"),
    "sizes": ("sizes", "layers", "layersizes", "layerdims", "dims", "layersdims", "layerssizes", "architecture",
              "numneuronslist", "neuronslist", "sizeslist", "layerslist", "layerconfig", "layerunits", "topology",
              "layerdimensions", "nnarchitecture", "structure", "shape", "units", "neurons"),
    "n0": ("nin", "nx", "inputsize", "inputdim", "ninput", "ninputs", "inputnodes", "inputs", "numinputs", "din",
           "infeatures", "nfeatures", "inputlayer", "insize", "d", "indim", "inputlayersize", "numfeatures", "inodes",
           "features", "inputneurons", "inputunits"),
    "n1": ("nhidden", "nh", "hiddensize", "hiddendim", "hidden", "hiddennodes", "numhidden", "hiddenunits", "h",
           "hiddenlayer", "hiddenlayersize", "hnodes", "hiddens", "hiddenneurons", "nhiddens", "hid"),
    "nL": ("nout", "ny", "outputsize", "outputdim", "noutput", "noutputs", "outputnodes", "outputs", "numoutputs",
           "dout", "outfeatures", "outsize", "outdim", "outputlayer", "onodes", "outputneurons", "outputlayersize",
           "outputunits", "output", "out", "numclasses", "nclasses", "classes", "o", "k"),
    "keep": ("keepprob", "keepprobability"),
    "flag": ("verbose", "debug", "printcost", "printloss", "print", "plot", "log", "training", "istraining", "dropout"),
    "seed": ("seed", "randomseed", "randomstate"),
}  # fmt: skip
"""Names that stand alone."""

SIZES = ("sizes", "n0", "n1", "nL")
"""Roles that only a constructor's parameters have."""

HIDDEN = {"h", "hidden", "i", "ih", "in", "input", "inputhidden", "xh", "first", "inputtohidden", "hid"}
LAST = {"o", "out", "output", "ho", "hiddenoutput", "hy", "y", "last", "hiddentooutput", "l", "final"}
"""Endings that stand for a layer in words."""

_GRADIENT = re.compile(
    r"^(?:d(?:l|j|c|e|loss|cost|error)?d?|grads?|gradients?|gradof|g|nabla|delta|delnabla|totald|sumd|gr)"
    r"(?P<kind>weights?|biases|bias|w|b)s?(?P<layer>.*)$"
    r"|^(?P<named>weights?|biases|bias|w|b)s?(?P<at>.*?)(?:grads?|gradients?|deltas?|d)$"
)
_GRADIENTS = re.compile(r"^(?:d|g|grads?|gradients?|nabla|derivatives?|derivs?|deltas?)$|grads?$|gradients?$")
_ERROR = re.compile(r"^(?:d|delta|error|grad)(?:z|a|h|out|s|y|o|x|layer|hidden|output|relu|loss)?(?:prev|next|l)?\d*$")


def plain(name: str) -> str:
    """A name as they are compared."""
    return name.casefold().replace("_", "").replace("ŷ", "yhat").replace("ˆ", "hat")


def layer_of(ending: str) -> str | None:
    """The layer that an ending says: a number, "L", "" for none; None for what is no ending of a layer."""
    if ending in HIDDEN:
        return "1"
    if ending in LAST:
        return "L"
    return ending if not ending or ending.isdigit() else None


def role_of(name: str, constructing: bool = False) -> str | None:
    """What a parameter of this name is, as far as names go."""
    short = plain(name)
    for role, names in reversed(PLAIN.items()) if constructing else PLAIN.items():
        if short in names and (constructing or role not in SIZES):
            return role
    if constructing:
        number = re.fullmatch(r"(?:n|h|nh|hidden|hiddensize|nhidden|hiddendim|hiddenlayer|layer|size|dim)(\d)", short)
        return number and f"n{number[1]}"
    for kind, names in LAYERED.items():
        for start in sorted(names, key=len, reverse=True):
            layer = layer_of(short[len(start) :]) if short.startswith(start) else None
            if layer is not None:
                return f"{kind}{layer}"
    return "partial" if _ERROR.match(short) else None


def gradient_of(name: str) -> tuple[str, str] | None:
    """Whether a name is that of a gradient: "W" or "b", and the layer as `layer_of` says it."""
    found = _GRADIENT.match(plain(name))
    if not found:
        return None
    kind, ending = (found["kind"], found["layer"]) if found["kind"] else (found["named"], found["at"])
    layer = layer_of(ending)
    return None if layer is None else ("b" if kind.startswith("b") else "W", layer)


def holds_gradients(name: str) -> bool:
    """Whether a name says that what is inside are gradients, whatever they are called there."""
    return bool(_GRADIENTS.search(plain(name)))


def arguments(depth: int) -> list[str]:
    """What a function of so many layers takes: X, Y, W1, b1, …"""
    return ["X", "Y", *parameters(depth)]


def parameters(depth: int) -> list[str]:
    """W1, b1, W2, b2, …"""
    return [f"{p}{l}" for l in range(1, depth + 1) for p in "Wb"]


def at_depth(role: str, depth: int, first: int = 1) -> str:
    """A role with its layer as a number from 1, where the learner's first layer is `first`."""
    if role.endswith("L"):
        return f"{role[:-1]}{depth}"
    if role[:1] in "Wbza" and role[1:].isdigit():
        layer = int(role[1:]) + 1 - first
        return "X" if role[0] == "a" and layer == 0 else f"{role[0]}{layer}"
    return role

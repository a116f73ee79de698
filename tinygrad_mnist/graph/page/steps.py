"""The steps of the page: the forward pass, then the backward pass, each with a sentence and its numbers."""

from __future__ import annotations

from collections import Counter

from tinygrad_mnist.graph.page import words
from tinygrad_mnist.graph.page.gathering import Account, Gathering, equation
from tinygrad_mnist.graph.playback import Share, Step


def steps(page: Gathering) -> list[Account]:
    """All steps, in order."""
    return [*_forward(page), *_backward(page)]


def _forward(page: Gathering) -> list[Account]:
    leaves = [vertex for vertex in page.shown.values() if not vertex.op]
    steps = [_step("given", None, words.given(len(leaves)))]
    for vertex in page.graph.operations:
        operands = page.graph.operands(vertex.key)
        sentence = words.forward(
            str(vertex.op), page.names[vertex.key], [page.names[key] for key in operands],
            [page.graph.value(key) for key in operands], page.graph.value(vertex.key),
        )  # fmt: skip
        steps.append(_step("forward", vertex.key, sentence))
    return steps


def _backward(page: Gathering) -> list[Account]:
    output, parameters = page.shown[page.output], sum(v.kind == "parameter" for v in page.shown.values())
    begin = _step("start", page.output, words.start(page.names[page.output], output.shape))
    end = _step("done", None, words.summary(page.names[page.output], parameters))
    seen: Counter[str] = Counter()
    return [begin, *(_step_back(page, step, seen) for step in page.played), end]


def _step_back(page: Gathering, step: Step, seen: Counter[str]) -> Account:
    key = page.graph.key(step.node)
    shares = []
    for share in step.shares:
        seen[page.graph.key(share.node)] += 1
        shares.append(_share(page, step, share, seen[page.graph.key(share.node)]))
    sentence = " ".join(dict.fromkeys(text for share in shares for text in share["sentences"]))
    return _step("backward", key, sentence) | {"cameIn": page.storage.add(step.cotangent), "shares": shares}


def _share(page: Gathering, step: Step, share: Share, number: int) -> Account:
    key, to = page.graph.key(step.node), page.graph.key(share.node)
    name, op = page.names[to], str(page.shown[key].op)
    operands = [page.named[x] for x in page.graph.operands(key)]
    shapes = [page.graph.value(x).shape for x in page.graph.operands(key)]
    rule = page.rules.formula(step.node, share.position, page.partial(key), page.named[key], operands)
    gradient = f"∂{page.names[page.output]}/∂{page.names[key]}"
    sentences = [
        words.backward(op, name, page.graph.value(to), [x.text for x in operands], step.cotangent),
        words.unbroadcast(op, name, share.axes, share.raw.shape, gradient) if share.axes else "",
        words.accumulated(name, number, page.uses[to]),
    ]
    return {
        "to": to,
        "position": share.position,
        "raw": page.storage.add(share.raw) if share.axes else None,
        "axes": list(share.axes),
        "formula": None if rule is None else equation(page.partial(to).latex, rule),
        "note": words.shapes(op, name, share.position, shapes, step.cotangent.shape),
        "contribution": page.storage.add(share.contribution),
        "total": page.storage.add(share.total),
        "number": number,
        "sentences": [text for text in sentences if text],
    }


def _step(phase: str, key: str | None, sentence: str) -> Account:
    return {"phase": phase, "node": key, "sentence": sentence, "shares": []}

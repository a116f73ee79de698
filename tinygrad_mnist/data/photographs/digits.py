"""Which strokes make up a digit, which are none of its, and what makes one doubt."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tinygrad_mnist.data.arrays import Array

SMALLEST, SMALLEST_ON_LINES = 0.02, 0.06
"""Of the longer side: what is smaller is a speck, or, on a ruled sheet, what is left of its lines."""

MOST = 20
"""Digits in a picture; more marks are a page of text, or no writing at all."""


APART, BROKEN = 0.12, 0.06
"""Of a digit's size: how far apart its parts lie at most, and those that stand side by side, as two digits do."""

OVERLAPPING = 0.15
"""Of the narrower part's width: how much of it stands above or below the other one at least."""


THINNEST = 0.35
"""Of the broadest digit's strokes: two digits of different hands and pens in MNIST differ by less."""


@dataclass(frozen=True)
class Found:
    """Where a digit lies, as slices of rows and columns, its strokes within it, and what speaks against it."""

    place: tuple[slice, slice]
    strokes: Array
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Mark:
    """A connected stroke: its label, its box and how many pixels it has."""

    label: int
    top: int
    bottom: int
    left: int
    right: int
    area: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def size(self) -> int:
        return max(self.height, self.width)


def digits(mask: Array, smallest: float = SMALLEST) -> list[Found]:
    """The digits in a mask of strokes, in the order in which they are read: by lines, from left to right."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    boxes = ndimage.find_objects(labels)
    areas = np.bincount(labels.ravel())
    marks = [
        _Mark(i + 1, rows.start, rows.stop, columns.start, columns.stop, int(areas[i + 1]))
        for i, (rows, columns) in enumerate(boxes)
    ]
    marks = [mark for mark in marks if not _belongs_to_the_edge(mark, mask.shape)]
    if not marks:
        return []
    largest = max(mark.size for mark in marks)
    if largest < smallest * max(mask.shape):
        return []
    seeds = [mark for mark in marks if _is_digit_sized(mark, largest)]
    groups = _joined([[seed] for seed in seeds])
    parts = [mark for mark in marks if mark not in seeds and mark.size >= 0.1 * largest]
    alone = [mark for mark in parts if not _attach(mark, groups)]
    broken = [group for group in _joined([[mark] for mark in alone]) if _is_digit_sized(_box(group), largest)]
    return _compared([_found(labels, group, mask.shape) for group in _in_reading_order(groups + broken)])


def _is_digit_sized(mark: _Mark, largest: int) -> bool:
    """Whether it is large enough for a digit beside the largest mark, and no hairline."""
    return mark.size > 0.45 * largest and mark.area > 1.5 * mark.size


def _belongs_to_the_edge(mark: _Mark, shape: tuple[int, ...]) -> bool:
    """Whether a mark is what lies around the paper: it runs along the picture's edge, or around all."""
    height, width = shape
    sides = (mark.top == 0) + (mark.bottom == height) + (mark.left == 0) + (mark.right == width)
    long = mark.height > 0.5 * height or mark.width > 0.5 * width
    flat = mark.height < 0.08 * height or mark.width < 0.08 * width
    return sides > 1 or (sides == 1 and (long or flat)) or (long and mark.area < 0.02 * mark.height * mark.width)


def _joined(groups: list[list[_Mark]]) -> list[list[_Mark]]:
    """Groups of marks, those in one where they overlap: parts of a broken digit stand above each other."""
    for i, first in enumerate(groups):
        for second in groups[i + 1 :]:
            if _are_one(_box(first), _box(second)):
                rest = [group for group in groups if group is not first and group is not second]
                return _joined([*rest, first + second])
    return groups


def _are_one(a: _Mark, b: _Mark) -> bool:
    across = min(a.right, b.right) - max(a.left, b.left)
    down = min(a.bottom, b.bottom) - max(a.top, b.top)
    narrow, low = min(a.width, b.width), min(a.height, b.height)
    size = max(a.size, b.size)
    are_side_by_side = down > 0.5 * low
    return across > -BROKEN * size if are_side_by_side else across > OVERLAPPING * narrow and down > -APART * size


def _attach(mark: _Mark, groups: list[list[_Mark]]) -> bool:
    """Add a small mark to the digit that it is a part of, where there is one: what is far from all is of none."""
    for group in groups:
        box = _box(group)
        across = max(mark.left - box.right, box.left - mark.right)
        down = max(mark.top - box.bottom, box.top - mark.bottom)
        if max(across, down) < APART * box.size:
            group.append(mark)
            return True
    return False


def _box(group: list[_Mark]) -> _Mark:
    return _Mark(
        0,
        min(mark.top for mark in group),
        max(mark.bottom for mark in group),
        min(mark.left for mark in group),
        max(mark.right for mark in group),
        sum(mark.area for mark in group),
    )


def _in_reading_order(groups: list[list[_Mark]]) -> list[list[_Mark]]:
    """From left to right; by lines where some stand above others."""
    by_left = sorted(groups, key=lambda group: _box(group).left)
    if all(_box(a).right <= _box(b).left for a, b in zip(by_left, by_left[1:], strict=False)):
        return by_left
    lines: list[list[list[_Mark]]] = []
    for group in sorted(groups, key=lambda group: _box(group).top):
        box = _box(group)
        middle = (box.top + box.bottom) / 2
        beside = next((line for line in lines if _box(line[0]).top < middle < _box(line[0]).bottom), None)
        if beside is None:
            lines.append([group])
        else:
            beside.append(group)
    return [group for line in lines for group in sorted(line, key=lambda group: _box(group).left)]


def _found(labels: Array, group: list[_Mark], shape: tuple[int, ...]) -> Found:
    box = _box(group)
    place = slice(box.top, box.bottom), slice(box.left, box.right)
    strokes = np.isin(labels[place], [mark.label for mark in group])
    return Found(place, strokes, tuple(_doubts(box, strokes, shape)))


def _compared(found: list[Found]) -> list[Found]:
    """With a doubt about those whose strokes are much thinner than the others': one pen writes a number."""
    from scipy import ndimage

    widths = [ndimage.distance_transform_cdt(np.pad(each.strokes, 1)).max() for each in found]
    least = THINNEST * max(widths)
    thin = ("its strokes are much thinner than those beside it",)
    return [
        replace(each, doubts=each.doubts + thin) if width < least else each
        for each, width in zip(found, widths, strict=True)
    ]


def _doubts(box: _Mark, strokes: Array, shape: tuple[int, ...]) -> list[str]:
    doubts = []
    if 0 in (box.top, box.left) or box.bottom == shape[0] or box.right == shape[1]:
        doubts.append("it is cut off at the picture's edge")
    if box.size < 16:
        doubts.append(f"it is {box.size} pixels tall")
    if box.width > 1.6 * box.height:
        doubts.append("it is wider than digits are")
    if strokes.mean() > 0.85 and min(box.height, box.width) > 0.4 * box.size:
        doubts.append("it is a blot")
    return doubts

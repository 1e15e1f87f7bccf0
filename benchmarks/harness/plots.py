# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text. Colours are classes, which the page's style gives values for light and dark;
all text is escaped. A series is (name, points), a point (x, y) or, of bars, (low, middle, high)."""

import math
from html import escape

WIDTH, HEIGHT = 720, 340
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 16, 52
COLOURS = 8  # the classes c0 to c7


def ticks(low, high, wanted=5):
    """Round numbers that cover low to high, about as many as wanted."""
    span = (high - low) or abs(high) or 1.0
    raw = span / wanted
    size = 10 ** math.floor(math.log10(raw))
    step = next(size * factor for factor in (1, 2, 5, 10) if size * factor >= raw * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, max(last, first + 1) + 1)]


def log_ticks(low, high):
    """The powers of ten that cover low to high, both above zero."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    return [10.0 ** power for power in range(first, max(last, first + 1) + 1)]


def number(value):
    """Short, without exponents where a person needs none."""
    if value and abs(value) < 0.01:
        return f"{value:.0e}"
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) < 1000 else f"{value:,.0f}"


class Axis:
    """Maps values to pixels."""

    def __init__(self, values, pixels, log=False, from_zero=False, labels=None):
        values = list(values)
        low = 0 if from_zero else min(values)
        self._log = log
        self._pixels = pixels
        self.labels = labels
        self.ticks = sorted(labels) if labels else (
            log_ticks(min(values), max(values)) if log else ticks(low, max(values)))
        self._low, self._high = (self._scaled(end) for end in (self.ticks[0], self.ticks[-1]))

    def _scaled(self, value):
        return math.log10(value) if self._log else value

    def at(self, value):
        start, end = self._pixels
        share = (self._scaled(value) - self._low) / ((self._high - self._low) or 1)
        return round(start + share * (end - start), 1)

    def label(self, tick):
        return self.labels[tick] if self.labels else number(tick)


def _text(x, y, text, anchor="middle", more=""):
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _frame(title, height, inner):
    return (f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">'
            f'{"".join(inner)}</svg>')


def _y_axis(axis, title):
    parts = []
    for tick in axis.ticks:
        y = axis.at(tick)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(_text(LEFT - 6, y + 4, axis.label(tick), "end"))
    middle = (TOP + HEIGHT - BOTTOM) / 2
    parts.append(_text(14, middle, title, more=f' transform="rotate(-90 14 {middle})"'))
    return parts


def _x_axis(axis, title, bottom):
    parts = []
    for tick in axis.ticks:
        x = axis.at(tick)
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{TOP}" y2="{bottom}"/>')
        parts.append(_text(x, bottom + 16, axis.label(tick)))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, bottom + 38, title))
    return parts


def lines(title, series, x_title, y_title, log_x=False, log_y=False, x_labels=None):
    """One line for each series; `x_labels`, where given, are the ticks: {value: text}."""
    points = [point for _, own in series for point in own]
    if not points:
        return ""
    bottom = HEIGHT - BOTTOM
    x_axis = Axis((x for x, _ in points), (LEFT, WIDTH - RIGHT), log_x, labels=x_labels)
    y_axis = Axis((y for _, y in points), (bottom, TOP), log_y, from_zero=not log_y)
    parts = _y_axis(y_axis, y_title) + _x_axis(x_axis, x_title, bottom)
    for index, (name, own) in enumerate(series):
        colour = f"c{index % COLOURS}"
        path = [(x_axis.at(x), y_axis.at(y)) for x, y in own]
        parts.append(f'<polyline class="line {colour}" points="'
                     f'{" ".join(f"{x},{y}" for x, y in path)}"/>')
        for (x, y), (value_x, value_y) in zip(path, own):
            parts.append(f'<circle class="dot {colour}" cx="{x}" cy="{y}" r="3"><title>'
                         f'{escape(name)}: {number(value_x)}, {number(value_y)}</title></circle>')
        y = TOP + 12 + 18 * index
        parts.append(f'<rect class="dot {colour}" x="{WIDTH - RIGHT + 14}" y="{y - 8}" width="10" '
                     f'height="10"/>')
        parts.append(_text(WIDTH - RIGHT + 30, y + 1, name, "start"))
    return _frame(title, HEIGHT, parts)


def bars(title, rows, x_title):
    """A bar for each (name, (low, middle, high)), with a whisker from low to high."""
    if not rows:
        return ""
    bottom = TOP + 28 * len(rows)
    left = 150
    axis = Axis((high for _, (_, _, high) in rows), (left, WIDTH - 70), from_zero=True)
    parts = _x_axis(axis, x_title, bottom)
    for index, (name, (low, middle, high)) in enumerate(rows):
        y = TOP + 28 * index + 4
        parts.append(_text(left - 8, y + 14, name, "end"))
        parts.append(f'<rect class="dot c{index % COLOURS}" x="{left}" y="{y}" '
                     f'width="{round(axis.at(middle) - left, 1)}" height="20"/>')
        parts.append(f'<line class="whisker" x1="{axis.at(low)}" x2="{axis.at(high)}" '
                     f'y1="{y + 10}" y2="{y + 10}"/>')
        parts.append(_text(axis.at(high) + 6, y + 14, number(middle), "start"))
    return _frame(title, bottom + BOTTOM, parts)

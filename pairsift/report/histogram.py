"""A histogram as an SVG picture: what was kept stands below what was not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from pairsift.report.escaping import clip, xml

WIDTH, HEIGHT = 700, 380
LEFT, RIGHT, TOP, BOTTOM = 84, 24, 96, 58
PLOT_WIDTH, PLOT_HEIGHT = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
MOST_TICKS = 7
MOST_TITLE = 70

# A card of its own background: the page's theme need not be that of the picture. The colours of the bars are told apart
# by people who do not see red and green, and stand out from both backgrounds.
STYLE = """
.card { fill: #ffffff; stroke: #d5dae1 }
.grid { stroke: #e6e9ee } .axis { stroke: #6b7480 }
.kept { fill: #2f6fb5 } .not-kept { fill: #eb9a3a }
text { font: 13px system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; fill: #444c56 }
.title { font-size: 16px; font-weight: 600; fill: #1c2128 }
@media (prefers-color-scheme: dark) {
.card { fill: #1c2128; stroke: #39414b }
.grid { stroke: #313942 } .axis { stroke: #8b949e }
.kept { fill: #5b9ee6 } .not-kept { fill: #e8a04c }
text { fill: #adbac7 } .title { fill: #eceff3 }
}
"""


@dataclass(frozen=True, slots=True)
class Bin:
    """One bar: the middle of its values, and how many pairs were kept and not kept."""

    centre: float
    kept: int
    not_kept: int

    @property
    def pairs(self) -> int:
        """All pairs of the bar."""
        return self.kept + self.not_kept


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low` to `high` onto a line from `start` to `end`, with round values as ticks."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def at(self, value: float) -> float:
        """Place a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """List the multiples of the step within the scale."""
        first, last = ceil(self.low / self.step - 1e-9), floor(self.high / self.step + 1e-9)
        return [number * self.step for number in range(first, last + 1)]

    def label(self, tick: float) -> str:
        """Write a tick with the digits that its step needs, thousands apart, without a negative zero."""
        digits = max(0, -floor(log10(self.step)))
        return f"{tick + 0.0:,.{digits}f}"


def draw_histogram(bins: Sequence[Bin], bin_width: float, title: str, x_title: str) -> str:
    """Draw stacked bars of pairs over a measured value as one SVG text, 700 px wide.

    Empty bars may be left out. Where nothing was measured the picture says so.
    """
    kept, not_kept = sum(bar.kept for bar in bins), sum(bar.not_kept for bar in bins)
    summary = f"{kept:,} pairs kept, {not_kept:,} not kept"
    body = (
        _plot(bins, bin_width) if kept + not_kept else [text(WIDTH / 2, HEIGHT / 2, "nothing was measured", "middle")]
    )
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{xml(title)}: {summary}">',
        f"<title>{xml(title)}</title><style>{STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        text(20, 32, clip(title, MOST_TITLE), css="title"),
        *_legend(20, 56, (("kept", "kept", kept), ("not-kept", "not kept", not_kept))),
        *body,
        text(LEFT + PLOT_WIDTH / 2, HEIGHT - 14, x_title, "middle"),
        "</svg>",
    ]
    return "\n".join(parts)


def round_step(span: float) -> float:
    """Choose 1, 2 or 5 times a power of ten so that a span has at most MOST_TICKS steps."""
    power = 10.0 ** floor(log10(span / MOST_TICKS))
    return next(step for step in (power, 2 * power, 5 * power, 10 * power) if span / step <= MOST_TICKS)


def y_axis(up: Scale, title: str = "pairs") -> Iterator[str]:
    """Draw the axis of counts or shares with a line across the plot at every tick."""
    for tick in up.ticks():
        y = up.at(tick)
        yield f'<line class="grid" x1="{LEFT}" y1="{y:.1f}" x2="{LEFT + PLOT_WIDTH}" y2="{y:.1f}"/>'
        yield text(LEFT - 8, y + 4.5, up.label(tick), "end")
    yield text(LEFT - 8, TOP - 14, title, "end")


def x_axis(across: Scale) -> Iterator[str]:
    """Draw the axis of measured values."""
    y = TOP + PLOT_HEIGHT
    yield f'<line class="axis" x1="{LEFT}" y1="{y}" x2="{LEFT + PLOT_WIDTH}" y2="{y}"/>'
    for tick in across.ticks():
        x = across.at(tick)
        yield f'<line class="axis" x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 5}"/>'
        yield text(x, y + 19, across.label(tick), "middle")


def box(css: str, left: float, right: float, bottom: float, top: float) -> str:
    """Draw a box with a hair's breadth to its neighbours; nothing where it has no height."""
    if bottom == top:
        return ""
    gap = min(1.0, (right - left) / 4)
    return (
        f'<rect class="{css}" x="{left + gap / 2:.2f}" y="{top:.2f}" '
        f'width="{right - left - gap:.2f}" height="{bottom - top:.2f}"/>'
    )


def text(x: float, y: float, text: str, anchor: str = "start", css: str = "") -> str:
    """Write a line of text at a place."""
    styled = f' class="{css}"' if css else ""
    return f'<text{styled} x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{xml(text)}</text>'


def _plot(bins: Sequence[Bin], width: float) -> Iterator[str]:
    low, high = min(bar.centre for bar in bins) - width / 2, max(bar.centre for bar in bins) + width / 2
    most = max(bar.pairs for bar in bins)
    across = Scale(low, high, LEFT, LEFT + PLOT_WIDTH, round_step(high - low))
    step = max(1.0, round_step(most))
    up = Scale(0, ceil(most / step) * step, TOP + PLOT_HEIGHT, TOP, step)
    yield from y_axis(up)
    yield from _bars(bins, across, up, width)
    yield from x_axis(across)


def _bars(bins: Iterable[Bin], across: Scale, up: Scale, width: float) -> Iterator[str]:
    for bar in bins:
        left, right = across.at(bar.centre - width / 2), across.at(bar.centre + width / 2)
        hint = xml(f"{bar.centre - width / 2:.3g} to {bar.centre + width / 2:.3g}: {bar.kept} kept, {bar.not_kept} not")
        kept, top = up.at(bar.kept), up.at(bar.pairs)
        boxes = [box("kept", left, right, up.start, kept), box("not-kept", left, right, kept, top)]
        yield f"<g><title>{hint}</title>{''.join(boxes)}</g>"


def _legend(x: float, y: float, entries: Iterable[tuple[str, str, int]]) -> Iterator[str]:
    for css, name, count in entries:
        yield f'<rect class="{css}" x="{x}" y="{y - 10}" width="12" height="12" rx="2"/>'
        label = f"{name} {count:,}"
        yield text(x + 18, y + 1, label)
        x += 40 + 7.2 * len(label)

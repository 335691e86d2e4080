"""The report's charts, as SVG that its style sheet colours: bars of scores with the cut, and the curve over alpha."""

from collections.abc import Iterator, Sequence
from math import ceil

from markupsafe import Markup

from pairsift.core.overview import Cut, CutBin
from pairsift.report.escaping import xml
from pairsift.report.histogram import (
    BOTTOM,
    HEIGHT,
    LEFT,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    RIGHT,
    Scale,
    box,
    round_step,
    text,
    x_axis,
    y_axis,
)

TOP = HEIGHT - BOTTOM - PLOT_HEIGHT
ROOM = 34
"""Above the plot: the title of its axis. The page says the rest."""


def cut_chart(cut: Cut) -> Markup:
    """Draw the survivors by score: kept below left out, the line of the expected unrelated, and the lowest kept.

    Every bar carries its place as `data-bin`, by which the slider's script finds it.
    """
    low, high = cut.bins[0].low, cut.bins[-1].high
    most = max(each.pairs for each in cut.bins)
    step = max(1.0, round_step(most))
    across = Scale(low, high, LEFT, LEFT + PLOT_WIDTH, round_step(high - low))
    up = Scale(0, ceil(most / step) * step, TOP + PLOT_HEIGHT, TOP, step)
    lowest = "" if cut.lowest_kept is None else _upright(across.at(cut.lowest_kept), ' id="cut-line"')
    body = [*y_axis(up), *_bars(cut.bins, across, up), _unrelated(cut.bins, across, up), *x_axis(across), lowest]
    title = f"Survivors by {cut.score}: kept and left out"
    return picture(title, [*body, text(LEFT + PLOT_WIDTH / 2, HEIGHT - 14, f"{cut.score}, {cut.unit}", "middle")])


def curve_chart(curve: Sequence[tuple[float, float]], chosen: float | None = None) -> Markup:
    """Draw the share of survivors kept at each alpha, and a line at the one that was chosen."""
    across = Scale(0, curve[-1][0], LEFT, LEFT + PLOT_WIDTH, 0.1)
    up = Scale(0, 1, TOP + PLOT_HEIGHT, TOP, 0.2)
    places = " ".join(f"{across.at(alpha):.1f},{up.at(share):.1f}" for alpha, share in curve)
    line = f'<polyline class="curve" points="{places}"/>'
    label = text(LEFT + PLOT_WIDTH / 2, HEIGHT - 14, "alpha: promised share of unrelated captions", "middle")
    cut = "" if chosen is None or chosen > across.high else _upright(across.at(chosen))
    return picture("Share of survivors kept by alpha", [*y_axis(up, "share kept"), line, *x_axis(across), cut, label])


def share_bar(count: int, total: int, css: str, before: int = 0) -> Markup:
    """Draw a bar as long as a share of the whole, behind `before`; nothing of it is told by the picture alone."""
    x, width = (100 * each / total if total else 0 for each in (before, count))
    rect = f'<rect class="{xml(css)}" x="{x:.2f}" width="{width:.2f}" height="10"/>'
    return Markup(f'<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{rect}</svg>')


def _bars(bins: Sequence[CutBin], across: Scale, up: Scale) -> Iterator[str]:
    for number, each in enumerate(bins):
        left, right = across.at(each.low), across.at(each.high)
        kept, top = up.at(each.kept), up.at(each.pairs)
        hint = xml(f"{each.low:.3g} to {each.high:.3g}: {each.kept} kept, {each.left_out} left out")
        boxes = box("kept", left, right, up.start, kept) + box("left-out", left, right, kept, top)
        yield f'<g data-bin="{number}"><title>{hint}</title>{boxes}</g>'


def _unrelated(bins: Sequence[CutBin], across: Scale, up: Scale) -> str:
    """Draw how many unrelated captions are expected in each bin, as steps."""
    if bins[0].unrelated is None:
        return ""
    beyond = [each.unrelated or 0.0 for each in bins] + [0.0]
    points = []
    for number, each in enumerate(bins):
        y = up.at(max(0.0, beyond[number] - beyond[number + 1]))
        points += [f"{across.at(each.low):.1f},{y:.1f}", f"{across.at(each.high):.1f},{y:.1f}"]
    return f'<polyline class="unrelated" points="{" ".join(points)}"/>'


def _upright(x: float, named: str = "") -> str:
    return f'<line{named} class="cut" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{TOP + PLOT_HEIGHT}"/>'


def picture(title: str, parts: Sequence[str]) -> Markup:
    """Frame a chart; it is named, and what it shows stands beside it as text."""
    view = f"0 {TOP - ROOM} {LEFT + PLOT_WIDTH + RIGHT} {HEIGHT - TOP + ROOM}"
    size = f'viewBox="{view}" data-left="{LEFT}" data-width="{PLOT_WIDTH}"'
    return Markup(f'<svg class="chart" {size} role="img" aria-label="{xml(title)}">{"".join(parts)}</svg>')

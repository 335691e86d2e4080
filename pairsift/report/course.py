"""A data set's days as SVG charts: the share kept on each, and where each signal lay, with flags where it drifted."""

from collections.abc import Iterator, Sequence
from datetime import date
from math import ceil

from markupsafe import Markup

from pairsift.core.course import Course, Day, SignalCourse, Spread
from pairsift.report.charts import TOP, picture
from pairsift.report.escaping import xml
from pairsift.report.histogram import LEFT, PLOT_HEIGHT, PLOT_WIDTH, Scale, box, text, y_axis

MOST_DATES = 5
WIDEST_BAR = 56
SMALL_WIDTH, SMALL_HEIGHT = 260, 104
SMALL_LEFT, SMALL_RIGHT, SMALL_TOP, SMALL_BOTTOM = 58, 12, 12, 24


def keep_chart(days: Sequence[Day]) -> Markup:
    """Draw the share kept on each day as a bar, and a flag above the days of which a partition drifted."""
    across = _dates(days, LEFT, LEFT + PLOT_WIDTH)
    up = Scale(0, 1, TOP + PLOT_HEIGHT, TOP, 0.2)
    half = min(WIDEST_BAR, 0.8 * (across.at(1) - across.at(0))) / 2
    bars = [_bar(day, across.at(day.date.toordinal()), half, up) for day in days]
    label = text(LEFT + PLOT_WIDTH / 2, TOP + PLOT_HEIGHT + 44, "day of the commit, UTC", "middle")
    return picture("Share of pairs kept by day", [*y_axis(up, "share kept"), *bars, *_date_axis(days, across), label])


def signal_chart(course: Course, signal: SignalCourse) -> Markup:
    """Draw a signal's median and middle half on each day, the window's median dashed, and days on which it moved."""
    across = _dates(course.days, SMALL_LEFT, SMALL_WIDTH - SMALL_RIGHT)
    seen = [(day, spread) for day, spread in zip(course.days, signal.days, strict=True) if spread is not None]
    values = [value for _, spread in seen for value in (spread.low, spread.high)]
    values += [] if signal.before is None else [signal.before]
    low, high = min(values), max(values)
    margin = (high - low or abs(high) or 1) / 20
    up = Scale(low - margin, high + margin, SMALL_HEIGHT - SMALL_BOTTOM, SMALL_TOP, 1)
    middles = [(across.at(day.date.toordinal()), up.at(spread.middle)) for day, spread in seen]
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in middles)
    parts = [
        *_frame(up, (low, high), course.days, across),
        "" if signal.before is None else _across("before", up.at(signal.before)),
        f'<polyline class="curve" points="{line}"/>',
        *(_point(day, spread, signal.name, across, up) for day, spread in seen),
    ]
    size = f'viewBox="0 0 {SMALL_WIDTH} {SMALL_HEIGHT}"'
    return Markup(f'<svg class="small" {size} aria-hidden="true">{"".join(parts)}</svg>')


def tell_spread(signal: SignalCourse) -> str:
    """Say where the signal lay on the last day that has it, and where in the reference window."""
    last = next(spread for spread in reversed(signal.days) if spread is not None)
    half = "" if last.low == last.high else f" ({number(last.low)} to {number(last.high)})"
    return f"{number(last.middle)}{half}" + ("" if signal.before is None else f", reference {number(signal.before)}")


def number(value: float) -> str:
    """Write a value to three digits, or to whole thousands apart."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value + 0.0:.3g}"


def _dates(days: Sequence[Day], start: float, end: float) -> Scale:
    """Place dates by their ordinals less that of the first, half a day of room on both sides."""
    first, last = days[0].date.toordinal(), days[-1].date.toordinal()
    return Scale(first - 0.5, last + 0.5, start, end, max(1, ceil((last - first) / (MOST_DATES - 1))))


def _bar(day: Day, middle: float, half: float, up: Scale) -> str:
    kept = up.at(day.kept / day.read if day.read else 0)
    hint = xml(f"{day.date}: {day.kept:,} of {day.read:,} kept")
    boxes = box("kept", middle - half, middle + half, up.start, kept)
    boxes += box("rest", middle - half, middle + half, kept, up.end)
    flag = "" if day.level == "none" else _flag(day.level, middle, up.end - 6)
    return f"<g><title>{hint}</title>{boxes}{flag}</g>"


def _flag(level: str, x: float, y: float) -> str:
    """Draw a triangle that stands on a place, hollow for a warning."""
    return f'<path class="flag {level}" d="M{x - 6:.1f} {y:.1f}h12l-6 -10z"/>'


def _date_axis(days: Sequence[Day], across: Scale) -> Iterator[str]:
    y = TOP + PLOT_HEIGHT
    yield f'<line class="axis" x1="{LEFT}" y1="{y}" x2="{LEFT + PLOT_WIDTH}" y2="{y}"/>'
    for ordinal in range(days[0].date.toordinal(), days[-1].date.toordinal() + 1, int(across.step)):
        yield text(across.at(ordinal), y + 19, str(date.fromordinal(ordinal)), "middle")


def _frame(up: Scale, ends: tuple[float, float], days: Sequence[Day], across: Scale) -> Iterator[str]:
    yield _across("axis", up.start)
    for value in sorted(set(ends)):
        yield text(SMALL_LEFT - 6, up.at(value) + 4, number(value), "end")
    first, last = days[0].date, days[-1].date
    if first == last:
        yield text(across.at(first.toordinal()), SMALL_HEIGHT - 6, str(first), "middle")
        return
    yield text(SMALL_LEFT, SMALL_HEIGHT - 6, f"{first:%m-%d}", "start")
    yield text(SMALL_WIDTH - SMALL_RIGHT, SMALL_HEIGHT - 6, f"{last:%m-%d}", "end")


def _across(css: str, y: float) -> str:
    return f'<line class="{css}" x1="{SMALL_LEFT}" y1="{y:.1f}" x2="{SMALL_WIDTH - SMALL_RIGHT}" y2="{y:.1f}"/>'


def _point(day: Day, spread: Spread, name: str, across: Scale, up: Scale) -> str:
    x, y = across.at(day.date.toordinal()), up.at(spread.middle)
    half = f'<line class="half" x1="{x:.1f}" y1="{up.at(spread.low):.1f}" x2="{x:.1f}" y2="{up.at(spread.high):.1f}"/>'
    flag = _flag(day.level, x, SMALL_TOP) if name in day.signals else ""
    return f'{half}<circle class="kept" cx="{x:.1f}" cy="{y:.1f}" r="3"/>{flag}'

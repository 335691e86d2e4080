"""The report: one self-contained HTML page, for a phone, a wide screen and paper, in light and dark."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from jinja2 import PackageLoader

from pairsift.config import RunRequest
from pairsift.core.overview import Cut, Overview
from pairsift.core.records import Reason
from pairsift.report.charts import curve_chart, cut_chart, share_bar
from pairsift.report.course import keep_chart, signal_chart, tell_spread
from pairsift.report.drifting import tell_drift
from pairsift.report.escaping import visible
from pairsift.report.meanings import MEANINGS
from pairsift.report.summary import run_command
from pairsift.report.templating import open_templates

SHOWN_GROUPS = 50
SHOWN_MOVED = 5
"""Partitions of a day of which it is told what moved."""
OPEN_DAYS = 7
"""The numbers of more days are shown when they are asked for."""

NOT_IN_CONFIG = {"policy", "dispatch", "report"}
"""What the command line says, or changes no result."""

_environment = open_templates("pairsift.report")
_environment.filters |= {
    "visible_lines": lambda text: "\n".join(visible(line) for line in text.splitlines()),
    "indented": lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    "jpeg": lambda data: f"data:image/jpeg;base64,{b64encode(data).decode()}",
}
_environment.globals |= {
    "share_bar": share_bar,
    "signal_chart": signal_chart,
    "tell_drift": tell_drift,
    "tell_spread": tell_spread,
    "shown_groups": SHOWN_GROUPS,
    "shown_moved": SHOWN_MOVED,
    "open_days": OPEN_DAYS,
}


def render_page(overview: Overview) -> str:
    """Write the page; the same overview gives the same bytes.

    Nothing is fetched by it: pictures lie within it, and its policy (CSP) allows no other script or style than its own.
    """
    style, script = (_source(name) for name in ("report.css", "report.js"))
    policy = {
        "default-src": "'none'",
        "img-src": "data:",
        "style-src": _allowed(style),
        "script-src": _allowed(script),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return _environment.get_template("report.html").render(
        overview=overview,
        csp="; ".join(f"{name} {value}" for name, value in policy.items()),
        style=style,
        script=script,
        chart=cut_chart(overview.cut) if overview.cut else None,
        curve=curve_chart(overview.curve, overview.alpha) if overview.curve else None,
        steps=list(_steps(overview)),
        days=keep_chart(overview.course.days) if len(overview.course.days) > 1 else None,
        slider=None if overview.cut is None else slider_of(overview.cut),
        meanings={str(reason): MEANINGS[Reason(reason)] for reason in overview.reasons},
        command=None if overview.request is None else run_command(overview.dataset, overview.request),
        config=None if overview.request is None else _config(overview.request),
        policy=json.loads(overview.rules),
    )


def _steps(overview: Overview) -> Iterator[tuple[str, int, int]]:
    """Give every reason with its pairs, and how many are left after it: the steps of the waterfall."""
    left = overview.pairs["read"]
    for reason, count in overview.reasons.items():
        left -= count
        yield reason, count, left


def _config(asked: RunRequest) -> dict[str, Any]:
    """Give what only a config file can say of a run and changes a result, as far as it was said."""
    return asked.config.model_dump(mode="json", exclude_defaults=True, exclude=NOT_IN_CONFIG)


def slider_of(cut: Cut) -> Mapping[str, Any]:
    """Give the script what it moves: each bin's lower edge, the pairs from there up, and the unrelated among them."""
    pairs, beyond = 0, []
    for each in reversed(cut.bins):
        pairs += each.pairs
        beyond.append(pairs)
    at = [number for number, each in enumerate(cut.bins) if cut.lowest_kept is not None and each.low <= cut.lowest_kept]
    return {
        "low": [each.low for each in cut.bins],
        "pairs": beyond[::-1],
        "unrelated": [each.unrelated for each in cut.bins],
        "at": at[-1] if at else 0,
        "high": cut.bins[-1].high,
    }


def _source(name: str) -> str:
    """Read one of the page's own files, as it is."""
    source, _, _ = PackageLoader("pairsift.report").get_source(_environment, name)
    return source


def _allowed(source: str) -> str:
    """Name the one inline text that the page's policy lets be used, by its digest."""
    return f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'"

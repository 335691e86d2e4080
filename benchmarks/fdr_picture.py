"""Draw docs/false-discovery-rate.svg, what `fdr` does with the shipped sample, and print the numbers that docs tell.

The sample is curated as one partition with the defaults: `pairsift run examples/sample/folder`.
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from pathlib import Path

import numpy as np

from benchmarks.markdown import print_table
from benchmarks.planted_defects import curated, read_lineage, read_truth
from benchmarks.swapped_captions import Floats
from pairsift.adapters.calibrations import read_reference
from pairsift.core.arrays import Flags
from pairsift.core.calibration import prepare_calibration
from pairsift.core.false_discovery import unrelated_share
from pairsift.report.histogram import (
    HEIGHT,
    LEFT,
    PLOT_HEIGHT,
    PLOT_WIDTH,
    STYLE,
    TOP,
    WIDTH,
    Scale,
    box,
    round_step,
    text,
    x_axis,
    y_axis,
)

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "false-discovery-rate.svg"
ALPHA = 0.05
BIN = 0.5
TITLE = "Which captions score higher than unrelated ones would?"
OWN_STYLE = """
.null { fill: none; stroke: #1c2128; stroke-width: 2 } .false { fill: #c0392b }
.cut { stroke: #1c2128; stroke-dasharray: 5 4 }
@media (prefers-color-scheme: dark) {
.null { stroke: #eceff3 } .false { fill: #ff7b6b } .cut { stroke: #eceff3 }
}
"""


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """n tested pairs (n,): z, p, q, which are known to be swapped, which are drawings; and the nulls' z (N,)."""

    z: Floats
    p: Floats
    q: Floats
    swapped: Flags
    drawings: Flags
    nulls: Floats

    @property
    def kept(self) -> Flags:
        """Which pairs the selection keeps."""
        return self.q <= ALPHA

    @property
    def unrelated(self) -> float:
        """How many of the tested pairs are unrelated, by estimate."""
        return unrelated_share(self.p) * len(self.p)

    @property
    def cut(self) -> float:
        """The lowest z that is kept."""
        return float(self.z[self.kept].min())


def main() -> None:
    """Curate the sample, draw the picture and print the numbers."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    example = read_example()
    PICTURE.write_text(draw(example), encoding="utf-8")
    print(f"{len(example.z)} pairs tested, {example.swapped.sum()} of them swapped; {len(example.nulls)} nulls")
    print(f"p > ½: {np.count_nonzero(example.p > 0.5)}; estimated unrelated: {example.unrelated:.0f}")
    false = (example.kept & example.swapped).sum()
    print(f"kept: {example.kept.sum()}, {false} of them swapped; z ≥ {example.cut:.2f}")
    lost = ~example.kept & ~example.swapped
    print(f"not kept though not swapped: {lost.sum()}, {(lost & example.drawings).sum()} of them drawings")
    print("kept at other alphas:", {alpha: int((example.q <= alpha).sum()) for alpha in (0.01, 0.1, 0.2)}, end="\n\n")
    print_table(["rank", "z", "p", "expected unrelated", "expected share of the kept", "q", "kept"], [*rows(example)])


def read_example() -> Example:
    """Curate the sample and read what was tested, and what it was held against."""
    with curated("folder") as folder:
        tested = read_lineage(folder).dropna(subset="pair_alignment_q")
        (file,) = (folder / "calibrations").glob("*.parquet")
        calibration = prepare_calibration(read_reference(file), "drawn")
    if calibration is None:
        raise ValueError("the sample gives no calibration")
    truth = read_truth().set_index("key").loc[tested["key"]]
    z, p, q = (tested[f"pair_alignment_{name}"].to_numpy(np.float64) for name in "zpq")
    swapped, drawings = truth["defect"] == "swapped_caption", truth["kind"] == "drawing"
    return Example(z, p, q, swapped.to_numpy(), drawings.to_numpy(), calibration.nulls)


def rows(example: Example) -> Iterator[list[str]]:
    """Tell of every tenth pair by rank, and of the last kept and the first not kept, how it is decided."""
    order = np.argsort(-example.z)
    last = int(example.kept.sum())
    for rank in sorted({*range(10, len(order), 10), last, last + 1}):
        pair = order[rank - 1]
        expected = example.unrelated * example.p[pair]
        numbers = f"{example.z[pair]:.2f}", f"{example.p[pair]:.4f}", f"{expected:.2f}", f"{expected / rank:.3f}"
        yield [str(rank), *numbers, f"{example.q[pair]:.3f}", "yes" if example.kept[pair] else "no"]


def draw(example: Example) -> str:
    """Draw the scores, kept and not, and what is expected of unrelated captions, as one SVG text."""
    low, high = floor(np.quantile(example.nulls, 0.001) / BIN) * BIN, ceil(example.z.max() / BIN) * BIN
    edges = np.linspace(low, high, round((high - low) / BIN) + 1)
    most = float(np.histogram(example.z, edges)[0].max())
    across = Scale(low, high, LEFT, LEFT + PLOT_WIDTH, 2)
    step = round_step(most)
    up = Scale(0, ceil(most / step) * step, TOP + PLOT_HEIGHT, TOP, step)
    size = f'viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{TITLE}">',
        f"<title>{TITLE}</title><style>{STYLE}{OWN_STYLE}</style>",
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        text(20, 32, TITLE, css="title"),
        *_legend(20, 58),
        *y_axis(up),
        *_pairs(example, edges, across, up),
        *_unrelated(example, edges, across, up),
        *_cut(example, across),
        *x_axis(across),
        text(LEFT + PLOT_WIDTH / 2, HEIGHT - 14, "z, the calibrated score", "middle"),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _legend(x: float, y: float) -> Iterator[str]:
    names = ("pairs kept", "pairs not kept", "expected of unrelated captions", "expected among the kept")
    for css, name in zip(("kept", "not-kept", "null", "false"), names, strict=True):
        yield f'<rect class="{css}" x="{x}" y="{y - 10}" width="12" height="12" rx="2"/>'
        yield text(x + 18, y + 1, name)
        x += 38 + 6.8 * len(name)


def _expected(example: Example, edges: Floats) -> Floats:
    """How many of the unrelated pairs are expected in every bin."""
    return np.asarray(np.histogram(example.nulls, edges)[0] / len(example.nulls) * example.unrelated)


def _pairs(example: Example, edges: Floats, across: Scale, up: Scale) -> Iterator[str]:
    """Draw the pairs of every bin: kept, and above them not kept; a bin that the cut divides has both."""
    kept, dropped = (np.histogram(example.z[which], edges)[0] for which in (example.kept, ~example.kept))
    for (left, right), good, rest in zip(pairwise(edges.tolist()), kept.tolist(), dropped.tolist(), strict=True):
        ends = across.at(left), across.at(right)
        yield box("kept", *ends, up.start, up.at(good)) + box("not-kept", *ends, up.at(good), up.at(good + rest))


def _unrelated(example: Example, edges: Floats, across: Scale, up: Scale) -> Iterator[str]:
    """Draw what is expected of unrelated captions as steps, filled where it is kept."""
    corners: list[str] = []
    for (left, right), height in zip(pairwise(edges.tolist()), _expected(example, edges).tolist(), strict=True):
        corners += [f"{across.at(x):.1f},{up.at(height):.1f}" for x in (left, right)]
        if right > example.cut:
            yield box("false", across.at(max(left, example.cut)), across.at(right), up.start, up.at(height))
    yield f'<polyline class="null" points="{" ".join(corners)}"/>'


def _cut(example: Example, across: Scale) -> Iterator[str]:
    """Draw the cut, and say what is expected on its right."""
    x, right, kept = across.at(example.cut), LEFT + PLOT_WIDTH - 4, int(example.kept.sum())
    false = example.unrelated * float(example.p[example.kept].max())
    yield f'<line class="cut" x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{TOP + PLOT_HEIGHT}"/>'
    yield text(x - 8, TOP + 18, f"not kept: {len(example.z) - kept}", "end", "title")
    yield text(right, TOP + 18, f"kept: {kept}", "end", "title")
    yield text(right, TOP + 38, f"about {false:.1f} of them unrelated: {false / kept:.1%}", "end")


if __name__ == "__main__":
    main()

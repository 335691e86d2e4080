"""Pairsift beside other systems: the same pairs, the same model, whole commands with all their processes.

`python -m benchmarks.peers` makes pairs, a random ViT-B/32 and an environment for each peer below build/, runs every
system on n pairs and on 2n in turn, and prints a Markdown table and the command lines; build/bench.json has every run.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.inputs import make_inputs, quantise_once
from benchmarks.peers.reporting import command_lines, conclude, document
from benchmarks.peers.running import measure_limit, prepare, repeat, say
from benchmarks.peers.systems import ROOT, System, encoder_alone, pairsift, peers
from benchmarks.peers.table import markdown

ENCODER = "open_clip:ViT-B-32:{checkpoint}"


def main() -> None:
    """Measure, print, and write build/bench.json."""
    options = parse()
    build = options.build.resolve()
    sizes = make_inputs(build, options.pairs), make_inputs(build, 2 * options.pairs)
    if "int8" in options.dtype:
        quantise_once(options.encoder, sizes[1])
    own = pairsift(options.encoder, options.dtype)
    systems = chosen([*own, *peers()], options.only)
    limits = chosen(encoder_alone(options.encoder, options.dtype), options.only)
    records = {system.name: prepare(system, build) for system in [*systems, *limits]}
    for number in range(options.repeats):
        for system in systems:
            say(f"repeat {number + 1} of {options.repeats}: {system.name}")
            repeat(system, records[system.name], options.pairs, sizes)
        for system in limits:
            measure_limit(system, records[system.name], sizes[0])
        outcomes = conclude(records, [system.name for system in own])
        written = json.dumps(document(vars(options), records, outcomes), indent=1)
        (build / "bench.json").write_text(written + "\n", encoding="utf-8")  # a repeat can take half an hour
    print("\n".join([markdown(outcomes), "", *command_lines(records, build)]), flush=True)


def parse() -> argparse.Namespace:
    """Read the options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers", description=__doc__)
    parser.add_argument("--pairs", type=int, default=256, help="n; each system runs on n pairs and on 2n")
    parser.add_argument("--repeats", type=int, default=3, choices=range(1, 100), metavar="R")
    parser.add_argument("--encoder", default=ENCODER, help="Pairsift's encoder; {checkpoint} is the random ViT-B/32")
    parser.add_argument("--dtype", nargs="+", default=["float32", "bfloat16", "int8"], help="a row of Pairsift each")
    parser.add_argument("--only", nargs="+", default=[""], help="only systems whose name holds one of these")
    parser.add_argument("--build", type=Path, default=ROOT / "build", help="where pairs, model, environments stay")
    return parser.parse_args()


def chosen(systems: Sequence[System], only: Sequence[str]) -> list[System]:
    """Return the systems whose name holds one of the words."""
    return [system for system in systems if any(word in system.name for word in only)]


if __name__ == "__main__":
    main()

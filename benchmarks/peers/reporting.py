"""What is told of all systems at the end: their rows, their command lines, every run."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.peers.figures import Limit, Repeat, summarise
from benchmarks.peers.running import Record
from benchmarks.peers.systems import ROOT, own_commands
from benchmarks.peers.table import Outcome


def conclude(records: Mapping[str, Record], own: Sequence[str]) -> dict[str, Outcome]:
    """Summarise every system; costs are those beside the first of Pairsift's rows that was measured."""
    reference = next((records[name].repeats for name in own if name in records and records[name].repeats), [])
    return {name: outcome(record, reference) for name, record in records.items()}


def outcome(record: Record, reference: Sequence[Repeat]) -> Outcome:
    """Summarise one system, or say why there is nothing to summarise."""
    if record.repeats:
        return summarise(record.repeats, reference)
    if record.limits:
        rates, costs = zip(*((one.pairs_per_s, one.cpu_ms_per_pair) for one in record.limits), strict=True)
        return Limit(median(rates), median(costs))
    return record.skipped or "not run"


def command_lines(records: Mapping[str, Record], build: Path) -> list[str]:
    """Write every command line, with the packages that it ran with."""
    return [
        f"- {name}{packages(record)}: `{shown(record.command, build)}`"
        for name, record in records.items()
        if record.command
    ]


def packages(record: Record) -> str:
    """Write a peer's packages and their versions."""
    return f" ({', '.join(map(' '.join, record.versions.items()))})" if record.versions else ""


def shown(command: Sequence[str], build: Path) -> str:
    """Write a command without this machine's folders."""
    text = " ".join(command).replace(f"{own_commands()}/", "")
    return text.replace(str(build), "build").replace(f"{ROOT}/", "")


def document(
    options: Mapping[str, Any], records: Mapping[str, Record], outcomes: Mapping[str, Outcome]
) -> dict[str, Any]:
    """Return all runs and what follows from them, for JSON."""
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": {"processor": processor(), "cores": len(os.sched_getaffinity(0)), "torch": torch.__version__},
        "options": {name: str(value) if isinstance(value, Path) else value for name, value in options.items()},
        "memory": "PSS summed over all processes of a command, sampled every 0.5 s",
        "systems": {
            name: {
                "skipped": record.skipped,
                "command": record.command,
                "versions": record.versions,
                "repeats": [asdict(one) for one in record.repeats],
                "limits": [asdict(one) for one in record.limits],
                "summary": outcome if isinstance(outcome := outcomes[name], str) else asdict(outcome),
            }
            for name, record in records.items()
        },
    }


def processor() -> str:
    """Return the processor's name and which of the instructions that count here it has."""
    capabilities = torch.cpu.get_capabilities()
    flags = [name for name in ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16") if capabilities.get(name)]
    return " ".join([str(capabilities.get("cpu_name", "unknown")), *flags])

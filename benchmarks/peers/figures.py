"""The arithmetic of the comparison: what a pair costs apart from the start, and medians over repeats. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Usage:
    """What one command used, with everything that it started: PSS summed over its processes at its highest."""

    wall_s: float
    cpu_s: float
    peak_mib: float


@dataclass(frozen=True, slots=True)
class Repeat:
    """One system's runs of n pairs and of 2n, one after the other."""

    pairs: int
    once: Usage
    twice: Usage

    @property
    def wall_s_per_pair(self) -> float:
        """Wall time that one more pair takes, once everything is started; noise can make it nonsense, even negative."""
        return (self.twice.wall_s - self.once.wall_s) / self.pairs

    @property
    def cpu_s_per_pair(self) -> float:
        """CPU time that one more pair takes."""
        return (self.twice.cpu_s - self.once.cpu_s) / self.pairs

    @property
    def start_cpu_s(self) -> float:
        """CPU time of no pairs: imports, the model, the end."""
        return 2 * self.once.cpu_s - self.twice.cpu_s


@dataclass(frozen=True, slots=True)
class Summary:
    """One row of the table: medians over a system's repeats, whole commands being those of 2n pairs.

    Ratios are medians of paired ratios to the reference; None where there is no reference, or the noise was larger than
    the time measured.
    """

    pairs_per_s: float | None
    cpu_ms_per_pair: float
    cpu_ms_lowest: float
    cpu_ms_highest: float
    start_cpu_s: float
    whole_pairs_per_s: float
    whole_cpu_ms_per_pair: float
    peak_mib: float
    wall_ratio: float | None
    cpu_ratio: float | None


def summarise(repeats: Sequence[Repeat], reference: Sequence[Repeat]) -> Summary:
    """Summarise one system's repeats; `reference` has those of the system that all are compared with."""
    paired = list(zip(repeats, reference, strict=False))  # a system that failed later has fewer
    costs = [1e3 * repeat.cpu_s_per_pair for repeat in repeats]
    wall_s_per_pair = median(repeat.wall_s_per_pair for repeat in repeats)
    return Summary(
        pairs_per_s=1 / wall_s_per_pair if wall_s_per_pair > 0 else None,
        cpu_ms_per_pair=median(costs),
        cpu_ms_lowest=min(costs),
        cpu_ms_highest=max(costs),
        start_cpu_s=median(repeat.start_cpu_s for repeat in repeats),
        whole_pairs_per_s=median(2 * repeat.pairs / repeat.twice.wall_s for repeat in repeats),
        whole_cpu_ms_per_pair=median(1e3 * repeat.twice.cpu_s / (2 * repeat.pairs) for repeat in repeats),
        peak_mib=median(repeat.twice.peak_mib for repeat in repeats),
        wall_ratio=median_ratio([(one.wall_s_per_pair, other.wall_s_per_pair) for one, other in paired]),
        cpu_ratio=median_ratio([(one.cpu_s_per_pair, other.cpu_s_per_pair) for one, other in paired]),
    )


def median_ratio(pairs: Sequence[tuple[float, float]]) -> float | None:
    """Return the median of the ratios of costs that are positive; None where there are none."""
    ratios = [cost / other for cost, other in pairs if cost > 0 and other > 0]
    return median(ratios) if ratios else None


@dataclass(frozen=True, slots=True)
class Limit:
    """What an encoder alone takes, on every core at once."""

    pairs_per_s: float
    cpu_ms_per_pair: float

"""Counts what pairs came to before and after they were decided again."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pairsift.core.judgements import DROP, KEEP, QUARANTINE, REASONS, Codes, Judgements

COUNTED = {"kept": KEEP, "dropped": DROP, "quarantined": QUARANTINE}


@dataclass(frozen=True, slots=True)
class Tally:
    """Pairs by verdict before and after (`read`, `kept`, `dropped`, `quarantined`), and by reason after."""

    before: Counter[str] = field(default_factory=Counter)
    after: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def count(self, before: Judgements, after: Judgements) -> None:
        """Count the pairs of one more table."""
        self.before.update(_verdicts(before.verdicts))
        self.after.update(_verdicts(after.verdicts))
        codes, numbers = np.unique(after.reasons, return_counts=True)
        told = zip((REASONS[code] for code in codes.tolist()), numbers.tolist(), strict=True)
        self.reasons.update({str(reason): number for reason, number in told if reason is not None})


def _verdicts(verdicts: Codes) -> dict[str, int]:
    return {"read": len(verdicts)} | {name: int(np.count_nonzero(verdicts == code)) for name, code in COUNTED.items()}

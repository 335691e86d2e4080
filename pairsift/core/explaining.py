"""Which rule of a policy settles a pair, in words."""

from collections.abc import Mapping

from pairsift.core.columns import to_columns
from pairsift.core.judgements import REASONS
from pairsift.core.judging import judge_unread
from pairsift.core.policy import Policy
from pairsift.core.records import Reason, SignalValue, Verdict
from pairsift.core.rules import explain_first_failure
from pairsift.core.selects import ALIGNMENT


def explain_rule(policy: Policy, values: Mapping[str, SignalValue], unmeasurable: Mapping[str, Reason]) -> str | None:
    """Tell which rule a pair fails first, with threshold, unit and measured value; None if it passes them all.

    A pair that cannot be read is told as such: no rule is tried on it. `values` are signals and `source.NAME` columns.
    """
    unknown = unmeasurable.get(ALIGNMENT, Reason.SIGNAL_UNMEASURABLE)
    relative = {name: unknown for name in policy.relative if values.get(name) is None}
    asked = {condition.signal for rule in policy.rules for condition in (rule, *rule.unless)}
    columns = to_columns(1, {signal: [values.get(signal)] for signal in asked}, [{**unmeasurable, **relative}])
    unread = REASONS[judge_unread(columns).reasons[0]]
    if unread is Reason.FORGOTTEN:
        return f"was taken down → {Verdict.DROP} ({unread})"
    if unread is not None:
        return f"cannot be read → {Verdict.QUARANTINE} ({unread})"
    return explain_first_failure(policy.rules, columns, 0)

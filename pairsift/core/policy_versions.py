"""New versions of a policy: the one number of its selection moved, or its whole text written anew."""

from dataclasses import dataclass

import yaml
from pydantic import ValidationError

from pairsift.config import explain_validation
from pairsift.core.policy import Policy
from pairsift.core.selects import Absolute, Fdr, Percentile, TopFraction
from pairsift.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Knob:
    """The number that moves a selection's cut: its key in the policy, its value, and its bounds."""

    key: str
    value: float
    low: float | None
    high: float | None


def knob_of(policy: Policy) -> Knob | None:
    """Tell which number moves a policy's cut; None where several selections do."""
    match policy.select:
        case Fdr(alpha=alpha):
            return Knob("alpha", alpha, 0, 1)
        case Absolute(ge=ge):
            return Knob("ge", float(ge), None, None)
        case TopFraction(fraction=fraction):
            return Knob("fraction", fraction, 0, 1)
        case Percentile(percentile=percentile):
            return Knob("percentile", percentile, 0, 100)
    return None


def with_knob(policy: Policy, value: float, version: int) -> Policy:
    """Move a policy's cut, as another version of it; ConfigError where that number is not possible."""
    knob = knob_of(policy)
    if knob is None:
        raise ConfigError(f"policy {policy.name!r} has several selections: edit its text")
    content = policy.model_dump(mode="json", by_alias=True, exclude_none=True)
    content["select"][knob.key] = value
    return _valid(content, version)


def parse_version(text: str, version: int) -> Policy:
    """Read a policy's YAML, as this version; ConfigError where it is not a policy."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"the policy's text is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise ConfigError("the policy's text is not a mapping of keys to values")
    return _valid(content, version)


def write_policy(policy: Policy) -> str:
    """Write a policy as YAML, without what says the default; the same policy comes of it again."""
    content = policy.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)


def _valid(content: dict[str, object], version: int) -> Policy:
    try:
        return Policy.model_validate({**content, "version": version})
    except ValidationError as error:
        raise ConfigError(explain_validation("the policy", error)) from error

"""What every config model is: frozen, and without unknown keys; how its faults are told."""

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic.fields import ComputedFieldInfo, FieldInfo

from pairsift.addresses import masked


def _label(name: str, _: FieldInfo | ComputedFieldInfo) -> str:
    """Label a field in the Prefect UI's form; a group without a label would be called by its class."""
    return name.replace("_", " ").capitalize()


class Model(BaseModel):
    """A frozen config model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", field_title_generator=_label)


def explain_validation(what: str, error: ValidationError) -> str:
    """Say in one line a fault what was wrong, the value and what was expected."""
    faults = [
        f"{'.'.join(map(str, fault['loc'])) or 'top level'}: {fault['msg']} (got {fault['input']!r:.80})"
        for fault in error.errors()
    ]
    return f"{what} is not usable: " + masked("; ".join(faults))

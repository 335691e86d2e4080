"""Addresses with a secret in them: refused where they come in, hidden where they are told."""

import re
from typing import Annotated

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from pairsift.errors import ConfigError

_SECRET = re.compile(r"(://[^/?#@\s:]*:)[^/?#@\s]*(?=@)")
"""The password of `scheme://name:password@…`; an account's name alone (`abfs://container@account`) is no secret."""


def refuse_secrets(uri: str) -> str:
    """Return an address as it is; ConfigError where a secret stands in it, as addresses are stored and logged."""
    if _SECRET.search(uri):
        raise ConfigError(
            f"{masked(uri)} has a secret in it, and addresses are stored and logged: give the store's credentials by "
            "its own variables (AWS_ACCESS_KEY_ID and so on), its configuration files, or the machine's role"
        )
    return uri


def masked(text: str) -> str:
    """Hide the secrets of the addresses in a text."""
    return _SECRET.sub(r"\1***", text)


def _without_secret(uri: str) -> str:
    try:
        return refuse_secrets(uri)
    except ConfigError as error:
        raise PydanticCustomError("secret", "{refusal}", {"refusal": str(error)}) from error


Address = Annotated[str, AfterValidator(_without_secret)]
"""A path or URI without a secret, as a field of a config model: Prefect stores what a run is asked, and shows it."""

"""Names and references: the two kinds of string that the contract gives a meaning to."""

from __future__ import annotations

import importlib
import re
from typing import Any

from .errors import BadInput, PluginError

NAME = re.compile(r"^[a-z0-9][a-z0-9._-]{0,63}$")


def check_name(name: str, kind: str = "name") -> str:
    """Return ``name`` if it may be used for a file, a URL and a database key alike, else raise `BadInput`."""
    if not isinstance(name, str) or not NAME.fullmatch(name) or ".." in name:
        raise BadInput(
            f"{name!r} is not a valid {kind}.",
            "Use 1 to 64 lower-case letters, digits, '.', '_' or '-', beginning with a letter or digit.",
        )
    return name


def resolve(reference: Any) -> Any:
    """The object behind ``"package.module:attribute"``; anything that is no string is returned as it is.

    Raises:
        PluginError: the reference is malformed, its module does not import, or has no such attribute.
    """
    if not isinstance(reference, str):
        return reference
    module_name, colon, attribute = reference.partition(":")
    if not (module_name and colon and attribute):
        raise PluginError(f"{reference!r} is not a reference.", "Write it as 'package.module:attribute'.")
    try:
        found: Any = importlib.import_module(module_name)
    except Exception as error:
        raise PluginError(f"The module of {reference!r} does not import: {type(error).__name__}: {error}.") from error
    for part in attribute.split("."):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            raise PluginError(f"{module_name!r} has no {attribute!r}, which {reference!r} refers to.") from error
    return found

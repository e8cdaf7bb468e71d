"""The two things the kit needs of JSON Schema as FastAPI writes it: an example, and whether a value has the shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]
MISSING = object()
_KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "null": (type(None),),
    "integer": (int,),
    "number": (int, float),
}


class Schemas:
    """Schemas of one OpenAPI document, with their references followed.

    Args:
        document: the whole of it.
    """

    def __init__(self, document: Schema) -> None:
        self._named = document.get("components", {}).get("schemas", {})

    def followed(self, schema: Schema) -> Schema:
        """The schema itself, where it is a reference."""
        while "$ref" in schema:
            schema = self._named[schema["$ref"].rpartition("/")[2]]
        return schema

    def example(self, schema: Schema) -> Any:
        """The example its author gave: of the whole, or else put together from those of its required parts.

        Returns:
            `MISSING` where there is none.
        """
        if "example" in schema:
            return schema["example"]
        if schema.get("examples"):
            return schema["examples"][0]
        schema = self.followed(schema)
        if schema.get("examples"):
            return schema["examples"][0]
        for key in ("const", "default"):
            if key in schema:
                return schema[key]
        if schema.get("enum"):
            return schema["enum"][0]
        if "properties" in schema:
            return self._object(schema)
        if schema.get("type") == "array":
            item = self.example(schema.get("items", {}))
            return MISSING if item is MISSING else [item]
        for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            if (found := self.example(choice)) is not MISSING:
                return found
        return MISSING

    def _object(self, schema: Schema) -> Any:
        found = {}
        for name, part in schema["properties"].items():
            value = self.example(part)
            if value is MISSING and name in schema.get("required", ()):
                return MISSING
            if value is not MISSING and value is not None:
                found[name] = value
        return found

    def misfit(self, schema: Schema, value: Any, where: str = "the answer") -> str:
        """What of ``value`` does not have the shape of ``schema``; empty when it has."""
        schema = self.followed(schema)
        choices = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
        if choices:
            problems = [self.misfit(choice, value, where) for choice in choices]
            return "" if not all(problems) else problems[0]
        kind = schema.get("type")
        if kind in _KINDS and (
            not isinstance(value, _KINDS[kind]) or (isinstance(value, bool) and kind in ("integer", "number"))
        ):
            return f"{where} is {_kind_of(value)}, not {kind}"
        if isinstance(value, dict):
            missing = [name for name in schema.get("required", ()) if name not in value]
            if missing:
                return f"{where} lacks {', '.join(missing)}"
            parts = {name: part for name, part in schema.get("properties", {}).items() if name in value}
            found = (self.misfit(part, value[name], f"{name} of {where}") for name, part in parts.items())
            return next(filter(None, found), "")
        if isinstance(value, list):
            items = schema.get("items", {})
            found = (self.misfit(items, item, f"item {at} of {where}") for at, item in enumerate(value))
            return next(filter(None, found), "")
        return ""


def _kind_of(value: Any) -> str:
    return next((name for name, kinds in _KINDS.items() if type(value) in kinds), type(value).__name__)

"""Answer templates: what the assistant says per intent, and the article that each rests on."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, ValidationError

from verticals import SettingsError

from .data import STARTER
from .slots import SLOTS


class Template(BaseModel):
    """One way to answer an intent. ``slots`` must be known to use it; ``ask`` is the question for a missing one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    intent: str
    text: str
    slots: tuple[str, ...] = ()
    ask: str = ""
    article: str | None = None

    def missing(self, known: Mapping[str, str]) -> list[str]:
        """The slots that are not among the ``known`` ones."""
        return [slot for slot in self.slots if slot not in known]


@dataclass(frozen=True)
class Templates:
    """All templates, by intent in the order of the file: within an intent the first is preferred."""

    by_intent: Mapping[str, tuple[Template, ...]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)

    def of(self, intent: str | None) -> tuple[Template, ...]:
        """The templates of an intent; none for an intent nobody wrote one for."""
        return self.by_intent.get(intent or "", ())

    @property
    def small_talk(self) -> frozenset[str]:
        """The intents that no article speaks to and no detail is needed for, such as a greeting."""
        return frozenset(
            intent for intent, group in self.by_intent.items() if not any(one.article or one.slots for one in group)
        )

    def named(self, identifier: str | None) -> Template | None:
        """The template of this id."""
        return next((t for group in self.by_intent.values() for t in group if t.id == identifier), None)

    def say(self, text: str, slots: Mapping[str, str] = MappingProxyType({})) -> str:
        """A text with slots and constants filled in."""
        return text.format_map({**self.constants, **slots})


def load(path: Path | None, constants: Mapping[str, str]) -> Templates:
    """Read a TOML file of ``[[template]]`` tables; without ``path``, the starter's.

    Args:
        path: the file.
        constants: values that are the same in every answer, such as ``shop_name``; and may stand in any text.

    Raises:
        SettingsError: the file cannot be read, or a template in it cannot be used.
    """
    path = path or STARTER / "templates.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8")).get("template", [])
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The answer templates {path} cannot be read: {error}.") from error
    groups: dict[str, list[Template]] = {}
    seen: set[str] = set()
    for number, table in enumerate(tables, start=1):
        where = f"{path}, template {number} ({table.get('id', 'no id')})"
        try:
            template = Template.model_validate(table)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise SettingsError(f"{where}: {problems}.") from error
        _check(template, seen, where, constants)
        groups.setdefault(template.intent, []).append(template)
    return Templates({intent: tuple(group) for intent, group in groups.items()}, constants)


def _check(template: Template, seen: set[str], where: str, constants: Mapping[str, str]) -> None:
    if template.id in seen:
        raise SettingsError(f"{where}: the id is used twice.", "Give every template an id of its own.")
    seen.add(template.id)
    try:
        names = {name for _, name, _, _ in string.Formatter().parse(template.text + template.ask) if name is not None}
    except ValueError as error:
        raise SettingsError(f"{where}: {error} in its text.", "Write a literal brace twice.") from error
    if unknown := sorted((names - set(constants) - set(template.slots)) | (set(template.slots) - set(SLOTS))):
        raise SettingsError(
            f"{where}: it uses {', '.join(unknown)}.",
            f"Slots, to be listed in `slots`, are {', '.join(SLOTS)}; always known are {', '.join(sorted(constants))}.",
        )
    if template.slots and not template.ask:
        raise SettingsError(f"{where}: it needs slots but has no question.", "Add `ask`, the question for them.")

"""Answer templates: what the assistant says per intent, and the article that each rests on; per language."""

from __future__ import annotations

import string
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from verticals import SettingsError

from .data import STARTER, readable
from .slots import SLOTS
from .words import words_of


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
    """All templates of a language, by intent in the order of the file: within an intent the first is preferred.

    Args:
        by_intent: the templates.
        constants: values that are the same in every answer.
        language: of all of them, ISO 639-1.
        words: what the assistant says of itself, where that differs from what comes with the plugin.
        topics: what intents are called before customers; one that is not among them is called by its own name.
    """

    by_intent: Mapping[str, tuple[Template, ...]] = field(default_factory=dict)
    constants: Mapping[str, str] = field(default_factory=dict)
    language: str = "en"
    words: Mapping[str, Any] = field(default_factory=dict)
    topics: Mapping[str, str] = field(default_factory=dict)

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

    def topic(self, intent: str) -> str:
        """What an intent is called before customers."""
        return self.topics.get(intent, readable(intent))

    def said(self, name: str, **values: str) -> str:
        """What the assistant says of itself; see `words`."""
        return self.say(self.word(name), values)

    def word(self, name: str) -> Any:
        """The same as it stands there; see `words`."""
        return words_of(self.language, self.words)[name]


def load_all(path: Path | None, constants: Mapping[str, str], language: str) -> dict[str, Templates]:
    """Read the templates of every language: ``templates.toml``, and beside it ``templates.zh.toml`` and so on.

    Args:
        path: the file in the shop's own language; without it, the starter's.
        constants: see `load`.
        language: the shop's own.

    Raises:
        SettingsError: as `load`; or there is no file in the shop's own language.
    """
    main = path or STARTER / "templates.toml"
    files = {one.suffixes[-2][1:]: one for one in sorted(main.parent.glob(f"{main.stem}.??{main.suffix}"))}
    files |= {language if path else "en": main}
    if language not in files:
        raise SettingsError(
            f"The setting language is {language!r}, in which there are no answer templates.",
            f"Write them and name their file in the setting templates, or use one of {', '.join(sorted(files))}.",
        )
    return {name: load(file, constants, name) for name, file in files.items()}


def load(path: Path | None, constants: Mapping[str, str], language: str = "en") -> Templates:
    """Read a TOML file of ``[[template]]`` tables; without ``path``, the starter's.

    Args:
        path: the file.
        constants: values that are the same in every answer, such as ``shop_name``; and may stand in any text.
        language: of its texts.

    Raises:
        SettingsError: the file cannot be read, or a template in it cannot be used.
    """
    path = path or STARTER / "templates.toml"
    try:
        file = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"The answer templates {path} cannot be read: {error}.") from error
    groups: dict[str, list[Template]] = {}
    seen: set[str] = set()
    for number, table in enumerate(file.get("template", []), start=1):
        where = f"{path}, template {number} ({table.get('id', 'no id')})"
        try:
            template = Template.model_validate(table)
        except ValidationError as error:
            problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
            raise SettingsError(f"{where}: {problems}.") from error
        _check(template, seen, where, constants)
        groups.setdefault(template.intent, []).append(template)
    own, topics = file.get("words", {}), file.get("topics", {})
    words_of(language, own)
    return Templates({intent: tuple(group) for intent, group in groups.items()}, constants, language, own, topics)


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

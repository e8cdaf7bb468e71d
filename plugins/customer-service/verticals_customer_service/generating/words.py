"""What a statement says, as far as words show it: what it speaks of, quantities, names, and whether it says "not"."""

from __future__ import annotations

import re
from dataclasses import dataclass

from . import english

_TOKEN = re.compile(
    r"https?://\S+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|\d[\d,.:]*\d|\d|[^\W\d_]+(?:['’][^\W\d_]+)?|[£$€¥%]", re.UNICODE
)
_UNITS = 3  # words behind a number in which its unit stands
_SIGNS = "£$€¥%"


@dataclass(frozen=True)
class Quantity:
    """A number, and what it counts: signs beside it, or the words behind it."""

    value: str
    units: frozenset[str]

    def fits(self, other: Quantity) -> bool:
        """Whether both may be the same."""
        if self.value != other.value:
            return False
        signs, others = self.units & set(_SIGNS), other.units & set(_SIGNS)
        if signs or others:
            return signs == others
        return not self.units or not other.units or bool(self.units & other.units)


@dataclass(frozen=True)
class Said:
    """What a statement says, as far as words show it.

    Args:
        content: its content words, brought to one form.
        every: all of its words in that form, the small ones too.
        quantities: its numbers with their units.
        names: its names, addresses and links, in lower case.
        negated: whether it says "not".
    """

    content: frozenset[str]
    every: frozenset[str]
    quantities: tuple[Quantity, ...]
    names: frozenset[str]
    negated: bool

    @property
    def loaded(self) -> frozenset[str]:
        """Its words that make a promise larger or smaller."""
        return self.every & _LOADED

    def contradicts(self, other: Said) -> bool:
        """Whether it has one of several opposite words where ``other`` has others only."""
        return any((mine := self.every & group) and (theirs := other.every & group) and not mine & theirs
                   for group in _OPPOSITES)  # fmt: skip


def said(text: str) -> Said:
    """What a sentence or a part of one says."""
    tokens = _tokens(text)
    forms = [_form(token) for token in tokens]
    content = {form for form in forms if _is_content(form)}
    return Said(
        frozenset(content),
        frozenset(forms),
        tuple(_quantities(forms)),
        frozenset(_names(text)),
        any(form in english.NEGATIONS or form.endswith(("n't", "n’t")) for form in forms),
    )


def _tokens(text: str) -> list[str]:
    lowered = text.lower().replace("’", "'").replace("can't", "cannot").replace("won't", "will not")
    lowered = re.sub(r"\bi'(?=m|ve|ll|d)", "i ", re.sub(r"n't\b", " not", lowered))
    for pattern, instead in english.PHRASES:
        lowered = pattern.sub(instead, lowered)
    return _TOKEN.findall(lowered)


def _form(token: str) -> str:
    """The one form of a word; of a number its value."""
    if token[0].isdigit():
        return _value(token)
    token = token.removesuffix("'s")
    root = _root(token)
    return english.NUMBERS.get(token) or _SAME_ROOTS.get(root, root)


def _value(token: str) -> str:
    if ":" in token:
        return token
    plain = token.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", token) else token.replace(",", ".")
    plain = plain.rstrip(".")
    return str(float(plain)).removesuffix(".0") if re.fullmatch(r"\d+(?:\.\d+)?", plain) else plain


def _root(word: str) -> str:
    """A word without its ending, roughly: it need only be the same for the forms of one word."""
    if len(word) <= 3 or not word.isascii():
        return word
    for ending, instead in (("ies", "y"), ("ied", "y"), ("sses", "ss"), ("ing", ""), ("ed", ""), ("ely", "e"),
                            ("ly", ""), ("s", "")):  # fmt: skip
        if word.endswith(ending) and not word.endswith(("ss", "us")) and len(word) - len(ending) >= 3:
            word = word.removesuffix(ending) + instead
            break
    if len(word) > 4 and word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word.removesuffix("e") if len(word) > 3 else word


def _is_content(form: str) -> bool:
    return form not in _STOP_FORMS and not form[0].isdigit() and form not in _SIGNS and "'" not in form


def _quantities(forms: list[str]) -> list[Quantity]:
    found = []
    for place, form in enumerate(forms):
        if not form[0].isdigit():
            continue
        units = {one for one in forms[max(0, place - 1) : place] + forms[place + 1 : place + 2] if one in _SIGNS}
        for word in forms[place + 1 : place + 1 + _UNITS]:
            if word[0].isdigit():
                break
            if _is_content(word):
                units.add(word)
        found.append(Quantity(form, frozenset(units)))
    return found


def _names(text: str) -> list[str]:
    """Words with a capital letter inside a sentence or in capitals, codes, addresses and links; in lower case."""
    names = [match.group().lower().rstrip(".,;") for match in re.finditer(r"https?://\S+|\S+@\S+\.\S+", text)]
    for match in re.finditer(r"[^\W\d_][\w'’-]*\d[\w-]*|\b[^\W\d_][\w'’]*", text):
        word, before = match.group(), text[: match.start()].rstrip()
        plain = word.lower().replace("’", "'").removesuffix("'s")
        begins = not before or before[-1] in '.!?:;•\n"“«(‘' or before.endswith(("-", "*"))
        if word == "I" or word.startswith(("I'", "I’")) or not (word[0].isupper() or re.search(r"\d", word)):
            continue
        if not begins or (len(word) > 1 and word.isupper()):
            names.append(plain)
    return names


_SAME_ROOTS = {_root(word): _root(group.split()[0]) for group in english.SAME for word in group.split()}
_STOP_FORMS = english.SMALL | {_form(word) for word in english.SMALL}
_LOADED = frozenset(_form(word) for word in english.LOADED)
_OPPOSITES = tuple(frozenset(_form(word) for word in pair.split()) for pair in english.OPPOSITES)

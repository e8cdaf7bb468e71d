"""Slots: the details in a message that an answer can use.

Values come out in the form in which an answer says them: ``ll 123 456`` as ``LL-123456``, ``40 quid`` as ``£40``,
``tomorrow`` as its date. Patterns come first: what has a form is found by it, which can be explained to the customer
whose words were taken. What they leave open the head `slots` may fill: products that the patterns do not know, dates
such as "the end of next week".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from datetime import date, timedelta
from typing import Literal, get_args

from verticals import Span

Slot = Literal["order_number", "email", "date", "amount", "product"]
SLOTS: tuple[Slot, ...] = get_args(Slot)
EXACT = ("order_number", "email")  # they have a form; what does not have it is none

_SIX_DIGITS = r"\d(?:[ .\-]?\d){5}(?![ .\-]?\d)"
_ORDER = re.compile(
    rf"(?<![a-z])l[ .]?l[ .]?[\-–—_.:#/]?\s?(?P<marked>{_SIX_DIGITS})"  # LL-123456, ll123456, LL 123 456
    rf"|\border\s*(?:number|num|no\.?|nr\.?|id|is|it's|#|:|\s)*\s*(?P<named>{_SIX_DIGITS})"
    rf"|^[^\w£€]*(?:(?:it'?s|it is|the number is|number|no\.?)\s+)?[#]?(?P<alone>{_SIX_DIGITS})\W*$",
    re.IGNORECASE,
)
_EMAIL = re.compile(r"[\w.+%\-]+\s?@\s?(?:[\w\-]+\.)+[a-z]{2,}", re.IGNORECASE)

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?)"
)
_WEEKDAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_DATE = re.compile(
    rf"\b(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})\b"
    rf"|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?:\s+of)?\s+(?P<month>{_MONTH})\b\.?(?:\s+(?P<year>20\d\d))?"
    rf"|\b(?P<month2>{_MONTH})\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year2>20\d\d))?"
    rf"|\b(?P<slashed>(?!24/7\b)\d{{1,2}}[/.]\d{{1,2}}(?:[/.](?:20)?\d\d)?)\b(?!\s*(?:£|pounds?|quid|%|kg|cm))"
    rf"|\b(?P<relative>day after tomorrow|tomorrow|today|tonight|yesterday)\b"
    rf"|\b(?:last\s+)?(?P<weekday>(?:next\s+)?{_WEEKDAY})\b"
    rf"|\b(?P<ordinal>the\s+\d{{1,2}}(?:st|nd|rd|th))\b",
    re.IGNORECASE,
)
_MONTHS = {
    "jan": "January",
    "feb": "February",
    "mar": "March",
    "apr": "April",
    "may": "May",
    "jun": "June",
    "jul": "July",
    "aug": "August",
    "sep": "September",
    "oct": "October",
    "nov": "November",
    "dec": "December",
}
_RELATIVE = {"day after tomorrow": 2, "tomorrow": 1, "today": 0, "tonight": 0, "yesterday": -1}

_NUMBER = r"\d{1,3}(?:,\d{3})+(?:\.\d{1,2})?|\d+(?:[.,]\d{1,2})?"
_AMOUNT = re.compile(
    rf"(?P<sign>[£€])\s?(?P<after>{_NUMBER})"
    rf"|\b(?P<before>{_NUMBER})\s?(?P<unit>£|€|pounds?\b|quid\b|gbp\b|euros?\b|eur\b)"
    rf"|\bgbp\s?(?P<gbp>{_NUMBER})",
    re.IGNORECASE,
)

_NOUN = (  # what the starter shop sells
    "apron|baking tray|basket|bath mat|bath towel|bed linen|bench|blanket|blender|board|bookshelf|bowl|bread bin|"
    "cake stand|cake tin|candle holder|casserole dish|casserole|chair|clock|coffee grinder|coffee machine|curtain|"
    "cushion cover|cushion|cutlery set|cutting board|dish|drying rack|duvet cover|duvet|fan|flask|fondue set|"
    "food processor|fork|frying pan|glasses|glass|griddle|grinder|jar|jug|kettle|knife|knives|ladle|lampshade|"
    "lamp shade|lamp|lid|loaf tin|measuring spoon|milk frother|mill|mirror|mixer|mug|napkin|oven glove|pan|"
    "pasta machine|pepper mill|pestle and mortar|pillow|pizza stone|plate|platter|pot|rail|rug|salad spinner|"
    "salt mill|saucepan|scale|scissors|sheet|shelf|skillet|slipper|slow cooker|sofa|spatula|spoon|stand mixer|"
    "stockpot|stool|tablecloth|tea towel|teapot|throw|tin|toaster|towel|tray|vacuum flask|vase|waffle iron|whisk|"
    "wok|wooden spoon"
)
_FILLER = (
    r"(?!(?:and|or|is|was|are|were|has|had|have|in|on|of|for|to|with|from|that|which|my|the|a|an|i|you|it|this|our|"
    r"your|new|wrong|right|same|other|order|parcel|set|missing|broken|damaged|not|no)\b)[\w'’\-]+\s+"
)
_PRODUCT = re.compile(
    rf"\b(?:the|my|a|an|this|that|our|your|new|of)\s+(?P<name>(?:{_FILLER}){{0,2}}(?:{_NOUN})s?)\b"
    rf"(?!\s+(?:that|which)\s+(?:is|isn))",
    re.IGNORECASE,
)


def find(text: str, today: date, *, expected: Collection[str] = (), spans: Iterable[Span] = ()) -> dict[str, str]:
    """The slots that ``text`` gives, by name.

    Args:
        text: a customer's message.
        today: what "tomorrow" counts from.
        expected: slots that were just asked for; a bare product name is taken as one only then.
        spans: what the head `slots` found in the text.
    """
    found = {name: value for name, finder in _FINDERS.items() if (value := finder(text, today)) is not None}
    for span in spans:
        if span.label not in found and (value := said(span.label, text[span.start : span.end], today)):
            found[span.label] = value
    if "product" in expected and "product" not in found and (name := _bare_product(text)):
        found["product"] = name
    return found


def said(slot: str, words: str, today: date) -> str | None:
    """The value of words that are known to name a slot; `None` where such a slot has a form that they don't have."""
    if (value := _FINDERS[slot](words, today)) is not None and slot != "product":
        return value
    if slot in EXACT:
        return None
    return f"the {words}" if slot == "product" else words


def _order_number(text: str, today: date) -> str | None:
    match = _ORDER.search(text)
    return f"LL-{re.sub(r'[^0-9]', '', match.group(match.lastgroup or 0))}" if match else None


def _email(text: str, today: date) -> str | None:
    match = _EMAIL.search(text)
    if not match:
        return None
    name, _, domain = re.sub(r"\s", "", match.group()).rpartition("@")
    return f"{name.strip('.')}@{domain.lower()}"


def _date(text: str, today: date) -> str | None:
    match = _DATE.search(text)
    if not match:
        return None
    part = match.groupdict()
    if part["relative"]:
        return _spoken(today + timedelta(days=_RELATIVE[part["relative"].lower()]))
    if part["iso"]:
        try:
            return _spoken(date.fromisoformat(part["iso"]), with_year=True)
        except ValueError:
            return None
    if part["month"] or part["month2"]:
        day, month, year = (part[name] or part[f"{name}2"] for name in ("day", "month", "year"))
        return " ".join(filter(None, [day, _MONTHS[month[:3].lower()], year])) if 1 <= int(day) <= 31 else None
    if part["slashed"]:
        day, month = (int(number) for number in re.split(r"[/.]", part["slashed"])[:2])
        return f"{day} {list(_MONTHS.values())[month - 1]}" if 1 <= day <= 31 and 1 <= month <= 12 else None
    if part["weekday"]:
        words = part["weekday"].split()
        return " ".join([*words[:-1], words[-1].capitalize()]).replace("Next", "next")
    return str(part["ordinal"]).lower()


def _spoken(day: date, *, with_year: bool = False) -> str:
    month = list(_MONTHS.values())[day.month - 1]
    return f"{day.day} {month} {day.year}" if with_year else f"{day.day} {month}"


def _amount(text: str, today: date) -> str | None:
    match = _AMOUNT.search(text)
    if not match:
        return None
    part = match.groupdict()
    number = next(part[name] for name in ("after", "before", "gbp") if part[name])
    sign = "€" if "€" in match.group() or "eur" in match.group().lower() else "£"
    if re.fullmatch(r"\d+,\d{1,2}", number):  # a decimal comma
        number = number.replace(",", ".")
    return f"{sign}{number}"


def _product(text: str, today: date) -> str | None:
    match = _PRODUCT.search(text)
    return f"the {match['name']}" if match else None


def _bare_product(text: str) -> str | None:
    """A short reply to "which product?" once order number, date and the like are taken out."""
    for pattern in (_ORDER, _EMAIL, _DATE, _AMOUNT):
        text = pattern.sub(" ", text)
    text = re.sub(r"(?i)\b(?:it'?s|it is|the|my|a|an|and|order|number|from|on|is|please)\b", " ", text)
    words = re.findall(r"[\w'’\-]+", text)
    return f"the {' '.join(words)}" if 1 <= len(words) <= 5 and any(len(word) > 2 for word in words) else None


_FINDERS: dict[str, Callable[[str, date], str | None]] = {
    "order_number": _order_number,
    "email": _email,
    "date": _date,
    "amount": _amount,
    "product": _product,
}

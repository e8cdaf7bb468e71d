"""What a statement says, as far as words show it: what it speaks of, quantities, names, and whether it says "not".

English is understood. The lists are short on purpose: each line can be shown to whoever asks why a sentence was refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_PHRASES = (  # what is said in several words, or in several ways, in one
    (re.compile(r"\b(?:at no|with no|without|no)(?: extra| additional| further)? (?:charge|cost|fee)s?\b"), " free "),
    (re.compile(r"\bfree of charge\b|\bcosts? nothing\b|\bpays? nothing\b|\bfor nothing\b"), " free "),
    (re.compile(r"\bnothing is charged\b"), " not charged "),
    (re.compile(r"\b(?:send|sent|sending|sends|take|taken|takes|bring|brought|give|given) (?:\w+ ){0,2}?back\b"), " return "),
    (re.compile(r"\b(?:tak|took|tak(?:e|en|es|ing)) (?:it |that |this )?off\b"), " deduct "),
    (re.compile(r"\bas long as\b"), " while "),
    (re.compile(r"\bas soon as\b"), " once "),
    (re.compile(r"\bat once\b|\bright away\b|\bstraight away\b"), " immediately "),
    (re.compile(r"\bno longer\b|\bnot any more\b"), " not "),
    (re.compile(r"\b(?:in|out) stock\b"), lambda match: f" {match.group().replace(' ', '')} "),
    (re.compile(r"\be-?mails?\b"), " email "),
    (re.compile(r"\bcheck(?:ing)?[ -]in\b"), " checkin "),
)  # fmt: skip
_STOP = frozenset(
    "a about above across after all also am an and any are as at away back be because been before being below between "
    "but by can come could did do does doing down during either else even for from go had has have having he her here "
    "him his how i if in into is it its itself just let like may me might mine must my of off on one only onto or other "
    "our ours out over own please put shall she should so some such take than that the their theirs them then there "
    "these they this those though through to too under until up upon us very was way we well were what when where "
    "whether which while who whom whose why will with within would yes you your yours yourself s d ll m re ve t "
    "not no never none nor neither nothing nobody cannot once still yet however need soon again make made become".split()
)
_NEGATIONS = frozenset(
    "not no never none nor neither nothing nobody cannot unable impossible excluded exclude excludes refuse refused "
    "except".split()
)
# What changes a promise; it must stand in what supports the sentence.
_LOADING = (
    "always guarantee promise immediate instant free all any anyone ever forever unlimited full whole every "
    "never definitely certain automatic approve cancel already entire total compensate apologise voucher discount "
    "today tomorrow tonight soon lifetime"
)
_PAIRS = (
        "before after", "with without", "open close", "first last", "minimum maximum", "used unused", "hot cold",
        "above below", "more less", "earlier later", "start end", "weekday weekend", "inside outside", "can must",
        "online airport", "year month", "hour minute", "day month", "buyer seller", "we you", "accept refuse",
        "included excluded", "until from", "cheap expensive", "large small", "lower higher", "over under",
)  # fmt: skip
_NUMBERS = dict(
    zip(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen twenty".split(),
        map(str, range(21)),
        strict=True,
    )
) | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100", "noon": "12",
     "midnight": "24", "half": "0.5", "twice": "2", "double": "2"}  # fmt: skip
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
        """Whether it has one of two opposite words where ``other`` has the other one only."""
        return any(
            len(mine := self.every & pair) == 1 and len(theirs := other.every & pair) == 1 and mine != theirs
            for pair in _OPPOSITES
        )


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
        any(form in _NEGATIONS or form.endswith(("n't", "n’t")) for form in forms),
    )


def _tokens(text: str) -> list[str]:
    lowered = text.lower().replace("’", "'").replace("can't", "cannot").replace("won't", "will not")
    lowered = re.sub(r"n't\b", " not", lowered)
    for pattern, instead in _PHRASES:
        lowered = pattern.sub(instead, lowered)
    return _TOKEN.findall(lowered)


def _form(token: str) -> str:
    """The one form of a word; of a number its value."""
    if token[0].isdigit():
        return _value(token)
    token = token.removesuffix("'s")
    root = _root(token)
    return _NUMBERS.get(token) or _SAME.get(root, root)


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
    """Words with a capital letter inside a sentence or in capitals, addresses and links."""
    names = [match.group().lower().rstrip(".,;") for match in re.finditer(r"https?://\S+|\S+@\S+\.\S+", text)]
    for match in re.finditer(r"[^\W\d_][\w'’-]*\d[\w-]*|\b[^\W\d_][\w'’]*", text):
        word, before = match.group(), text[: match.start()].rstrip()
        inside = bool(before) and before[-1] not in '.!?:;•\n"“«(‘' and not before.endswith(("-", "*"))
        shouted = len(word) > 1 and word.isupper()
        if (word[0].isupper() and inside and word not in ("I", "I'm", "I’m")) or shouted:
            names.append(word.lower().replace("’", "'").removesuffix("'s"))
    return names


_SAME = {
    _root(word): _root(group.split()[0])
    for group in (
        "get receive obtain",
        "cost price charge fee",
        "parcel package packet",
        "send ship dispatch post deliver delivery dispatched sent shipped shipment shipping",
        "buy purchase bought",
        "choose select pick chosen selected",
        "allow permit may welcome possible",
        "contact reach write",
        "deduct subtract",
        "change alter edit modify amend",
        "need require",
        "each every",
        "minimum least",
        "maximum most",
        "item goods article product thing",
        "show display appear",
        "pay paid",
        "keep kept hold held",
        "begin start began",
        "leave left",
        "further another additional extra more",
        "include included",
        "valid last",
        "offer available",
        "repay refund",
        "person customer",
        "usual normal usually normally",
        "replace replacement",
        "document papers",
    )
    for word in group.split()
}
_STOP_FORMS = frozenset({_form(word) for word in _STOP} | _STOP)
_LOADED = frozenset(_form(word) for word in _LOADING.split())
_OPPOSITES = tuple(frozenset(_form(word) for word in pair.split()) for pair in _PAIRS)

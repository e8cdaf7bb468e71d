"""Personal data in text, replaced by placeholders such as ``[EMAIL]`` before anything is stored.

Patterns with the checks that the numbers themselves carry: Luhn for cards (ISO/IEC 7812), modulus 97 and the length
of the country for IBANs (ISO 13616). A phone number has no check digit; it is known by its shape, or by the words
before it. Names and addresses: see `verticals_customer_service.people`. Patterns, not a model: whoever asks why a word
was taken can be shown the line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from . import people

KINDS = ("EMAIL", "IBAN", "CARD", "ORDER", "PHONE", "NAME", "ADDRESS")
PLACEHOLDER = re.compile(rf"\[(?:{'|'.join(KINDS)})\]")
ORDER_PATTERN = r"L[ .]?L[ .]?[\-–—_.:#/]?\s?\d(?:[ .\-]?\d){5}(?![ .\-]?\d)"  # LL-123456, ll 123 456

_NAME = r"(?<![A-Za-z0-9À-ɏ._%+\-])[A-Za-z0-9À-ɏ](?:[A-Za-z0-9À-ɏ._%+'’\-]{0,62}[A-Za-z0-9À-ɏ_+])?"
_DOMAIN = r"(?:[A-Za-z0-9À-ɏ\-]+\.)+[A-Za-z]{2,}"
_SPOKEN_TLD = r"(?:com|org|net|eu|info|io|me|co|uk|ie|de|at|ch|fr|be|nl|es|it|pt|pl|se|no|dk|fi|cz|cn)"
_EMAIL = re.compile(
    rf"{_NAME}\s?[@＠]\s?{_DOMAIN}"
    rf"|{_NAME}\s?[(\[{{]\s?(?:at|ät)\s?[)\]}}]\s?[A-Za-z0-9\-]+(?:\s?(?:\.|[(\[{{]\s?(?:dot"
    rf"|punkt)\s?[)\]}}])\s?[A-Za-z]{{2,}})+"
    rf"|{_NAME}\s(?:at|AT)\s[A-Za-z0-9\-]+(?:\s(?:dot|DOT)\s[A-Za-z]{{2,}})*\s(?:dot|DOT)\s{_SPOKEN_TLD}\b",
    re.IGNORECASE,
)

_IBAN_LENGTHS = {
    country: length
    for length, countries in (
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FO GL NL"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU XK"),
        (21, "CH HR LI LV"),
        (22, "BG BH CR DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "PT"),
        (26, "IS TR"),
        (27, "FR GR IT MC SM"),
        (28, "AL AZ BY CY DO GT HU LB PL"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU"),
        (31, "MT SC"),
    )
    for country in countries.split()
}
_IBAN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?=[ \-]?[A-Za-z0-9])")

_CARD = re.compile(r"(?<![\d.,])(?<!\d[ \-])[2-6]\d{3}(?:[ \-.]?\d){9,15}(?![ \-]?\d)(?![.,]\d)")
_CARD_BRANDS = re.compile(
    r"4\d{12}(?:\d{3}(?:\d{3})?)?"  # Visa
    r"|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}"  # Mastercard, American Express, Diners
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}"  # Discover, JCB
    r"|62\d{14,17}|(?:50|5[6-9]|6[0-9])\d{11,17}"  # UnionPay, Maestro
)

_ORDER_WORD = (
    r"(?:order|bestellung|bestell(?:nummer|nr)?|auftrag(?:s?nummer)?|commande|pedido|ordine|bestelling|beställning"
    r"|zamówieni[ea]|ticket|booking)"
)
_NUMBER_WORD = (
    r"(?:number|num|no\.?|nr\.?|n[°ºo]\.?|nummer|numéro|número|numero|id|ref(?:erence)?|is|it'?s|ist|est|es|è)"
)
_UNIT = (
    r"(?:pieces?|pcs|units?|items?|x\b|sets?|plates?|boxes|bags|mugs?|glasses|kg|g\b|ml|cm|mm|l\b|%|€|£|\$|eur|gbp"
    r"|usd|euros?"
    r"|pounds?|stück|people|guests|times|days?|weeks?|件|个|元|块)"
)
_ORDER_NEAR = re.compile(
    rf"\b{_ORDER_WORD}(?:\s*(?:{_NUMBER_WORD}(?![a-z])|[#:=(–\-]))*\s*#?\s?"
    rf"(?P<id>[A-Z]{{0,4}}[\-_/]?\d(?:[\- ]?\d){{4,13}})(?![\d\-/]|[.,]\d|\s?{_UNIT})"
    rf"|(?:订单编号|订单号码|订单号|订单|(?<![递运流])单号|訂單編號|訂單)(?:\s*(?:是|为|：|:|#|\())*\s*"
    rf"(?P<cn>[A-Z]{{0,4}}[\-_]?\d(?:[\- ]?\d){{4,18}})(?!\s?{_UNIT})"
    rf"|(?<![A-Za-z0-9_&])#\s?(?P<hash>[A-Z]{{0,4}}[\-_]?\d{{5,14}})(?![\d\w])",
    re.IGNORECASE,
)

_PHONE = re.compile(
    r"(?<![A-Za-z0-9_.,/#\-])(?<!\d )(?:"
    r"\+\s?\d{1,3}(?:[ .\-/]?\(0?\d{1,5}\))?(?:[ .\-/]{0,3}\d){5,13}"  # +49 30 901820, +44 (0)113 496 0142
    r"|00[1-9]\d{0,2}(?:[ .\-/]?\(0\))?(?:[ .\-/]?\d){6,12}"  # 0044 113 496 0142
    r"|\(0\d{1,5}\)[ .\-/]?\d(?:[ .\-/]?\d){4,9}"  # (0113) 496 0142
    r"|0[1-9]\d?(?:[ .\-/]{0,3}\d){7,10}"  # 0113 496 0142, 06 12 34 56 78, 0171/1234567, 010-62345678
    r"|(?:1[ .\-])?\(?[2-9]\d{2}\)?[ .\-][2-9]\d{2}[ .\-]\d{4}"  # (415) 555-0132
    r"|1[3-9]\d[ \-]?\d{4}[ \-]?\d{4}"  # 138 0013 8000
    r")(?![ \-]?\d)(?![A-Za-z_]|/\d)(?![.,]\d)"
)
_PHONE_ASIDE = re.compile(  # a number is one when these words announce it
    r"(?:\b(?:phone|tel|telephone|mobile|cell|call(?: me)?|ring(?: me)?|text me|whats ?app|fax|reach me|contact|handy"
    r"|telefon|rufnummer|anrufen|téléphone|portable|teléfono|telefono|móvil|cellulare|komórka|puhelin|numer"
    r"|mobiele?)\w*"
    r"|电话|手机|号码|致电|联系|電話|手機|微信)"
    r"[^\d\n.!?]{0,22}(?P<number>\d(?:[ .\-/()]{0,2}\d){5,12})(?![ \-]?\d)(?![A-Za-z_%€£]|/\d)(?![.,]\d)",
    re.IGNORECASE,
)
_OTHER_NUMBER = re.compile(  # what a long number is when these words stand before it
    r"(?:track|parcel|shipment|sendung|colis|suivi|item|article|artikel|art\.|sku|\bean\b|barcode|model|serial|batch"
    r"|\blot\b"
    r"|part\b|product|invoice|rechnung|facture|gift ?card|voucher|gutschein|promo|code|\bpin\b|postcode|\bzip\b"
    r"|version|firmware|isbn|asin|colou?r|farbe|颜色|vat|ust|快递|运单|物流|型号|货号|条码|发票|编号"
    r"|优惠码)[^\d\n!?。！？]{0,18}$",
    re.IGNORECASE,
)
_DATE_LIKE = re.compile(
    r"(?:19|20)\d\d[ ./\-]\d{1,2}[ ./\-]\d{1,2}|\d{1,2}[ ./\-]\d{1,2}[ ./\-](?:19|20)\d\d"
    r"|(?:0?[1-9]|[12]\d|3[01])\.\s?(?:0?[1-9]|1[0-2])\.\s?\d\d"
)


@dataclass(frozen=True, slots=True)
class Found:
    """One piece of personal data: its kind, where it stands in the text, and the words themselves."""

    kind: str
    start: int
    end: int
    value: str


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its personal data, and what was taken out, in the order of the text."""

    text: str
    found: tuple[Found, ...]


class Redactor:
    """Finds and replaces personal data.

    Args:
        order_pattern: how the shop's order numbers look, a regular expression; case does not matter.

    Raises:
        re.error: the pattern is no regular expression.
    """

    def __init__(self, order_pattern: str = ORDER_PATTERN) -> None:
        self._order = re.compile(rf"(?<![A-Za-z0-9])(?:{order_pattern})", re.IGNORECASE)

    def find(self, text: str) -> list[Found]:
        """What there is, in the order of the text; nothing overlaps."""
        taken: list[Found] = []
        for kind, spans in (
            ("EMAIL", _emails(text)),
            ("IBAN", _ibans(text)),
            ("ORDER", (match.span() for match in self._order.finditer(text) if match.group())),
            ("CARD", _cards(text)),
            ("ORDER", _orders(text)),
            ("PHONE", _phones(text)),
            ("ADDRESS", people.addresses(text)),
            ("NAME", people.names(text)),
        ):
            for start, end in spans:
                if not any(start < other.end and other.start < end for other in taken):
                    taken.append(Found(kind, start, end, text[start:end]))
        return sorted(taken, key=lambda found: found.start)

    def redact(self, text: str) -> Redacted:
        """The text with a placeholder in the place of each; a text that is redacted already stays as it is."""
        found = self.find(text)
        parts, at = [], 0
        for one in found:
            parts += [text[at : one.start], f"[{one.kind}]"]
            at = one.end
        return Redacted("".join([*parts, text[at:]]), tuple(found))


def luhn(digits: str) -> bool:
    """Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def mod97(iban: str) -> bool:
    """Whether an IBAN without spaces has the right check digits (ISO 13616, ISO/IEC 7064)."""
    return int("".join(str(int(sign, 36)) for sign in iban[4:] + iban[:4])) % 97 == 1


def _emails(text: str) -> Iterator[tuple[int, int]]:
    if (
        "@" in text
        or "＠" in text
        or " dot " in text.lower()
        or re.search(r"[(\[{]\s?[aä]t\s?[)\]}]", text, re.IGNORECASE)
    ):
        for match in _EMAIL.finditer(text):
            yield match.span()


def _ibans(text: str) -> Iterator[tuple[int, int]]:
    for match in _IBAN.finditer(text):
        length = _IBAN_LENGTHS.get(match.group()[:2].upper())
        rest = (
            re.compile(rf"(?:[ \-.]?[A-Za-z0-9]){{{length - 4}}}(?![A-Za-z0-9])").match(text, match.end())
            if length
            else None
        )
        if rest and mod97(re.sub(r"[^A-Z0-9]", "", text[match.start() : rest.end()].upper())):
            yield match.start(), rest.end()


def _cards(text: str) -> Iterator[tuple[int, int]]:
    for match in _CARD.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if _CARD_BRANDS.fullmatch(digits) and luhn(digits) and not _announced_otherwise(text, match.start()):
            yield match.span()


def _orders(text: str) -> Iterator[tuple[int, int]]:
    for match in _ORDER_NEAR.finditer(text):
        start, end = match.span(match.lastgroup or 0)
        if not _DATE_LIKE.fullmatch(text[start:end].strip()) and not _announced_otherwise(text, match.start()):
            yield start, end


def _phones(text: str) -> Iterator[tuple[int, int]]:
    for match in _PHONE.finditer(text):
        if _may_be_phone(match.group()) and not _announced_otherwise(text, match.start()):
            yield match.span()
    for match in _PHONE_ASIDE.finditer(text):
        if _may_be_phone(match["number"]) and not _announced_otherwise(text, match.start("number")):
            yield match.span("number")


def _may_be_phone(written: str) -> bool:
    digits = re.sub(r"\D", "", written)
    return 6 <= len(digits) <= 15 and not _DATE_LIKE.match(written.strip()) and len(set(digits)) > 1


def _announced_otherwise(text: str, start: int) -> bool:
    """Whether the words before say that the number is something else, such as a tracking number."""
    return bool(_OTHER_NUMBER.search(text, max(0, start - 30), start))

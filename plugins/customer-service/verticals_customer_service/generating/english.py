"""The English that the check of support knows: each line can be shown to whoever asks why a sentence was refused."""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


# What is said in several words, or in several ways, in one; of a text in lower case.
PHRASES = tuple(
    (re.compile(pattern), f" {instead} ")
    for pattern, instead in (
        (r"\b(?:at no|with no|without|no)(?: extra| additional| further)? (?:charge|cost|fee)s?\b", "free"),
        (r"\bfree of charge\b|\bcosts? nothing\b|\bpays? nothing\b|\bfor nothing\b", "free"),
        (r"\bnothing is charged\b", "not charged"),
        (r"\b(?:send|sent|sending|sends|take|taken|takes|bring|brought|give|given) (?:\w+ ){0,2}?back\b", "return"),
        (r"\b(?:take|takes|took|taken|taking) (?:it |that |this )?off\b", "deduct"),
        (r"\bas long as\b", "while"),
        (r"\bas soon as\b", "once"),
        (r"\bat once\b|\bright away\b|\bstraight away\b", "immediately"),
        (r"\bno longer\b|\bnot any more\b", "not"),
        (r"\be-?mails?\b", "email"),
        # Who does it, and who pays.
        (r"\bby (us|you)\b", r"by\1"),
        (r"\b(we|you) (?:will |must |have to |only |just )?pays?\b", r"\1pay pay"),
        (r"\bcheck(?:ing)?[ -]in\b", "checkin"),
    )
)
# Words that may stand for each other in what a shop says.
SAME = (
    "get receive obtain",
    "cost price charge fee",
    "parcel package packet",
    "send ship dispatch post deliver delivery sent shipment",
    "buy purchase bought",
    "choose select pick chosen",
    "allow permit welcome possible",
    "contact write",
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
    "valid last",
    "offer available",
    "replace replacement",
)
# Words that say nothing of the matter.
SMALL = _set(
    "a about above across after all also am an and any are as at away back be because been before being below between "
    "but by can come could d did do does doing down during either else even for from go had has have having he her "
    "here him his how however i if in into is it its itself just let like ll m made make may me might mine must my "
    "need no nobody none nor not nothing neither never cannot of off on once one only onto or other our ours out over "
    "own please put re s shall she should so some soon still such t take than that the their theirs them then there "
    "these they this those though through to too under until up upon us ve very was way we well were what when where "
    "whether which while who whom whose why will with within would yes yet you your yours yourself again become"
)
NEGATIONS = _set(
    "not no never none nor neither nothing nobody cannot unable impossible excluded exclude excludes refuse refused "
    "except"
)
# What makes a promise larger or smaller.
LOADED = _set(
    "i me my byus byyou wepay youpay always guarantee promise immediately instantly free all any anyone ever forever "
    "unlimited full whole every never definitely certainly automatically approve cancel already entire total "
    "compensate apologise voucher discount today tomorrow tonight soon lifetime"
)
# Of each line a statement has the same word as what supports it, where that has one of them at all.
OPPOSITES = (
    "before after",
    "with without",
    "open closed",
    "first last",
    "minimum maximum",
    "used unused",
    "hot cold warm",
    "red orange yellow green blue white black grey brown pink purple",
    "monday tuesday wednesday thursday friday saturday sunday",
    "january february march april june july august september october november december",
    "above below",
    "less more",
    "earlier later",
    "weekday weekend",
    "inside outside",
    "online airport",
    "second minute hour day week month year",
    "buyer seller",
    "accept refuse",
    "included excluded",
    "cheap expensive",
    "large small",
    "lower higher",
)
NUMBERS = {
    **{word: str(number) for number, word in enumerate((
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
        "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
    ))},
    "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100", "noon": "12",
    "midnight": "24", "half": "0.5", "twice": "2", "double": "2",
}  # fmt: skip

"""Names of people and postal addresses in text, where the words around them say what they are.

A name alone cannot be told from a town or a product without a model, and is not looked for: what is found is what
somebody introduces ("my name is", "Dear", "Frau", a signature), or what has the form of an address (a number and a
street, a postcode with a town). How much that is stands in docs/benchmarks.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_UPPER, _LOWER = "A-ZÀ-ÖØ-ÞĀ-ɏ", "a-zß-öø-ÿĀ-ɏ"
_PART = rf"(?:(?:Mc|Mac|O['’]|D['’]|L['’])?[{_UPPER}][{_LOWER}]+(?:['’\-][{_UPPER}]?[{_LOWER}]+)*|[{_UPPER}]\.)"
_LINK = r"(?:van der|van den|van de|van|von der|von|de la|de los|del|della|de|di|da|dos|bin|al|el|le|la)"
_FULL = rf"{_PART}(?: (?:{_LINK} )?{_PART}){{0,3}}"
# After a greeting or an introduction these are no names.
_NOT = (
    r"(?!(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herrn?|Frau|There|All|Team|Everyone|Everybody|Support|Sir|Madam|Sirs|Folks|Again|Guys|Customer|Service|Shop|Friends?|Both"
    r"|Not|Just|Still|Very|So|Sorry|Trying|Looking|Waiting|Writing|Asking|Having|Afraid|Happy|Angry|Interested|Wondering"
    r"|The|A|An|My|Your|Our|This|That|It|I|We|You|He|She|They|In|On|At|From|And|But|If|Is|Are|Was|No|Yes|Ok|Okay|Please"
    r"|Thanks?|Thank|Good|Great|Bye|Welcome|Visa|Mastercard|PayPal|Klarna|Friday|Monday|Tuesday|Wednesday|Thursday"
    r"|Saturday|Sunday|January|February|March|April|June|July|August|September|October|November|December|Christmas"
    r"|Easter|English|German|French|Spanish|Chinese|British|Irish|Scottish|Dutch|Damen|Herren|Zusammen|Kunde|Larkspur"
    r"|Amazon|DHL|UPS|Google|Apple)\b)"
)
_SMALL_NAME = rf"[{_LOWER}]{{2,}}(?:['’\-][{_LOWER}]+)?"
_NO_SMALL = (
    r"(?!(?:and|but|or|not|on|in|the|a|an|is|was|for|with|spelt|spelled|wrong|misspelled|my|i|at|from|please|it)\b)"
)
_INTRODUCED = (
    r"(?:[Mm]y (?:full |last |first |maiden |sur)?name(?: is|['’]s|:)|[Nn]ame:|[Tt]he name(?: is|['’]s)"
    r"|(?:[Uu]nder|[Ii]n|[Oo]n) the name(?: of)?|[Aa]ddressed to|[Rr]egistered (?:to|as)|[Mm]y name here is"
    r"|[Mm]ein Name ist|[Ii]ch heiße|[Aa]uf den Namen|[Jj]e m['’]appelle|[Mm]on nom est|[Aa]u nom de"
    r"|[Mm]e llamo|[Mm]i nombre es|[Aa] nombre de|[Mm]i chiamo|[Ii]k heet|[Mm]ijn naam is)"
)
_NAME = re.compile(
    rf"\b{_INTRODUCED}\s+(?P<introduced>{_NOT}{_FULL})"
    rf"|\b{_INTRODUCED}\s+(?P<small>{_NO_SMALL}{_SMALL_NAME}(?: {_NO_SMALL}{_SMALL_NAME})?)"
    r"(?=\s*(?:[,.;!?\n]|$| and\b))"
    rf"|\b(?:I['’]m|I am|[Tt]his is|it['’]s|[Ss]peaking to|[Hh]ier (?:ist|spricht)|[Ii]ch bin) "
    rf"(?P<two>{_NOT}{_PART} (?:{_LINK} )?{_PART}(?: {_PART})?)(?! (?:Street|Road|customer))"
    rf"|\b(?:[Tt]his is|[Ii]t['’]s|I['’]m) (?P<here>{_NOT}{_PART})(?= (?:here|speaking|again|from|calling|writing)\b)"
    rf"|\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herrn?|Frau|Monsieur|Madame|Mme|Señora?|Sra?|Signora?)\.? (?P<titled>{_FULL})"
    rf"|(?:^|[\n.!?] ?)(?:[Hh]i|[Hh]ello|[Hh]ey|[Dd]ear|Hallo|Liebe[rs]?|Bonjour|Hola|Ciao|Good (?:morning|afternoon"
    rf"|evening)),? (?P<greeted>{_NOT}{_PART}(?: {_PART})?)(?=\s*[,.!\n–-])"
    rf"|(?:\b(?:[Rr]egards|[Ww]ishes|[Ss]incerely|[Ff]aithfully|[Cc]heers|[Tt]hanks(?: again| a lot| in advance)?"
    rf"|[Tt]hank you|[Bb]est|[Yy]ours|[Gg]r(?:üße|uß)n?|[Gg]rüßen|[Cc]ordialement|[Ss]aludos)\s*[,.!\n–-]+\s*)"
    rf"(?P<signed>{_NOT}{_FULL})\s*[.!]?\s*$"
    r"|(?:我叫|我的名字(?:是|叫)|收件人(?:是|：|:)?\s*)(?P<cn>[\u4e00-\u9fff]{2,3})(?=[，,。.！!\s]|$)",
    re.MULTILINE,
)

_STREET = (
    r"(?:Street|St\.?|Road|Rd\.?|Avenue|Ave\.?|Lane|Ln\.?|Drive|Close|Court|Terrace|Crescent|Gardens|Grove|Boulevard"
    r"|Blvd\.?|Hill|Row|Mews|Walk|Quay|Parade|Rise|View|Green|Park Road|Way)"
)
_WORD = rf"[{_UPPER}][{_LOWER}'’\-]+"
_UK_CODE = r"(?:GIR ?0AA|[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2})"
_FLAT = r"(?:(?:[Ff]lat|[Aa]pt\.?|[Aa]partment|[Uu]nit|[Ss]uite) \w{1,4},? )?"
_TOWN = rf"{_WORD}(?:[ \-](?:{_WORD}|upon|on|am|an der|sur|le|la)){{0,3}}"
_ADDRESS = re.compile(
    # 12 Alder Road, Stockport SK4 3AB; Flat 2, 8b St Anne's Terrace; 1600 Elm Ave, Springfield, IL 62704
    rf"\b{_FLAT}\d{{1,5}}[a-zA-Z]?,? (?:(?:{_WORD}|St\.?|The|of) ){{1,4}}{_STREET}(?![{_LOWER}])"
    rf"(?:,? (?:[Ff]lat|[Aa]pt\.?|[Uu]nit) \w{{1,4}})?(?:,\s*{_TOWN}){{0,2}}"
    rf"(?:,?\s*(?:{_UK_CODE}\b|[A-Z]{{2}} \d{{5}}(?:-\d{{4}})?|\d{{5}}))?"
    # Lindenstraße 14b, 10115 Berlin; Am Markt 3 only with a postcode
    rf"|\b(?:{_WORD}[ \-])?{_WORD}(?:straße|strasse|str\.|weg|gasse|allee|platz|ufer|ring|damm)\s\d{{1,4}} ?[a-z]?\b"
    rf"(?:,?\s*(?:D-|A-|CH-)?\d{{4,5}} {_TOWN})?"
    rf"|\b(?:{_WORD}[ \-]){{0,2}}(?:Straße|Strasse|Weg|Platz|Allee|Markt)\s\d{{1,4}} ?[a-z]?\b(?:,?\s*(?:D-|A-|CH-)?"
    rf"\d{{4,5}} {_TOWN})?"
    # 12 rue de la Paix, 75002 Paris; Calle Mayor 5; Via Roma 12, 20121 Milano; Keizersgracht 12, 1015 CX Amsterdam
    r"|\b\d{1,4}(?: bis| ter)?,? (?:rue|avenue|boulevard|place|chemin|allée|impasse|quai) "
    rf"(?:(?:de la|de l['’]|des|de|du|d['’])\s?)?{_WORD}(?:[ \-]{_WORD})*(?:,?\s*\d{{5}} {_TOWN})?"
    rf"|\b(?:Calle|Avenida|Plaza|Paseo|Via|Viale|Piazza|Corso)(?: (?:de la|de los|del|de|della|di|dei))? {_WORD}"
    rf"(?: {_WORD})*,? \d{{1,4}}(?:,?\s*\d{{5}} {_TOWN})?"
    rf"|\b{_WORD}(?:straat|gracht|laan|plein|kade|weg)\s\d{{1,4}}(?:,?\s*\d{{4}} ?[A-Z]{{2}} {_TOWN})?"
    rf"|\b\d{{4}} ?(?!AM|PM)[A-Z]{{2}} {_TOWN}"
    # A postcode by itself, where it is one beyond doubt.
    rf"|\b{_UK_CODE}\b"
    # What somebody calls an address.
    r"|(?:(?<=[Mm]y address is )|(?<=[Ii] live at )|(?<=[Nn]ew address: )|(?<=[Dd]elivery address: )"
    r"|(?<=[Dd]eliver it to (?=\d)))(?=[^.!?\n]*\d)[^.!?\n]{6,90}"
    r"|(?:[\u4e00-\u9fff]{2,8}[省市])?[\u4e00-\u9fff]{2,8}[市区县][\u4e00-\u9fff]{2,10}(?:路|街|道|巷)\d{1,5}号"
    r"(?:\d{1,4}(?:室|楼|栋|单元))*"
)


def names(text: str) -> Iterator[tuple[int, int]]:
    """Where names of people stand."""
    for match in _NAME.finditer(text):
        yield match.span(match.lastgroup or 0)


def addresses(text: str) -> Iterator[tuple[int, int]]:
    """Where postal addresses stand."""
    for match in _ADDRESS.finditer(text):
        start, end = match.span()
        yield start, start + len(text[start:end].rstrip(" ,;"))

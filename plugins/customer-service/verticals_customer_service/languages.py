"""The language of a message, among those that a shop answers in: by its script, and by the little words of Latin ones.

Nothing is guessed from too little: "ok", an order number or a name says nothing, and the conversation goes on in the
language that it had. A message of two scripts is in the one that makes its sentences: Chinese with English nouns in it
is Chinese, and English with a Chinese name is English.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

_SCRIPTS = {  # of languages that are told by their script
    "zh": "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff",
    "ja": "\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff",
    "ko": "\u1100-\u11ff\uac00-\ud7af",
    "th": "\u0e00-\u0e7f",
    "ar": "\u0600-\u06ff\u0750-\u077f",
    "he": "\u0590-\u05ff",
    "el": "\u0370-\u03ff",
    "ru": "\u0400-\u04ff",
    "hi": "\u0900-\u097f",
}
_LITTLE_WORDS = {
    "en": "a an the i i'm im me my we our you u your ur it its is are was were be been am do does did don't can can't "
    "could would should will have has had not no to of in on at for from with and or but if this that there what when "
    "where which who why how please pls hi hello hey thanks thank bye goodbye yes sorry want need get got any",
    "de": "ich mir mich mein meine meinen wir uns sie ihr ihre es ist sind war bin habe haben hat kann können wie wo "
    "wann was wer warum der die das den dem ein eine einen und oder aber nicht kein keine für von mit zu auf im am bei "
    "bitte danke hallo ja nein möchte",
    "fr": "je j'ai me mon ma mes nous vous votre vos il elle est sont était suis ai avez a peux puis peut comment où "
    "quand quel quelle pourquoi qui que le la les un une des du de et ou mais ne pas pour par avec dans sur au "
    "bonjour merci oui non voudrais",
    "es": "yo me mi mis nos su sus es son está estoy he ha puedo puede cómo como dónde donde cuándo cuando qué que "
    "quién por el la los las un una unos de del y o pero no para con en al hola gracias sí quiero",
    "it": "io mi mio mia miei noi vi suo è sono era ho ha posso può come dove quando quale perché chi che il lo la i "
    "gli le un una di del della e o ma non per con in su al ciao grazie sì vorrei",
    "nl": "ik mij mijn we ons u uw je jouw het is zijn was ben heb heeft kan kunnen hoe waar wanneer wat wie waarom de "
    "een en of maar niet geen voor van met naar op in aan bij alstublieft bedankt hallo ja nee wil graag",
    "pt": "eu me meu minha nós seu sua é são está estou tenho tem posso pode como onde quando qual por quem que o a os "
    "as um uma de do da e ou mas não para com em no na olá obrigado obrigada sim quero",
}
_WORDS_OF = {language: frozenset(words.split()) for language, words in _LITTLE_WORDS.items()}
_LATIN = re.compile(r"[a-zà-öø-ÿœ]+(?:['’][a-zà-öø-ÿ]+)?", re.IGNORECASE)
_NO_WORDS = re.compile(r"\S*[@\d]\S*|https?://\S+", re.ASCII)  # addresses and numbers are of no language
UNSPACED = f"[{''.join(_SCRIPTS[language] for language in ('zh', 'ja', 'th'))}]"  # a regular expression
_UNSPACED = re.compile(UNSPACED)
_WEIGHT = 2  # of a little word, beside its being a word
_PLAIN = 3  # words that are of the only Latin language without a little word of it


def detect(text: str, among: Collection[str]) -> str | None:
    """The language of ``text``.

    Args:
        text: a message.
        among: the languages that it may be in, ISO 639-1.

    Returns:
        One of them; `None` where the text says too little, or is in none of them.
    """
    scores = {language: score for language in among if (score := _score(text, language, among)) > 0}
    return max(scores, key=lambda language: scores[language], default=None)


def _score(text: str, language: str, among: Collection[str]) -> float:
    if script := _SCRIPTS.get(language):
        return len(re.findall(f"[{script}]", text))
    words = [word.lower().replace("’", "'") for word in _LATIN.findall(_NO_WORDS.sub(" ", text))]
    little = sum(word in _WORDS_OF.get(language, ()) for word in words)
    alone = sum(other not in _SCRIPTS for other in among) == 1
    known = little or (alone and len(words) >= _PLAIN)
    return len(words) + _WEIGHT * little if known else 0


def length(text: str) -> int:
    """How many words ``text`` has; of scripts without spaces every two characters count as one."""
    unspaced = len(_UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).split()) + (unspaced + 1) // 2


def restricted(language: str) -> Mapping[str, Any]:
    """The filter for documents in a language; those that name none are found in every one."""
    return {"$or": [{"language": language}, {"language": {"$exists": False}}]}

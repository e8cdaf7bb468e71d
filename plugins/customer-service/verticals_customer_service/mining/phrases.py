"""What is said in every chat and carries no matter: greetings, thanks, "let me check", hand-overs, closing words.

English and Chinese. A sentence is judged as a whole: "thanks" is small talk, "thanks, but the lid is broken" is not.
"""

from __future__ import annotations

import re

from verticals_customer_service.redaction import PLACEHOLDER

_SENTENCE = re.compile(r"[^.!?。！？…\n]+(?:[.!?](?=[^\s\"”)\]])[^.!?。！？…\n]*)*[.!?。！？…]*[\"”)]*")
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)?")
_HAN = re.compile(r"[\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af]")

_GREETING = (
    r"(?:hi+|hello+|hey+|hiya|hullo|yo|dear|good (?:morning|afternoon|evening|day)|morning|afternoon|evening"
    r"|greetings|welcome)"
    r"(?: (?:there|all|team|everyone|support|sir|madam|folks|again|guys|you lot|to \w+(?: (?:&|and) \w+)?))*"
)
_THANKS = (
    r"(?:many |ok(?:ay)?,? |great,? |perfect,? |super,? |cool,? |oh,? |no,? |yes,? |ah,? |good,? |brilliant,? "
    r"|lovely,? )*"
    r"(?:thanks?(?: you+| u)?|thx|ta|cheers|thank you+|much appreciated|thank god|tysm|danke|merci|gracias)"
    r"(?:,? (?:a lot|a million|so much|very much|again|anyway|for (?:your|the|all|that|this|waiting|checking|asking"
    r"|telling"
    r"|letting|getting|sorting|clearing|explaining|contacting|reaching|being|\w+ing)[^,;]{0,60}|then))*(?:,? [a-z]+)?"
)
_SMALL = re.compile(
    rf"(?:{_GREETING}|{_THANKS}"
    r"|(?:ok(?:ay)?|alright|all right|fine|great|perfect|super|cool|lovely|brilliant|excellent|wonderful|awesome"
    r"|amazing|nice|sweet"
    r"|got it|i see|understood|fair enough|makes sense|good to know|no problem|no worries|sure|yes|yep|yeah|no|nope"
    r"|right|done|will do"
    r"|phew|haha?|lol|wow|bye|goodbye|see you|take care|whatever|fine then|good|works?|it works(?: now)?"
    r"|works (?:again|now)"
    r"|that'?s (?:great|perfect|fine|all|it|good|quick|exactly what[^,;]*|nice|clever|kind)|all good|you(?:'re"
    r"| are) (?:great|the best))"
    r"(?:,? (?:then|now|thanks?|thank you|thx|ta|cheers|mate|so|very much|ok|great|good|there|i'?ll wait|bye|oh"
    r"|ah))*(?: [a-z]{2,9})?"
    r"|(?:a|another|one)? ?quick (?:one|question)"
    rf"|(?:{_GREETING},? )?(?:my name is|this is|i'?m|i am|it'?s|you'?re chatting with|you are chatting with)"
    r" [\w']+(?: here| from [\w' ]+| speaking)?"
    r"|[\w']+ (?:here|speaking)"
    r"|(?:i )?hope (?:you|this|that|it)[^,;]{0,50}|how are you(?: doing)?(?: today)?"
    r"|how (?:can|may) (?:i|we) (?:help|assist)(?: you)?(?: today)?|what can (?:i|we) do for you(?: today)?"
    r"|(?:are you|hello,? are you|is anyone|anybody|anyone|hello,? is anybody) (?:still )?there"
    r"|(?:you'?re|you are) (?:very |most )?welcome|my pleasure|(?:it'?s |it is )?(?:a |no )?(?:pleasure"
    r"|trouble)(?: at all)?|don'?t mention it|glad (?:to|i|we|it|that)[^,;]{0,40}"
    r"|(?:is there )?any ?thing else[^?]{0,50}|(?:have|enjoy) (?:a|your|the|fun)[^,;]{0,40}"
    r"|(?:please )?(?:let (?:us|me) know|get in touch|write to us|come back)(?: again)? (?:if|any ?time"
    r"|should)[^.]{0,80}"
    r"|congratulations(?: to you both)?|of course|certainly|absolutely|that'?s no trouble|how lovely|oh (?:no|dear)"
    r")",
    re.IGNORECASE,
)
_HOLDING = re.compile(
    r"let me (?:\w+ )?(?:check|look|see|find|have a look|pull|take a look|ask)|(?:one|just a|a) (?:moment|second"
    r"|minute|sec)\b"
    r"|please (?:hold|wait|bear with)|bear with me|i(?:'ll| will| am going to|'m going to) (?:just )?(?:check"
    r"|look into|find out|have a look|ask)"
    r"|i(?:'m| am) (?:just )?(?:checking|looking)|thanks? (?:you )?for (?:waiting|your patience|holding|telling"
    r"|asking)|hm+,? let"
    r"|^(?:right|ok),? (?:checking|looking)|请稍等|稍等|我(?:马上)?(?:帮您)?查一下|让我查|正在为您",
    re.IGNORECASE,
)
_HAND_OVER = re.compile(
    r"(?:pass|hand|transfer|forward|escalat|put|connect|refer)\w*\b[^.!?]{0,40}\b(?:colleague|team|department|manager"
    r"|supervisor|specialist"
    r"|human|someone|carrier|workshop|depot|warehouse|over|through|on to)\b|(?:colleague|someone|somebody|they"
    r"|the team|team)\b[^.!?]{0,30}\bwill"
    r" (?:\w+ )?(?:get back|write|phone|call|ring|contact|be in touch)|i(?:'ve| have) written to the|转给同事|转接"
    r"|转人工|同事(?:会|将)",
    re.IGNORECASE,
)
_SORRY = re.compile(
    r"(?:(?:oh no|oh dear|ha)[,!]? ?)?(?:i(?:'m| am)|we(?:'re| are)|my apologies|apologies|sorry|so sorry"
    r"|really sorry|terribly sorry)\b[^.!?;:]{0,30}"
    r"(?:sorry|apolog\w+|afraid)?[^.!?;:]{0,60}",
    re.IGNORECASE,
)
_ASKS_DETAIL = re.compile(
    r"(?:may|can|could|would) (?:i|you|we)[^?]{0,60}(?:order|number|e-?mail|name|address|photo|postcode|phone|send"
    r"|tell|upload|give|share"
    r"|confirm|use)|what(?:'s| is) (?:the|your)|which (?:order|number|e-?mail|item|product|account)|please (?:send"
    r"|give|tell|share|confirm"
    r"|provide|upload|e-?mail) (?:me|us|the|your|them)|do you have (?:the|your|an?) |(?:请问|请)?(?:您的|提供|发一下"
    r"|告诉)[^。]{0,8}(?:订单号|号码|邮箱|手机)",
    re.IGNORECASE,
)
_OBJECTS = re.compile(
    r"(?:didn'?t|did not|doesn'?t|does not|still (?:no|not|doesn|won)|won'?t) (?:work|help|come|show|load|arrive)"
    r"|tried (?:that|this|it)"
    r"|that'?s not what|that is not what|not true|wrong answer|no it (?:doesn|isn|didn)|还是不|没有用|不行",
    re.IGNORECASE,
)
_TO_NAME = re.compile(r"^(?:hi|hello|hey|dear|good \w+)?,? ?\[NAME\][,!.–-]*\s+(?=\S)", re.IGNORECASE)
_SMALL_HAN = re.compile(
    r"(?:您?你?好|谢谢(?:您|你)?(?:啊|了|哦)?|多谢|感谢|好的?(?:吧|了|呢)?|嗯+|哦+|行|可以|明白了?|知道了?|收到|再见"
    r"|拜拜|太好了|没事|不客气|请问|在吗"
    r"|不用谢|祝您[^。]{0,12}|还有(?:什么|其他)[^。]{0,20}|有什么可以帮[^。]{0,8}|再等等|找到了|改好了|客服|小姐姐"
    r"|谢谢你|亲|[\s,，、~～])+"
)


def sentences(text: str) -> list[str]:
    """The sentences of a text, their marks included."""
    return [found for match in _SENTENCE.finditer(text) if (found := match.group().strip())]


def words(text: str) -> int:
    """How many words a text has; a Chinese, Japanese or Korean sign counts half."""
    bare = PLACEHOLDER.sub(" ", text)
    signs = len(_HAN.findall(bare))
    return len(_WORD.findall(_HAN.sub(" ", bare))) + (signs + 1) // 2


def is_unspaced(text: str) -> bool:
    """Whether a text is mostly written without spaces, as Chinese is."""
    return 2 * len(_HAN.findall(text)) >= len(_WORD.findall(_HAN.sub(" ", text))) + 1


def is_small_talk(sentence: str) -> bool:
    """Whether a sentence is a greeting, thanks, assent, farewell or the like and nothing more."""
    named = PLACEHOLDER.sub(" ", sentence.replace("[NAME]", "Ann"))
    bare = " ".join(re.findall(r"[\w'’&,;-]+", named)).strip(" ,;-").replace("’", "'")
    return not bare or bool(_SMALL.fullmatch(bare)) or bool(_SMALL_HAN.fullmatch(bare))


def is_holding(sentence: str) -> bool:
    """Whether an agent only asks for time."""
    return words(sentence) <= 16 and bool(_HOLDING.search(sentence))


def is_hand_over(sentence: str) -> bool:
    """Whether an agent passes the matter on."""
    return bool(_HAND_OVER.search(sentence))


def is_regret(sentence: str) -> bool:
    """Whether an agent says sorry and no more."""
    bare = sentence.strip(" .!…").replace("’", "'")
    return (words(bare) <= 14 and bool(_SORRY.fullmatch(bare))) or bool(
        re.fullmatch(r"(?:非常)?抱歉[^。，]{0,10}", bare)
    )


def asks_detail(sentence: str) -> bool:
    """Whether an agent asks for an order number or another detail."""
    return (
        sentence.rstrip().endswith(("?", "？", ".", "。"))
        and bool(_ASKS_DETAIL.search(sentence))
        and words(sentence) <= 25
    )


def objects(text: str) -> bool:
    """Whether a customer says that the answer did not help."""
    return bool(_OBJECTS.search(text))


def matter(text: str) -> str:
    """A customer's words without what every chat has; empty where nothing is left."""
    return " ".join(one for one in sentences(text) if not is_small_talk(one) and words(one) > 1)


def advice(text: str) -> str:
    """An agent's words without small talk, regret, holding and hand-overs; empty where nothing is left."""
    kept = []
    for one in sentences(text):
        if is_small_talk(one) or is_holding(one) or is_hand_over(one) or is_regret(one) or words(one) < 2:
            continue
        if asks_detail(one) and one.rstrip().endswith(("?", "？")):
            continue
        kept.append(_TO_NAME.sub("", one))
    return " ".join(kept) if not kept or not is_unspaced(kept[0]) else "".join(kept)

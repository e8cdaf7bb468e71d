"""The fixed words of the chat page, in each of its languages."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PageWords:
    """What the chat page says by itself; names are of what is named or told."""

    conversation: str = "Conversation"
    begin: str = "Questions to begin with"
    about: str = "Assistant · every answer shows the article it rests on"
    again: str = "New conversation"
    message: str = "Your message"
    ask: str = "Ask a question"
    send: str = "Send"
    keys: str = "Enter sends, Shift + Enter begins a new line"
    typing: str = "An answer is on its way"
    topics: str = "Nearest topics"
    helpful: str = "Was this helpful?"
    helped: str = "This helped"
    helpless: str = "This did not help"
    understood: str = "How the message was understood"
    unclear: str = "Unclear, perhaps {intent}"
    unknown: str = "The conversation in this address is not known here, so a new one begins."
    colleague: str = "A colleague"
    taken_over: str = "{agent} has joined the conversation."
    returned: str = "{agent} has left; the assistant answers again."
    resolved: str = "This conversation is settled. Write again to go on with it."

    def note(self, kind: str, agent: str | None) -> str | None:
        """What is said of an event, if anything is."""
        notes = {"taken-over": self.taken_over, "returned": self.returned, "resolved": self.resolved}
        return notes[kind].format(agent=agent or self.colleague) if kind in notes else None


ENGLISH = PageWords()
CHINESE = PageWords(
    conversation="对话",
    begin="可以这样开始",
    about="智能助手 · 每个回答都注明依据的文章",
    again="新对话",
    message="您的消息",
    ask="请输入问题",
    send="发送",
    keys="回车发送，Shift + 回车换行",
    typing="正在回复",
    topics="相近的主题",
    helpful="这个回答有帮助吗？",
    helped="有帮助",
    helpless="没有帮助",
    understood="消息是怎么理解的",
    unclear="不确定，可能是 {intent}",
    unknown="这个地址里的对话在这里找不到，所以开始新的对话。",
    colleague="客服人员",
    taken_over="{agent} 已加入对话。",
    returned="{agent} 已离开，由智能助手继续回答。",
    resolved="此问题已解决。如需继续，请再写一条消息。",
)
_LANGUAGES = {"en": ENGLISH, "zh": CHINESE}


def page_words(language: str) -> PageWords:
    """The words in a language; English where they are not written in it."""
    return _LANGUAGES.get(language, ENGLISH)


def preferred(header: str) -> str | None:
    """The first language of an ``Accept-Language`` header, ISO 639-1."""
    first = header.split(",")[0].split(";")[0].strip().lower()[:2]
    return first if len(first) == 2 and first.isalpha() else None

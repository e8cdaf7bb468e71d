"""A head of the platform's own that phrases answers."""

import asyncio

import pytest

from verticals import Evidence, Host
from verticals_customer_service.answers import Answer
from verticals_customer_service.generating import Phrasing, source
from verticals_customer_service.settings import Generator

PASSAGE = "Spare lids cost £4 each."
SAID = "Spare lids cost £4 [1]."
PLUGIN = '''
"""Answers in words of its own."""

from pydantic import BaseModel

from verticals import Dataset, Recipe, TaskHead, hookimpl


class Row(BaseModel):
    question: str
    passages: str
    answer: str


def load():
    for number in range(24):
        yield Row(question=f"how much is lid {number}", passages="[1] PASSAGE", answer="SAID")


@hookimpl
def register_datasets():
    yield Dataset(name="rows", row=Row, load=load, split_by="question")


@hookimpl
def register_heads():
    yield TaskHead(
        name="reply", dataset="rows", objective="generate", inputs=("question", "passages"), target="answer",
        recipe=Recipe(encoder="MODEL", epochs=12, learning_rate=2e-2, batch_size=8),
    )
'''


@pytest.fixture(scope="module")
def plugins(tmp_path_factory):
    """The plugin, on a tiny model with random weights whose words are those of its rows."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("words")
    words = dict.fromkeys(
        ["<unk>", "</s>", "\n", *f"how much is lid [1] {PASSAGE} {SAID}".split(), *map(str, range(24))]
    )
    fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    fast.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split("\n", "isolated")]
    )
    PreTrainedTokenizerFast(tokenizer_object=fast, unk_token="<unk>", eos_token="</s>").save_pretrained(
        folder / "model"
    )
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
            max_position_embeddings=128, initializer_range=0.3,
        )
    ).save_pretrained(folder / "model")  # fmt: skip
    text = PLUGIN.replace("PASSAGE", PASSAGE).replace("SAID", SAID).replace("MODEL", str(folder / "model"))
    (folder / "plugins").mkdir()
    (folder / "plugins" / "words.py").write_text(text, encoding="utf-8")
    return folder / "plugins"


def test_what_it_writes_is_said_where_the_passages_support_it(plugins, tmp_path):
    def quoted(passage):
        cited = [Evidence("article", "lids", f"Lids. {passage}", "lids.md", 0.8, (6, 6 + len(passage)), "Lids")]
        return Answer(text=f"{passage} [1]", action="search", citations=cited)

    async def run(host):
        async with host.serve(["words"]) as served:
            settings = Generator(head="words/reply", seconds=30)
            phrasing = Phrasing(settings, source(settings, served["words"]), served["words"].embed)
            return [await phrasing.phrase("how much is lid 3", quoted(one)) for one in (PASSAGE, "Spare lids cost £6.")]

    with Host.open(tmp_path / "home", plugins_dir=plugins) as host:
        (said, told), (other, refused) = asyncio.run(run(host))
    assert (said.text, said.phrased, told.used, told.by) == ("Spare lids cost £4. [1]", True, True, "words/reply")
    assert (other.text, other.phrased, refused.used) == ("Spare lids cost £6. [1]", False, False)
    assert "“4”" in refused.why

"""Fine-tuning of language models: packed or not, by answers only, resumed exactly, streamed as predicted."""

import dataclasses

import pytest
import torch
from safetensors.torch import load_file

from verticals.contract import BadInput, Damaged, Extent
from verticals.encoder.decoding import Sampling, decode
from verticals.encoder.language import Language, keeps_apart, load_model
from verticals.inference import Engine
from verticals.tuning import fit
from verticals.tuning.objectives import Generate
from verticals.tuning.packed import first_fit

PAIRS = [("one", "uno"), ("two", "dos"), ("three", "tres"), ("red", "rojo"), ("blue", "azul"), ("dog", "perro")]
ROWS = [{"text": f"say {word} now please"[: None if at % 2 else -7], "answer": f"it is {said}"}
        for at in range(4) for word, said in PAIRS]  # fmt: skip
WORDS = ["say", "now", "please", "it", "is", "?", "!", "u", "a"] + [word for pair in PAIRS for word in pair]
TEMPLATE = (
    "{% for m in messages %}<{{ m['role'] }}> {{ m['content'] }} <end>\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant> {% endif %}"
)


@pytest.fixture(scope="session")
def language_model(tmp_path_factory):
    """Makes a folder with a tiny causal model of a kind."""

    def make(kind="llama", template=None):
        from tokenizers import Tokenizer, models, pre_tokenizers
        from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

        folder = tmp_path_factory.mktemp(kind)
        special = ["<unk>", "</s>", "<end>", "<user>", "<assistant>"]
        words = [*special, "\n", *WORDS]
        fast = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
        fast.pre_tokenizer = pre_tokenizers.Sequence(
            [pre_tokenizers.Split(" ", "removed"), pre_tokenizers.Split("\n", "isolated")]
        )
        tokenizer = PreTrainedTokenizerFast(
            tokenizer_object=fast, unk_token="<unk>", eos_token="</s>", additional_special_tokens=special[2:]
        )
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        size = len(words)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = (
                GPT2LMHeadModel(GPT2Config(vocab_size=size, n_embd=32, n_layer=2, n_head=2, n_positions=64))
                if kind == "gpt2"
                else LlamaForCausalLM(
                    LlamaConfig(
                        vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
                        num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=64,
                        initializer_range=0.3,
                    )
                )
            )  # fmt: skip
        model.save_pretrained(folder)
        return str(folder)

    return make


@pytest.fixture(scope="session")
def llama(language_model):
    return language_model("llama")


@pytest.fixture
def generate_job(job, llama):
    def make(**changes):
        usual = {
            "objective": "generate", "inputs": ("text",), "target": "answer", "encoder": llama, "max_tokens": 40,
            "epochs": 30, "learning_rate": 2e-2, "batch_size": 6, "patience": 0, "lora_rank": 8,
        }  # fmt: skip
        return job({"train": ROWS, "validation": ROWS}, **{**usual, **changes})

    return make


def prepared(folder, recipe):
    objective = Generate(("text",), "answer")
    objective.learn(ROWS, ())
    objective.begin(dataclasses.replace(recipe, encoder=folder))
    return objective, objective.prepare(ROWS, "train", None, Extent(40))


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
def test_packed_examples_have_the_losses_they_have_alone(language_model, generate_job, kind):
    folder = language_model(kind)
    recipe = dataclasses.replace(generate_job().recipe, encoder=folder)
    objective, data = prepared(folder, recipe)
    head = objective.head(1, recipe)
    with torch.no_grad():
        for name, parameter in head.below.items():
            parameter.add_(0.05 if "lora_B" in name else 0.0)
    features = data.packed(torch.arange(len(ROWS)).numpy())
    assert features.shape[0] < len(ROWS) / 3, "several share a sequence"
    assert features.shape[2] <= 40
    packed = objective.losses(head, features, data.targets, recipe)
    alone = torch.cat([
        objective.losses(head, data.packed(torch.tensor([at]).numpy()), data.targets[at : at + 1], recipe)
        for at in range(len(ROWS))
    ])  # fmt: skip
    torch.testing.assert_close(packed, alone, rtol=1e-4, atol=1e-5)
    language = Language(folder)
    for at in (0, 1):  # and what transformers itself makes of one example
        ids, start, over = language.example(ROWS[at]["text"], ROWS[at]["answer"], 40)
        labels = torch.tensor([[-100] * start + ids[start:]])
        assert over == 0
        assert float(head.model(input_ids=torch.tensor([ids]), labels=labels).loss) == pytest.approx(
            float(packed[at]), rel=1e-4
        )


def test_a_model_that_lets_examples_see_each_other_is_found_out(language_model):

    assert keeps_apart(load_model(language_model("llama")), 20)

    class Leaky(torch.nn.Module):
        """Gives logits that depend on everything before."""

        def forward(self, input_ids, attention_mask=None, position_ids=None, use_cache=False):
            from types import SimpleNamespace

            return SimpleNamespace(logits=input_ids.cumsum(dim=1)[..., None].float().expand(-1, -1, 4))

    assert not keeps_apart(Leaky(), 20)


def test_first_fit_wastes_little():
    bins = first_fit([5, 5, 3, 7, 2, 10, 14], 10)
    assert sorted(at for one in bins for at in one) == list(range(7))
    assert bins[0] == [6], "one that is too long is alone"
    assert len(bins) == 5


def test_it_learns_streams_what_it_predicts_and_peft_reads_the_adapter(workshop, generate_job, llama):
    from peft import PeftModel

    given = generate_job()
    report = fit(given, workshop)
    assert report.metrics["exact_match"] > 0.8
    assert report.metrics["token_probability"] == pytest.approx(1 / report.metrics["perplexity"])
    folder = workshop.registry.open("shop", "topic", "v1")
    assert {"adapter_config.json", "adapter_model.safetensors", "README.md"} <= set(folder.manifest["files"])
    assert "model.safetensors" not in folder.manifest["files"]
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    prompts = [row["text"] for row in ROWS[:12]]
    answers = engine.predict("shop", "topic", "v1", prompts)
    assert sum(one.text == row["answer"] for one, row in zip(answers, ROWS, strict=False)) >= 10
    assert all(0 < one.confidence <= 1 for one in answers)
    pieces = list(engine.stream("shop", "topic", "v1", prompts[0]))
    assert len(pieces) > 1
    assert "".join(pieces) == answers[0].text
    short = engine.predict("shop", "topic", "v1", [{"text": prompts[0], "max_new_tokens": 2}])[0]
    assert answers[0].text.startswith(short.text)
    assert len(short.text) < len(answers[0].text)
    # peft itself makes the same of the adapter.
    language = Language(llama)
    model = PeftModel.from_pretrained(load_model(llama), folder.path)
    ids = torch.tensor([language.prompt(prompts[0])])
    written = model.generate(input_ids=ids, max_new_tokens=10, do_sample=False, pad_token_id=language.pad)
    assert language.text(written[0, ids.shape[1] :].tolist()) == answers[0].text


def test_an_interrupted_run_goes_on_exactly(workshop, generate_job):
    fit(generate_job(epochs=3, learning_rate=1e-3), workshop)
    steps = []

    def report(progress):
        if progress.stage == "training":
            steps.append(progress.done)
            if len(steps) == 4:
                workshop.stop.set()

    changes = {"epochs": 3, "learning_rate": 1e-3, "run": "run-2"}
    stopped = fit(generate_job(progress=report, **changes), workshop)
    assert stopped.stopped == "interrupted"
    workshop.stop.clear()
    fit(generate_job(resume=True, **changes), workshop)
    first, second = (
        load_file(workshop.registry.open("shop", "topic", version).path / "adapter_model.safetensors")
        for version in ("v1", "v2")
    )
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_chat_template_shapes_prompt_and_answer(language_model):
    language = Language(language_model("llama", TEMPLATE))
    ids, start, _ = language.example("say one", "uno", 40)
    shown = language.tokenizer.convert_ids_to_tokens(ids)
    assert shown[:start] == ["<user>", "say", "one", "<end>", "\n", "<assistant>"]
    assert shown[start:] == ["uno", "<end>"], "the turn's end is learned, what follows is not"
    assert language.stop == {language.tokenizer.convert_tokens_to_ids(token) for token in ("</s>", "<end>")}
    cut, start, over = language.example("say one now please", "uno", 5)
    assert (len(cut), over) == (5, 5)
    assert language.tokenizer.convert_ids_to_tokens(cut)[start:] == ["uno", "<end>"], "the answer is kept"


def test_drawing_is_repeatable_and_a_tiny_top_p_is_greedy(llama):
    language, model = Language(llama), load_model(llama)
    prompts = [language.prompt("say one now please"), language.prompt("say dog")]

    def run(some=prompts, **changes):
        sampling = Sampling(**{"max_new_tokens": 8, **changes})
        steps = list(decode(model, some, language.pad, set(), language.limit, sampling))
        return [list(column) for column in zip(*(tokens for tokens, _ in steps), strict=True)]

    greedy = run()
    assert run([prompts[1]]) == greedy[1:], "what shares a batch changes nothing"
    assert run(temperature=1.0, top_p=1e-6, seed=1) == greedy
    drawn = run(temperature=5.0, seed=1)
    assert drawn == run(temperature=5.0, seed=1)
    assert drawn != run(temperature=5.0, seed=2)
    assert len(run(max_new_tokens=200)[0]) <= 64


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"encoder": ""}, "needs the folder of a causal language model"),
        ({"encoder": "/nowhere"}, "needs the folder of a causal language model"),
        ({"method": "full"}, "trained by LoRA"),
        ({"adversarial": "fgm"}, "does not fit the objective 'generate'"),
    ],
)
def test_what_does_not_fit_is_refused(workshop, generate_job, changes, told):
    with pytest.raises(BadInput, match=told):
        fit(generate_job(**changes), workshop)


def test_inputs_and_a_changed_model_are_checked(workshop, generate_job, language_model):
    folder = language_model("llama")
    fit(generate_job(epochs=1, encoder=folder), workshop)
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    refused = [
        (" ", "is empty"), ({"text": "a", "temperatur": 1}, "temperatur"), ({"seed": 1}, "no 'text'"),
        ({"text": "a", "top_p": 0}, "out of range"), ({"text": "a", "seed": "x"}, "no number"),
    ]  # fmt: skip
    for value, told in refused:
        with pytest.raises(BadInput, match=told):
            engine.predict("shop", "topic", "v1", [value])
    from safetensors.torch import save_file

    save_file({"other": torch.zeros(1)}, f"{folder}/model.safetensors", metadata={"format": "pt"})
    with pytest.raises(Damaged, match="not the one this head was trained on"):
        Engine(workshop.registry, lambda: workshop.encoder).predict("shop", "topic", "v1", ["say one"])

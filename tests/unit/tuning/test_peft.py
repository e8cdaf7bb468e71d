"""Methods of peft: they learn, are served as they were trained in a fresh process too, and peft reads their folders."""

import json
import subprocess
import sys
import threading

import pytest
import torch

from verticals.contract import BadInput, FitJob, Recipe
from verticals.encoder import Encoder, EncoderSource
from verticals.inference import Engine
from verticals.store import Registry, Store
from verticals.tuning.body import adapted_layers, lora_body
from verticals.tuning.loop import train
from verticals.tuning.methods import METHODS, Task
from verticals.tuning.objectives import Classify
from verticals.tuning.work import Work

pytestmark = pytest.mark.usefixtures("forked")

OPTIONS = {
    "adalora": {"learning_rate": 1e-2},
    "ia3": {"learning_rate": 3e-2},
    "prompt_tuning": {"prompt_tokens": 4, "learning_rate": 2e-2},
    "prefix_tuning": {"prompt_tokens": 4, "learning_rate": 2e-2},
    "dora": {"method": "lora", "dora": True, "learning_rate": 1e-2},
}
ASK = """
import json, sys
from pathlib import Path
from verticals.encoder import Encoder, EncoderSource
from verticals.inference import Engine
from verticals.store import Registry, Store
tiny, home, heads, texts = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3].split(), json.loads(sys.argv[4])
encoder = Encoder.open(EncoderSource("tiny", tiny, "path"), "fp32", "cpu")
with Store.open(f"sqlite:///{home / 'platform.db'}") as store:
    engine = Engine(Registry(store, home / "models"), lambda: encoder)
    for head in heads:
        answers = engine.predict("shop", head, "v1", texts)
        print(json.dumps([dict(one.ranking) for one in answers]))
"""


def make_task(encoder, folder, train_rows, held_rows, **changes):
    recipe = Recipe(**{"epochs": 8, "batch_size": 8, "max_tokens": 40, "lora_rank": 4, "patience": 0,
                       "head_learning_rate": 3e-2, **changes})  # fmt: skip
    objective = Classify(("text",), "label")
    objective.learn(train_rows, ())
    data, held = (objective.prepare(rows, "train", encoder, recipe.extent) for rows in (train_rows, held_rows))
    job = FitJob("shop", "topic", "classify", {}, (), recipe, "v1", "run-1")
    checkpoint = folder / "checkpoint.pt"
    return Task(job, recipe, objective, encoder, data, held, train_rows, held_rows, False, checkpoint,
                threading.Event(), print)  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def shared(tiny_encoder):
    return Encoder.open(EncoderSource("tiny", tiny_encoder, "path"), "fp32", "cpu")


@pytest.fixture(scope="module")
def trained(shared, home, rows):
    """By name, what each method has made, saved as a version of a head of that name."""
    made = {}
    with Store.open(f"sqlite:///{home / 'platform.db'}") as store:
        registry = Registry(store, home / "models")
        for name, options in OPTIONS.items():
            task = make_task(shared, home / name, *rows, **{"method": name, **options})
            fitted = METHODS[task.recipe.method].fit(task)
            source = shared.source
            manifest = {
                "vertical": "shop", "head": name.replace("_", "-"), "objective": "classify",
                "config": fitted.head.config(), "recipe": task.recipe.to_dict(),
                "tokenizer_sha256": source.tokenizer_sha256,
                "encoder": {"name": source.name, "sha256": source.sha256, "pooling": source.pooling},
                "plugin": "p", "plugin_version": "1", "host_version": "1", "dataset": "d", "dataset_version": "v1",
                "metrics": {}, "seed": 0, "method": name,
            }  # fmt: skip

            def write(folder, fitted=fitted):
                fitted.head.save(folder)
                fitted.body.save(folder)

            registry.save("shop", manifest["head"], manifest, write)
            made[name] = (task, fitted)
        yield made, registry


@pytest.fixture(scope="module")
def rows():
    import importlib.util
    from pathlib import Path

    spec = importlib.util.spec_from_file_location("own_conftest", Path(__file__).with_name("conftest.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_utterances(150), module.make_utterances(60, seed=1)


@pytest.mark.parametrize("name", OPTIONS)
def test_it_learns_and_serves_what_it_learned(trained, rows, shared, name):
    made, registry = trained
    task, fitted = made[name]
    assert fitted.figure > 0.5, "a guess is right in 1/3"
    start = METHODS[task.recipe.method].body(task).parameters
    assert all(float((one - start[name]).abs().max()) > 1e-3 for name, one in fitted.body.parameters.items())
    with torch.inference_mode():
        features = fitted.body.encode(task.held_out)[:, 0]
        expected = torch.softmax(fitted.head(features), dim=-1)
    engine = Engine(registry, lambda: shared, cached_texts=0)
    texts = [row["text"] for row in rows[1]]
    for part in (texts, texts[:3]):  # whatever else is in the batch
        answers = engine.predict("shop", name.replace("_", "-"), "v1", part)
        for answer, row in zip(answers, expected, strict=False):
            said = torch.tensor([dict(answer.ranking)[label] for label in task.objective.labels])
            torch.testing.assert_close(said, row, rtol=1e-3, atol=1e-4)


def test_a_fresh_process_answers_the_same(trained, home, tiny_encoder, shared, rows):
    _, registry = trained
    texts = [row["text"] for row in rows[1]][:20]
    heads = [name.replace("_", "-") for name in OPTIONS]
    command = [sys.executable, "-c", ASK, str(tiny_encoder), str(home), " ".join(heads), json.dumps(texts)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    engine = Engine(registry, lambda: shared)
    for head, line in zip(heads, done.stdout.splitlines(), strict=True):
        for fresh, here in zip(json.loads(line), engine.predict("shop", head, "v1", texts), strict=True):
            assert fresh == pytest.approx(dict(here.ranking), abs=1e-5), head


@pytest.mark.parametrize("name", OPTIONS)
def test_peft_itself_reads_the_folder(trained, tiny_encoder, name):
    from peft import PeftModel
    from transformers import AutoModel

    made, registry = trained
    task, fitted = made[name]
    folder = registry.open("shop", name.replace("_", "-"), "v1").path
    model = PeftModel.from_pretrained(AutoModel.from_pretrained(tiny_encoder), folder).eval()
    setting = model.peft_config["default"]
    assert setting.peft_type.value == ("LORA" if name == "dora" else name.upper())
    assert setting.base_model_name_or_path == "tiny"
    ids = torch.from_numpy(task.held_out.rows.ids[0])[None]
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        hidden = model(input_ids=ids, attention_mask=mask).last_hidden_state[0, -ids.shape[1] :]
        own = fitted.body.encode(task.held_out)[0, 0]
    torch.testing.assert_close(hidden.mean(dim=0), own, rtol=1e-3, atol=1e-4)


def test_few_weights_are_trained(trained, shared):
    made, _ = trained
    whole = sum(parameter.numel() for parameter in shared.model.parameters())
    counts = {name: sum(one.numel() for one in fitted.body.parameters.values()) for name, (_, fitted) in made.items()}
    assert counts["prompt_tuning"] == 4 * 32
    assert counts["prefix_tuning"] == 4 * 2 * 2 * 32, "keys and values in both layers"
    assert counts["ia3"] < counts["dora"] < counts["adalora"] < whole


@pytest.mark.slow
def test_adalora_gives_up_ranks_down_to_its_budget(trained):
    made, _ = trained
    task, fitted = made["adalora"]
    values = [one for name, one in fitted.body.parameters.items() if "lora_E" in name]
    assert all(len(one) == 6 for one in values), "half as many again as the recipe's 4"
    # The weights of the best epoch, which may lie before the budget was reached.
    body = METHODS["adalora"].body(task)
    head = task.objective.head(32, task.recipe)
    work = Work(body, head, task.objective, task.data, task.held_out, task.recipe)
    train(work, task.recipe, task.checkpoint.with_name("a.pt"))
    pattern = body.encoder.model.model.peft_config["default"].rank_pattern
    assert sum(map(sum, pattern.values())) == 4 * len(values)


@pytest.mark.slow
def test_an_interrupted_adalora_run_goes_on_exactly(shared, rows, tmp_path):
    task = make_task(shared, tmp_path, *rows, method="adalora", epochs=3, learning_rate=1e-2)

    def run(checkpoint, resume=False, after=None):
        stop, seen = threading.Event(), []

        def report(progress):
            seen.append(progress)
            if after is not None and len(seen) == after:
                stop.set()

        body, head = METHODS["adalora"].body(task), task.objective.head(32, task.recipe)
        work = Work(body, head, task.objective, task.data, task.held_out, task.recipe)
        _, outcome = train(work, task.recipe, tmp_path / checkpoint, resume=resume, stop=stop, report=report)
        return outcome, {name: one.detach().clone() for name, one in body.parameters.items()}

    _, whole = run("whole.pt")
    assert run("parts.pt", after=30)[0] == "interrupted"
    outcome, resumed = run("parts.pt", resume=True)
    assert outcome == "done"
    for name, one in whole.items():
        assert torch.equal(one, resumed[name]), name


def test_what_does_not_fit_is_refused(shared, rows, tmp_path):
    def body(**changes):
        return METHODS[changes["method"]].body(make_task(shared, tmp_path, *rows, **changes))

    with pytest.raises(BadInput, match="the encoder takes 28"):
        body(method="prompt_tuning", prompt_tokens=100)
    with pytest.raises(BadInput, match="virtual tokens train no layer"):
        body(method="prefix_tuning", prompt_tokens=4, frozen_layers=1)


def test_frozen_layers_are_left_alone(shared, rows, tmp_path):
    for method in ("adalora", "ia3"):
        body = METHODS[method].body(make_task(shared, tmp_path, *rows, method=method, frozen_layers=1))
        assert body.parameters
        assert all("layer.1." in name for name in body.parameters)


def test_longer_texts_leave_room_for_virtual_tokens_in_serving(trained, shared):
    _, registry = trained
    engine = Engine(registry, lambda: shared)
    loaded = engine.load("shop", "prompt-tuning", "v1")
    assert loaded.encoder.tokenizer.limit == shared.tokenizer.limit - 4
    assert loaded.encoder.encode(loaded.encoder.tokens(["parcel " * 400], 10_000)).shape == (1, 32)


OTHERS = ["transformer.layer.0.attention.q_lin", "transformer.layer.0.attention.v_lin", "transformer.layer.0.ffn.lin1"]


def test_the_method_lora_is_on_one_layer_in_six_unless_told(shared, rows, tmp_path):
    task = make_task(shared, tmp_path, *rows, method="lora", lora_rank=4)
    body = METHODS["lora"].body(task)
    assert list(body.adapter.layers) == [
        f"encoder.layer.{layer}.intermediate.dense" for layer in range(shared.model.depth)
    ]
    assert body.rate == 3e-3
    every = METHODS["lora"].body(make_task(shared, tmp_path, *rows, method="lora", lora_rank=4, lora_layers="all"))
    assert list(every.adapter.layers) == list(shared.bank.shapes)
    assert every.rate == 1e-3


def test_layers_by_the_ends_of_their_names(shared):
    def named(layers, **changes):
        body = lora_body(shared, Recipe(lora_rank=4, lora_layers=layers, **changes))
        return list(body.adapter.layers)

    assert named("output.dense, key", frozen_layers=1) == [
        "encoder.layer.1.attention.self.key", "encoder.layer.1.attention.output.dense", "encoder.layer.1.output.dense",
    ]  # fmt: skip
    assert len(named("")) == len(shared.bank.shapes)  # where no method says otherwise
    with pytest.raises(BadInput, match=r"'queries'; no layer.*names end in dense, key, query, value"):
        named("queries")


def test_layers_are_found_under_the_names_of_other_kinds_of_encoders():
    assert adapted_layers(OTHERS, Recipe(), "query,value") == OTHERS[:2]
    assert adapted_layers(OTHERS, Recipe(), "up") == OTHERS[2:]
    assert adapted_layers(["h.0.attn.Wqkv", "h.0.mlp"], Recipe(), "query,value") == ["h.0.attn.Wqkv"]


def test_methods_of_the_peft_library_follow_the_recipe(shared, rows, tmp_path):
    for wanted, kinds in (("", {"query", "key", "value", "dense"}), ("key", {"key"})):
        body = METHODS["adalora"].body(make_task(shared, tmp_path, *rows, method="adalora", lora_layers=wanted))
        assert {name.split(".lora_")[0].rpartition(".")[2] for name in body.parameters} == kinds

"""Heads that read images: what they take, learn, keep and say."""

import base64
import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from verticals.contract import BadInput, TaskHead
from verticals.data.images import in_hand, read_image, resized
from verticals.encoder import vision
from verticals.inference import Engine
from verticals.tuning import evaluate, fit
from verticals.tuning.images import CHANGES, changed, changes_of
from verticals.tuning.objectives.classify import area


def drawn(seed, count, size=20, kinds=2):
    """Bars that lie, stand, or a square, somewhere on noise."""
    random = np.random.default_rng(seed)
    rows = []
    for at in range(count):
        image = random.integers(0, 90, (size, size)).astype(np.uint8)
        row, column = random.integers(2, size - 10, 2)
        high, wide = [(3, 9), (9, 3), (7, 7)][at % kinds]
        image[row : row + high, column : column + wide] += 120
        rows.append({"image": image, "label": ["lying", "standing", "square"][at % kinds]})
    return rows


@pytest.fixture
def image_job(job):
    def make(kinds=2, **changes):
        examples = {"train": drawn(0, 120, kinds=kinds), "validation": drawn(1, 60, kinds=kinds)}
        usual = {
            "objective": "classify_image", "inputs": ("image",), "target": "label", "epochs": 4, "batch_size": 16,
            "patience": 0, "image_changes": "shift brightness",
        }  # fmt: skip
        return job(examples, **{**usual, **changes})

    return make


@pytest.fixture(scope="session")
def image_encoders(tmp_path_factory):
    """Folders of tiny image encoders, by kind."""
    from transformers import ConvNextConfig, ConvNextModel, ResNetConfig, ResNetModel, ViTConfig, ViTModel

    made = {
        "vit": ViTModel(ViTConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
                                  image_size=20, patch_size=5)),
        "convnext": ConvNextModel(ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, patch_size=2,
                                              layer_scale_init_value=1.0)),
        "resnet": ResNetModel(ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic")),
    }  # fmt: skip
    folders = {}
    for kind, model in made.items():
        folders[kind] = tmp_path_factory.mktemp(kind)
        model.save_pretrained(folders[kind])
        processor = {"size": {"height": 20, "width": 20}, "image_mean": [0.4] * 3, "image_std": [0.3] * 3}
        (folders[kind] / "preprocessor_config.json").write_text(json.dumps(processor))
    return folders


def test_a_network_from_scratch_learns_and_serves_what_was_measured(workshop, image_job):
    given = image_job(epochs=6)
    report = fit(given, workshop)
    assert report.metrics["accuracy"] > 0.85
    assert report.metrics["auc"] > 0.9
    assert "method network: the head has a network of its own" in report.notes
    folder = workshop.registry.open("shop", "topic", "v1")
    assert {"head.safetensors", "README.md"} <= set(folder.manifest["files"])
    assert folder.manifest["config"]["network"] == {"kind": "small", "size": 20, "channels": 1}
    rows = given.examples["validation"]
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    answers = engine.predict("shop", "topic", "v1", [row["image"] for row in rows])
    right = sum(one.label == row["label"] for one, row in zip(answers, rows, strict=True)) / len(rows)
    assert right == pytest.approx(report.metrics["accuracy"])
    assert sum(not one.abstained for one in answers) / len(rows) >= given.recipe.coverage - 1e-9
    loaded = engine.load("shop", "topic", "v1")
    noun = TaskHead(name="topic", dataset="d", objective="classify_image", inputs=("image",))
    measured = evaluate(loaded.head, loaded.encoder, loaded.slot, "v1", noun, rows, "validation", loaded.extent)
    assert measured.metrics["accuracy"] == pytest.approx(right)
    assert measured.metric == "auc"


def test_the_same_seed_gives_the_same_and_an_interrupted_run_goes_on_exactly(workshop, image_job):
    recipe = {"epochs": 2, "image_changes": " ".join(CHANGES)}
    fit(image_job(**recipe), workshop)
    seen = []

    def report(progress):
        seen.append(progress)
        if len(seen) == 11:
            workshop.stop.set()

    stopped = fit(image_job(**recipe, run="run-2", progress=report), workshop)
    assert stopped.stopped == "interrupted"
    workshop.stop.clear()
    fit(image_job(**recipe, run="run-2", resume=True), workshop)
    heads = [Engine(workshop.registry, lambda: workshop.encoder).load("shop", "topic", version).head.state_dict()
             for version in ("v1", "v2")]  # fmt: skip
    assert all(torch.equal(tensor, heads[1][name]) for name, tensor in heads[0].items())


@pytest.mark.parametrize("kind", ["vit", "convnext", "resnet"])
def test_any_image_encoder_of_transformers_serves(workshop, image_job, image_encoders, kind):
    given = image_job(kinds=3, encoder=str(image_encoders[kind]), epochs=8, learning_rate=1e-2)
    report = fit(given, workshop)
    assert report.metrics["accuracy"] > 0.45, "a guess is right in 1/3"
    assert "auc" not in report.metrics
    network = workshop.registry.open("shop", "topic", "v1").manifest["config"]["network"]
    assert (network["size"], network["channels"], network["mean"]) == (20, 3, [0.4] * 3)
    rows = given.examples["validation"]
    # The version stands alone: its network is made again from the manifest, not from the folder.
    (image_encoders[kind] / "model.safetensors").rename(image_encoders[kind] / "moved")
    engine = Engine(workshop.registry, lambda: workshop.encoder)
    answers = engine.predict("shop", "topic", "v1", [{"image": row["image"]} for row in rows])
    right = sum(one.label == row["label"] for one, row in zip(answers, rows, strict=True)) / len(rows)
    assert right == pytest.approx(report.metrics["accuracy"])


def test_images_come_as_files_bytes_base64_and_numbers(tmp_path):
    array = np.arange(300, dtype=np.uint8).reshape(10, 10, 3)
    content = io.BytesIO()
    Image.fromarray(array).save(content, "PNG")
    (tmp_path / "a.png").write_bytes(content.getvalue())
    coded = base64.b64encode(content.getvalue()).decode()
    for value in (array, array.tolist(), tmp_path / "a.png", str(tmp_path / "a.png"), content.getvalue(),
                  {"base64": coded}, f"data:image/png;base64,{coded}"):  # fmt: skip
        np.testing.assert_array_equal(read_image(value), array)
    np.testing.assert_array_equal(read_image(array[..., 0] / 255), array[..., :1])
    grey = io.BytesIO()
    Image.fromarray(np.full((4, 6), 1000, dtype=np.uint16)).save(grey, "PNG")
    assert read_image(grey.getvalue()).shape == (4, 6, 1)
    assert resized(array, 4, 1).shape == (1, 4, 4)
    assert resized(array[..., :1], 10, 3).shape == (3, 10, 10)
    assert in_hand(f"data:image/png;base64,{coded}")
    assert in_hand({"base64": coded})
    assert not in_hand("/etc/passwd")


@pytest.mark.parametrize(
    ("value", "told"),
    [("/nowhere/a.png", "cannot be read"), (b"no image", "cannot be decoded"),
     ("data:image/png;base64,%%", "no base64"),
     ([[1, 2], [3]], "different lengths"), (np.zeros((3, 3, 2)), "shape"), (np.full((3, 3), 2.0), "lie between"),
     ({"picture": 1}, "shape"), ("a\x00b", "cannot be read")],
)  # fmt: skip
def test_what_is_no_image_is_refused(value, told):
    with pytest.raises(BadInput, match=told):
        read_image(value)


def test_a_bad_row_is_named_and_settings_are_checked(workshop, image_job):
    given = image_job()
    given.examples["train"][7]["image"] = b"broken"
    with pytest.raises(BadInput, match=r"Row 8 of the split 'train': The image cannot be decoded"):
        fit(given, workshop)
    with pytest.raises(BadInput, match="image_changes has 'twist'"):
        fit(image_job(image_changes="shift twist"), workshop)
    with pytest.raises(BadInput, match="no folder of an image encoder"):
        fit(image_job(encoder=str(workshop.encoder.source.path)), workshop)
    with pytest.raises(BadInput, match="images have none"):
        fit(image_job(adversarial="fgm"), workshop)


def test_changes_stay_within_their_bounds_and_none_changes_nothing():
    torch.manual_seed(0)
    images = torch.rand(8, 1, 20, 20)
    assert torch.equal(changed(images, ()), images)
    for name in CHANGES:
        once = changed(images, (name,))
        assert once.shape == images.shape
        assert 0 <= float(once.min()) <= float(once.max()) <= 1
        assert not torch.equal(once, images)
    steady = torch.zeros(1, 1, 21, 21)
    steady[..., 10, 10] = 1
    for _ in range(20):
        place = changed(steady, ("shift",)).flatten().argmax().item()
        assert abs(place // 21 - 10) <= 3
        assert abs(place % 21 - 10) <= 3
    assert changes_of("shift, flip") == ("shift", "flip")
    assert changes_of("none") == ()


def test_the_area_is_that_of_pairs():
    scores, truth = torch.tensor([0.1, 0.4, 0.35, 0.8, 0.4]), torch.tensor([False, False, True, True, True])
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth].tolist() for b in scores[~truth].tolist()]
    assert area(scores, truth) == pytest.approx(sum(pairs) / len(pairs))
    assert area(scores, torch.ones(5, dtype=torch.bool)) == 0.5


def test_brightness_of_the_device_does_not_matter_to_the_small_network():
    network = vision.SmallNetwork(1).eval()
    images = torch.rand(3, 1, 24, 24)
    with torch.inference_mode():
        torch.testing.assert_close(network(images), network(images * 0.5 + 0.2), rtol=1e-3, atol=1e-4)


def test_a_client_of_the_api_cannot_name_files_of_the_server():
    from verticals.web.api.heads import _in_hand

    for given in ("/etc/passwd", {"picture": "scan.png"}, {"picture": "file:///scan.png"}):
        assert not _in_hand(given, "picture")
    for given in (
        "data:image/png;base64,AA==",
        {"base64": "AA=="},
        {"picture": {"base64": "AA=="}},
        {"picture": [[0]]},
    ):
        assert _in_hand(given, "picture")

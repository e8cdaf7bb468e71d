"""Adapting an encoder through the command line, and heads that stand on it."""

import json
import signal

import pytest

from verticals.tuning.loop import Training

QUICK = ("--epochs", "1", "--set", "max_tokens=16")


def test_a_head_trains_and_answers_on_an_adapted_encoder(platform, tmp_path, monkeypatch):
    ran = platform("adapt", "weather/remarks", "--name", "sky", *QUICK, "--json")
    assert ran.code == 0, ran.err
    folder = tmp_path / "home" / "encoders" / "sky"
    told = json.loads(ran.out)
    assert (told["folder"], told["stopped"]) == (str(folder), "done")
    assert (folder / "model.safetensors").is_file()
    assert json.loads((folder / "adaptation.json").read_text())["recipe"]["epochs"] == 1
    assert not (tmp_path / "home" / "runs" / "adapt-sky").exists()
    again = platform("adapt", "weather/remarks", "--name", "sky", *QUICK)
    assert again.code != 0
    assert "There is an encoder 'sky' already" in again.err
    # One head on it, beside others on the shared one.
    trained = platform("train", "weather/mood", "--method", "head", "--set", "encoder=sky", "--json")
    assert trained.code == 0, trained.err
    assert json.loads(platform("predict", "weather/mood", "rain and fog", "--json").out)[0]["label"] == "sad"
    assert platform("evaluate", "weather/mood", "--split", "validation").code == 0
    # All heads on it.
    monkeypatch.setenv("PLATFORM_ENCODER", "sky")
    assert json.loads(platform("predict", "weather/mood", "rain and fog", "--json").out)[0]["label"] == "sad"


def test_texts_of_a_file(platform, tmp_path):
    (tmp_path / "texts.txt").write_text("".join(f"the storm of day {day}\n\n" for day in range(30)), encoding="utf-8")
    ran = platform("adapt", "texts.txt", "--name", "storms", *QUICK)
    assert ran.code == 0, ran.err
    assert "Adapted to 29 texts" in ran.out
    assert "--set encoder=storms" in ran.out


def test_an_interrupted_adaptation_is_resumed_by_name(platform, tmp_path, monkeypatch):
    load = Training.keep_best
    monkeypatch.setattr(Training, "keep_best", lambda *given: (signal.raise_signal(signal.SIGINT), load(*given)))
    ran = platform("adapt", "weather/remarks", "--name", "sky", "--epochs", "2")
    assert ran.code == 130
    assert "platform adapt weather/remarks --name sky --resume" in ran.err
    monkeypatch.setattr(Training, "keep_best", load)
    (tmp_path / "few.txt").write_text("".join(f"the storm of day {day}\n" for day in range(30)), encoding="utf-8")
    assert "other texts" in platform("adapt", "few.txt", "--name", "sky", "--resume").err
    resumed = platform("adapt", "weather/remarks", "--name", "sky", "--resume", "--json")
    assert resumed.code == 0, resumed.err
    assert len(json.loads(resumed.out)["history"]) == 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("weather/remarks", "--name", "../sky"), "not a valid encoder name"),
        (("weather/remarks", "--name", "sky", "--resume"), "No adaptation to 'sky' was interrupted"),
        (("weather/remarks", "--name", "sky", "--field", "moon"), "rows have no 'moon'"),
        (("weather/remark", "--name", "sky"), "Did you mean 'remarks'"),
        (("weather/remarks", "--name", "sky", "--set", "epoch=2"), "Did you mean 'epochs'"),
    ],
)
def test_what_cannot_be_adapted_is_told(platform, arguments, told):
    ran = platform("adapt", *arguments)
    assert ran.code != 0
    assert told in ran.err
    assert "Traceback" not in ran.err

"""Evaluation, comparison, explanation and suspected labels through the command line, Python and the API."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from verticals.contract import NotFound
from verticals.host import Host
from verticals.web.app import create_app


@pytest.fixture
def trained(platform, plugins_dir: Path, tmp_path: Path):
    """The command line with two versions of `weather/mood`, on remarks with a column `channel`."""
    source = (plugins_dir / "weather.py").read_text(encoding="utf-8")
    source = source.replace("    mood: str\n", '    mood: str\n    channel: str = "web"\n')
    (plugins_dir / "weather.py").write_text(source, encoding="utf-8")
    rows = ["text,mood,channel,split"]
    for at in range(48):
        mood, words = ("glad", "sunny lovely") if at % 2 else ("sad", "rain and fog")
        split = "train" if at < 24 else "test"
        rows.append(f"{words} number {at},{mood},{('phone', '', 'web')[at % 3]},{split}")
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    assert platform("data", "import", "weather", tmp_path / "rows.csv", "--replace").code == 0
    for seed in ("1", "2"):
        assert platform("train", "weather", "--method", "head", "--seed", seed).code == 0
    return platform


def test_trust_from_the_command_line(trained, tmp_path: Path) -> None:
    shown = trained("evaluate", "weather@v2", "--slice", "channel", "--slice", "length", "--least", "5")
    assert shown.code == 0, shown.err
    assert "95 % interval" in shown.out
    assert "accuracy by channel:" in shown.out
    assert "The gap in accuracy between" in shown.out

    missing = trained("evaluate", "weather", "--slice", "chanel")
    assert missing.code == 2
    assert "Did you mean 'channel'?" in missing.err

    ran = trained("evaluate", "weather", "--report", tmp_path / "report", "--slice", "channel", "--json")
    found = json.loads(ran.out)
    assert (found["reference"], found["rows"]) == ("weather/mood@v1", 24)
    assert {"intervals", "per_label", "matrix", "calibration", "slices", "errors"} <= set(found)
    written = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"report.md", "report.html", "confusion.svg", "calibration.svg", "model-card.md"} <= written
    card = (tmp_path / "report" / "model-card.md").read_text(encoding="utf-8")
    assert "24 rows of the split `test`" in card
    assert "By `channel`:" in card

    compared = trained("compare", "weather", "v1", "v2")
    assert compared.code == 0, compared.err
    assert "McNemar's exact test" in compared.out
    alone = json.loads(trained("compare", "weather", "v2", "--json").out)
    assert (alone["first"], alone["second"], alone["verdict"]) == ("v1", "v2", "alike")
    assert trained("compare", "weather", "v1", "v9").code == 3
    assert trained("compare", "weather", "v1", "v2", "v3").code == 2
    assert trained("compare", "weather").code == 2

    explained = trained("explain", "weather", "rain and fog today")
    assert explained.code == 0, explained.err
    assert "rain" in explained.out
    assert "integrated gradients" in explained.err
    words = json.loads(trained("explain", "weather@v2", "rain and fog today", "--label", "glad", "--json").out)
    assert (words["label"], words["version"]) == ("glad", "weather/mood@v2")
    assert [word["word"] for word in words["words"]] == ["rain", "and", "fog", "today"]
    assert "Did you mean 'glad'?" in trained("explain", "weather", "rain", "--label", "gld").err
    assert trained("explain", "weather", "rain", "fog").code == 2
    assert trained("explain", "weather@v9", "rain").code == 3


def test_suspects_from_the_command_line(trained, tmp_path: Path) -> None:
    text = (tmp_path / "rows.csv").read_text(encoding="utf-8")
    wrong = text.replace("sunny lovely number 7,glad", "sunny lovely number 7,sad")
    (tmp_path / "rows.csv").write_text(wrong, encoding="utf-8")
    trained("data", "import", "weather", tmp_path / "rows.csv", "--replace")
    ran = trained("data", "suspects", "weather/mood", "--csv", tmp_path / "suspects.csv")
    assert ran.code == 0, ran.err
    assert "sunny lovely number 7" in ran.out
    with (tmp_path / "suspects.csv").open(encoding="utf-8", newline="") as file:
        first = next(csv.DictReader(file))
    assert (first["row"], first["given"], first["suggested"], first["split"]) == ("8", "sad", "glad", "train")
    found = json.loads(trained("data", "suspects", "weather/mood", "--split", "train", "--json").out)
    assert found["rows"] == 24
    assert found["suspects"][0]["inputs"] == {"text": "sunny lovely number 7"}
    assert trained("data", "suspects", "weather/mood", "--split", "validation").code == 2


def test_comparison_from_python_and_the_api(trained) -> None:
    with Host.open() as host:
        head = host["weather"].head("mood")
        found = head.compare("v1", "v2", split="test")
        assert found.rows == 24
        with pytest.raises(NotFound):
            head.compare("v1", "v7")
        with TestClient(create_app(host, ["weather"], pages=False)) as client:
            where = "/v1/platform/heads/weather/mood/compare"
            body = client.get(where, params={"first": "v1", "second": "v2"}).json()
            assert body["sentence"] == found.sentence
            assert body["figures"]["accuracy"]["difference"] == found.figures["accuracy"].difference
            assert client.get(where, params={"second": "v2"}).json()["first"] == "v1", "the live one by default"
            assert client.get(where, params={"second": "v9"}).status_code == 404
            wrong = client.get(where, params={"second": "v2", "split": "tset"})
            assert (wrong.status_code, wrong.json()["remedy"]) == (422, "Did you mean 'test'?")
            assert client.get(where).status_code == 422

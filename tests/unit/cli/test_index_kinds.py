"""``platform index probe`` and ``platform index tune``."""

import json

from verticals.retrieval.calibration import Measured, Tuned
from verticals.retrieval.probing import Tuning


def test_a_probe_says_what_is_found_and_what_it_costs(platform) -> None:
    platform("index", "build", "weather")
    shown = platform("index", "probe", "weather", "--queries", "5")
    assert "2 documents, kept as exact; asked 2 queries" in shown.out
    assert "1.000" in shown.out
    answer = json.loads(platform("index", "probe", "weather", "--text", "rain", "--json").out)
    assert answer["queries"] == 1
    assert answer["found"]["recall"] == 1
    assert answer["memory"] > 0


def test_tuning_an_exact_index_says_that_there_is_nothing_to_tune(platform) -> None:
    told = platform("index", "tune", "weather", "--recall", "0.9")
    assert "it finds everything" in told.err
    assert json.loads(platform("index", "tune", "weather", "--json").out)["found"] is None
    refused = platform("index", "tune", "weather", "--recall", "1.5")
    assert refused.code == 2
    assert "recall" in refused.err


def test_tuning_shows_what_was_measured(platform, monkeypatch) -> None:
    few, enough = Measured(1, 0.81, 0.01, 0.4, 0.6), Measured(2, 0.96, 0.01, 0.5, 0.7)
    answer = Tuning("ivf-sq8", 0.95, 8, 2, enough, 3.0, [few, enough], Tuned(0.95, "ivf-sq8", 40, 2))
    monkeypatch.setattr("verticals.retrieval.DocumentIndex.tune", lambda self, recall: answer)
    told = platform("index", "tune", "weather")
    assert "0.810" in told.out
    assert "looks at 2 from now on (before: 8): recall 0.960" in told.out

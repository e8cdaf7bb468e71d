"""What the conformance kit does in a fresh process: ``python -m verticals.testing.worker TASK ANSWER ARGUMENTS``.

The answer is JSON, written to a file, so that a plugin may print what it likes.
"""

from __future__ import annotations

import inspect
import json
import sys
import time
from pathlib import Path
from typing import Any

HEAVY = frozenset(
    ("accelerate", "datasets", "faiss", "fastapi", "matplotlib", "nicegui", "pandas", "peft", "pyarrow", "ray", "scipy",
     "sklearn", "sqlalchemy", "tantivy", "tensorflow", "tokenizers", "torch", "transformers", "uvicorn")
)  # fmt: skip


def load(name: str, plugins_dir: str | None, **_: Any) -> dict[str, Any]:
    """Import the plugin and ask for its nouns: seconds, and the heavy libraries that came along."""
    import verticals.contract  # noqa: F401 - the host has it already when it loads a plugin
    from verticals.host.discovery import discover

    (candidate,) = discover(Path(plugins_dir) if plugins_dir else None)[name]
    started = time.perf_counter()
    plugin = candidate.load()
    for attribute in dir(plugin):
        if attribute.startswith("register_") and hasattr(getattr(plugin, attribute), "verticals_impl"):
            nouns = getattr(plugin, attribute)()
            list(nouns) if inspect.isgenerator(nouns) else None
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "heavy": sorted({module.partition(".")[0] for module in sys.modules} & HEAVY)}


def predict(name: str, home: str, encoder: str, plugins_dir: str | None, heads: dict[str, Any]) -> dict[str, Any]:
    """Answer inputs by versions that another process saved: per head its labels and predictions."""
    from .subject import open_host

    answers: dict[str, Any] = {}
    with open_host(Path(home), Path(encoder), Path(plugins_dir) if plugins_dir else None) as host:
        for head, asked in heads.items():
            manifest = host.registry.open(name, head, asked["version"]).manifest
            predictions = host[name].head(head).predict(asked["inputs"], version=asked["version"])
            answers[head] = {"labels": manifest.get("labels", []), "predictions": [plain(one) for one in predictions]}
    return answers


def plain(prediction: Any) -> dict[str, Any]:
    """A prediction as JSON has it."""
    return {
        "label": prediction.label,
        "confidence": prediction.confidence,
        "value": prediction.value,
        "abstained": prediction.abstained,
        "ranking": [list(pair) for pair in prediction.ranking],
        "labels": None if prediction.labels is None else list(prediction.labels),
        "spans": None
        if prediction.spans is None
        else [[span.start, span.end, span.label] for span in prediction.spans],
        "vector": None if prediction.vector is None else list(prediction.vector),
    }


def serve(name: str, home: str, encoder: str, plugins_dir: str | None) -> dict[str, list[dict[str, Any]]]:
    """Serve the vertical for real, and try its endpoints and its pages."""
    import dataclasses

    from .served import try_all
    from .subject import open_host

    with open_host(Path(home), Path(encoder), Path(plugins_dir) if plugins_dir else None) as host:
        found = try_all(host, name)
        return {part: [dataclasses.asdict(result) for result in results] for part, results in found.items()}


TASKS = {"load": load, "predict": predict, "serve": serve}

if __name__ == "__main__":
    task, answer, arguments = sys.argv[1:]
    outcome: Any = TASKS[task](**json.loads(arguments))  # type: ignore[operator]
    Path(answer).write_text(json.dumps(outcome), encoding="utf-8")

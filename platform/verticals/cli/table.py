"""Every built-in command with its place and its one-line purpose: ``--help`` needs no more, and imports nothing."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lives, as ``module:attribute``, and what it is for."""

    reference: str
    purpose: str


SECTIONS: dict[str, dict[str, Entry]] = {
    "Serve": {
        "run": Entry("verticals.cli.run:run", "Serve verticals: their API and pages"),
        "key": Entry("verticals.cli.key:key", "Make, list and revoke keys of the API"),
        "events": Entry("verticals.cli.events:events", "Read a vertical's event log"),
    },
    "Data and training": {
        "data": Entry("verticals.cli.data:data", "Import, list, show and export data sets"),
        "train": Entry("verticals.cli.train:train", "Train a head; interrupt and resume at will"),
        "methods": Entry("verticals.cli.methods:methods", "List the ways to train a head, and its possible objectives"),
        "tune": Entry("verticals.cli.tune:tune", "Search for a better recipe; interrupt and resume at will"),
        "runs": Entry("verticals.cli.runs:runs", "List, show and compare training runs"),
        "adapt": Entry("verticals.cli.adapt:adapt", "Adapt the encoder to unlabelled texts"),
        "evaluate": Entry("verticals.cli.evaluate:evaluate", "Measure a version on held-out rows"),
        "compare": Entry("verticals.cli.compare:compare", "Compare two versions on the same rows"),
        "predict": Entry("verticals.cli.predict:predict", "Ask a head about texts or a file of them"),
        "explain": Entry("verticals.cli.explain:explain", "Show which words an answer rests on"),
        "models": Entry("verticals.cli.models:models", "List, show, promote and roll back versions"),
        "index": Entry("verticals.cli.index:index", "Build, search, change, export and load an index of documents"),
    },
    "Plugins": {
        "plugins": Entry("verticals.cli.plugins:plugins", "List plugins and their state"),
        "plugin": Entry("verticals.cli.plugin:plugin", "Write a new plugin, or check one"),
    },
    "This machine": {
        "doctor": Entry("verticals.cli.doctor:doctor", "Check this machine and say how to fix what is wrong"),
        "config": Entry("verticals.cli.config:config", "Show the settings in force"),
        "completion": Entry("verticals.cli.completion:completion", "Print a completion script for your shell"),
    },
}
COMMANDS: dict[str, Entry] = {name: entry for section in SECTIONS.values() for name, entry in section.items()}

"""The generated reference is that of this code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """The pages as the code gives them now, made by a process of its own."""
    folder = tmp_path_factory.mktemp("reference")
    code = (
        "import json, pathlib, sys; sys.path.insert(0, sys.argv[1]); import generate; "
        "pathlib.Path(sys.argv[2]).write_text(json.dumps(generate.pages()), encoding='utf-8')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, REFERENCE, folder / "pages.json"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    import json

    return json.loads((folder / "pages.json").read_text(encoding="utf-8"))


def test_the_committed_reference_is_up_to_date(generated):
    committed = {path.name: path.read_text(encoding="utf-8") for path in REFERENCE.glob("*.md")}
    assert sorted(committed) == sorted(generated)
    stale = [name for name, content in generated.items() if committed[name] != content]
    assert not stale, f"{', '.join(stale)}: run `make docs` and commit what it writes"


def test_the_reference_has_every_public_name(generated):
    import verticals
    from verticals.contract import Hooks

    hooks = [name for name in vars(Hooks) if not name.startswith("_")]
    assert [name for name in hooks if f"## {name}\n" not in generated["hooks.md"]] == []
    pages = "".join(generated.values())
    assert [name for name in verticals.__all__ if name not in pages] == []

"""The blocks of the pages that are marked `sh test` or `python test`, run as they stand.

The blocks of one page run one after the other in one empty folder, on a tiny encoder. A page whose blocks ask a server
at 127.0.0.1:8000 gets one, at a port of its own.
"""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from verticals import Host

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```(sh|python) test\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = "127.0.0.1:8000"
SCRIPTS = {
    path.relative_to(ROOT).as_posix(): blocks
    for path in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))]
    if (blocks := BLOCK.findall(path.read_text(encoding="utf-8")))
}
SLOW = {  # they train several models
    f"docs/how-to/{name}.md"
    for name in ("fine-tune-a-language-model", "learn-from-unlabelled-rows", "search-for-a-recipe")
}
SHELL = 'set -eo pipefail\ncurl() { command curl -sS --fail-with-body "$@"; }\n'


def script_of(blocks: list[tuple[str, str]]) -> str:
    """One shell script; Python blocks that follow each other are one program, as in a notebook."""
    parts = [SHELL]
    for language, group in itertools.groupby(blocks, key=lambda block: block[0]):
        body = "".join(text for _, text in group)
        parts.append(body if language == "sh" else f"python - <<'END_OF_PYTHON'\n{body}END_OF_PYTHON\n")
    return "\n".join(parts)


@pytest.fixture(scope="module")
def environment(tmp_path_factory, forks) -> dict[str, str]:
    from verticals.encoder import tiny

    others = {name: value for name, value in os.environ.items() if not name.startswith("PLATFORM_")}
    given = others | {
        "PLATFORM_ENCODER": str(tiny.create(tmp_path_factory.mktemp("encoder"))),
        "PLATFORM_DEVICE": "cpu", "PLATFORM_PRECISION": "fp32", "PLATFORM_THREADS": "1",
        "PLATFORM_FIRST_TOKENS": "0", "OMP_NUM_THREADS": "1",
    }  # fmt: skip
    return given | {
        "PATH": os.pathsep.join([str(forks.commands()), str(Path(sys.executable).parent), os.environ["PATH"]])
    }


@pytest.fixture(scope="module")
def server(environment, tmp_path_factory, forks) -> Iterator[str]:
    """Address of a server with the three verticals, the same for all pages: their blocks only ask it."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    folder = tmp_path_factory.mktemp("server")
    _keep_a_few_behaviours(folder)
    names = ["customer-service", "financial-sentiment", "recommendation"]
    command = [sys.executable, "-m", "verticals", "run", *names, "--port", "0", "--no-pages"]
    process = forks.popen()(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if found := re.search(r"http://([\d.]+:\d+)/openapi.json", line):
                yield found[1]
                break
        else:
            pytest.fail(f"the server did not start: {said}")
    finally:
        process.terminate()
        process.wait(30)


def _keep_a_few_behaviours(folder: Path) -> None:
    """Let the recommender learn from a few users only: a ranking of thousands takes most of a minute."""
    with Host.open(folder / ".platform") as host:
        behaviours = host["recommendation"].dataset("behaviours")
        behaviours.export(folder / "all.csv")
        few = (folder / "all.csv").read_text(encoding="utf-8").splitlines(keepends=True)[:200]
        (folder / "few.csv").write_text("".join(few), encoding="utf-8", newline="")
        behaviours.import_file(folder / "few.csv", replace=True)


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow if page in SLOW else ()) for page in SCRIPTS]
)
def test_the_marked_blocks_of_a_page_work(page, environment, tmp_path, request):
    script = script_of(SCRIPTS[page])
    if ADDRESS in script:
        script = script.replace(ADDRESS, request.getfixturevalue("server"))
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 0, f"{page}:\n{done.stdout}\n{done.stderr}"

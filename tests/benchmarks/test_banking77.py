"""BANKING77 by the default recipe, through the command line as the how-to page has it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(1200)]
DATA = Path(__file__).parents[3] / "shared" / "data" / "banking77"


def platform(home: Path, *arguments: str) -> str:
    environment = {**os.environ, "NO_COLOR": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    done = subprocess.run(
        [sys.executable, "-m", "verticals", "--home", str(home), *arguments],
        check=True, capture_output=True, text=True, env=environment,
    )  # fmt: skip
    return done.stdout


@pytest.mark.skipif(not DATA.is_dir(), reason=f"{DATA} is not there")
def test_the_default_recipe_reaches_93_percent_within_six_minutes(tmp_path: Path) -> None:
    importing = ["data", "import", "customer-service/utterances"]
    started = time.perf_counter()
    platform(tmp_path, *importing, str(DATA / "train.csv"), "--map", "category=intent", "--replace", "--split", "train")
    print(f"\nBANKING77 train.csv (10,003 rows) imported in {time.perf_counter() - started:.1f} s, start included")
    platform(tmp_path, *importing, str(DATA / "test.csv"), "--map", "category=intent", "--split", "test")
    trained = json.loads(platform(tmp_path, "train", "customer-service/intent", "--json"))
    measured = json.loads(platform(tmp_path, "evaluate", "customer-service/intent", "--split", "test", "--json"))
    accuracy = measured["metrics"]["accuracy"]
    print(f"BANKING77 test accuracy {accuracy:.4f} (seed 0), trained in {trained['seconds']:.0f} s")
    assert measured["rows"] == 3080
    assert accuracy >= 0.93
    assert trained["seconds"] <= 360

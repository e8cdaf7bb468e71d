"""How long one waits for the command line and for a server, on a machine that does nothing else."""

import statistics
import subprocess
import sys
import time

import pytest

pytestmark = [pytest.mark.bench, pytest.mark.timeout(600)]


@pytest.mark.parametrize("arguments", [["--help"], ["plugins"]])
def test_the_command_line_answers_within_400_ms(arguments: list[str]) -> None:
    times = []
    for _ in range(10):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "verticals", *arguments], check=True, capture_output=True)
        times.append(time.perf_counter() - started)
    print(f"\nplatform {' '.join(arguments)}: median of 10 {statistics.median(times):.3f} s")
    assert statistics.median(times) < 0.4


@pytest.mark.parametrize("names", [["customer-service"], ["customer-service", "financial-sentiment"]], ids=len)
def test_a_second_start_is_ready_within_five_seconds(tmp_path, serve, names: list[str]) -> None:
    serve(tmp_path / "home", names).stop()
    times = []
    for _ in range(5):
        server = serve(tmp_path / "home", names)
        times.append(server.seconds_to_ready)
        server.stop()
    print(f"\nsecond start of {' and '.join(names)}: median of 5 {statistics.median(times):.2f} s")
    assert statistics.median(times) < 5

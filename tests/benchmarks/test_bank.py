"""One encoder, many adapters: what they cost in time and in memory, against the bare encoder and against peft."""

import csv
import gc
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch
from tests.benchmarks.commands import DATA, needs

from verticals.contract import Recipe
from verticals.encoder import Encoder, LoraAdapter, TokenBatch, locate
from verticals.tuning.body import EVERY, USUAL, adapted_layers

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3600), needs("banking77")]
HEADS, RANK, ROWS, ROUNDS = 16, Recipe().lora_rank, 64, 9


@pytest.fixture(scope="module")
def texts() -> list[str]:
    with (DATA / "banking77/train.csv").open(encoding="utf-8", newline="") as file:
        read = [row["text"] for row in csv.DictReader(file)]
    order = torch.randperm(len(read), generator=torch.Generator().manual_seed(0)).tolist()
    return [read[at] for at in order]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.open(locate())


def adapter(encoder: Encoder, seed: int, layers: str = USUAL) -> LoraAdapter:
    generator = torch.Generator().manual_seed(seed)
    shapes = encoder.bank.shapes
    shapes = {name: shapes[name] for name in adapted_layers(shapes, Recipe(), layers)}
    made = LoraAdapter(shapes, RANK, 2.0 * RANK, generator)
    with torch.no_grad():
        for up in made.up.values():
            up.normal_(std=0.02, generator=generator)
    return made


def resident() -> float:
    """Memory of this process, in MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def interleaved(calls: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Median seconds of each call, all in turn."""
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


@pytest.mark.parametrize("layers", [USUAL, EVERY])
def test_sixteen_heads_in_one_batch_against_the_bare_encoder_and_against_switching(
    encoder: Encoder, texts: list[str], tmp_path: Path, layers: str
) -> None:
    from peft import PeftModel
    from transformers import AutoModel

    adapters = [adapter(encoder, seed, layers) for seed in range(HEADS)]
    slots = [encoder.bank.add(one) for one in adapters]
    rows = encoder.tokens(texts[:ROWS], 64)
    which = sorted(range(ROWS), key=lambda at: at % HEADS)  # row i is head (i mod 16)'s
    batch = encoder.batch(rows, which)
    peer = None
    for number, one in enumerate(adapters):
        (tmp_path / str(number)).mkdir()
        one.save(tmp_path / str(number), "peer")
        if peer is None:
            base = AutoModel.from_pretrained(locate().path, dtype=torch.float32)
            peer = PeftModel.from_pretrained(base, tmp_path / str(number), adapter_name="0").eval()
        else:
            peer.load_adapter(tmp_path / str(number), adapter_name=str(number))
    groups = [[at for at in range(ROWS) if at % HEADS == number] for number in range(HEADS)]
    parts = [encoder.batch(rows, group) for group in groups]

    def through(batch: TokenBatch, routed: list[int]) -> torch.Tensor:
        with torch.inference_mode(), encoder.routed(batch, routed):
            return encoder.features(batch)

    def by_switching() -> list[torch.Tensor]:
        given = []
        for number, part in enumerate(parts):
            peer.set_adapter(str(number))
            positions = torch.arange(part.ids.shape[1])
            mask = (positions < part.lengths[:, None]).long()
            with torch.inference_mode():
                states = peer(input_ids=part.ids, attention_mask=mask).last_hidden_state
            given.append((states * mask[..., None]).sum(1) / part.lengths[:, None])
        return given

    mixed = through(batch, [slots[at % HEADS] for at in which])
    theirs = torch.cat(by_switching())
    torch.testing.assert_close(mixed, theirs, atol=2e-2, rtol=0)
    seconds = interleaved({
        "bare": lambda: through(batch, [0] * ROWS),
        "mixed": lambda: through(batch, [slots[at % HEADS] for at in which]),
        "one by one": lambda: [through(part, [slots[n]] * len(part.ids)) for n, part in enumerate(parts)],
        "peft": by_switching,
    })  # fmt: skip
    share, switching = seconds["bare"] / seconds["mixed"], seconds["peft"] / seconds["mixed"]
    tokens = int(batch.lengths.sum())
    own = seconds["one by one"] / seconds["mixed"]
    print(f"\n{ROWS} texts ({tokens} tokens) for {HEADS} adapters of rank {RANK} on {layers}, "
          f"{encoder.precision.name}: bare {tokens / seconds['bare']:,.0f} tokens/s, "
          f"mixed {tokens / seconds['mixed']:,.0f} ({share:.1%} of bare); "
          f"{switching:.1f}x peft's switching group by group, {own:.1f}x our own")  # fmt: skip
    for slot in slots:
        encoder.bank.remove(slot)
    assert switching >= 3
    if layers == USUAL:
        assert share >= 0.85


def taken_by_a_hundred(precision: str, layers: str) -> float:
    encoder = Encoder.open(locate(), precision)
    gc.collect()
    before = resident()
    for seed in range(100):
        encoder.bank.add(adapter(encoder, seed, layers))
    gc.collect()
    return resident() - before


@pytest.mark.parametrize("layers", [USUAL, EVERY])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_hundred_adapters_in_memory(precision: str, layers: str) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:  # memory that others freed would be taken again
        taken = apart.submit(taken_by_a_hundred, precision, layers).result()
    print(f"\n100 adapters of rank {RANK} on {layers}, {precision}: {taken:.0f} MB above the encoder alone")
    if layers == USUAL:
        assert taken < 150


def test_a_hundred_thousand_adapters_come_and_go(encoder: Encoder) -> None:
    kept = [adapter(encoder, seed) for seed in range(8)]
    resting = [encoder.bank.add(one) for one in kept]

    def cycles(count: int) -> None:
        for number in range(count):
            resting.append(encoder.bank.add(kept[number % 8]))
            encoder.bank.remove(resting.pop(0))

    cycles(1000)
    before, began = resident(), time.perf_counter()
    cycles(100_000)
    grown = resident() / before - 1
    print(f"\n100,000 adapters loaded and unloaded in {time.perf_counter() - began:.0f} s: memory grew by {grown:.2%}")
    for slot in resting:
        encoder.bank.remove(slot)
    assert grown < 0.01

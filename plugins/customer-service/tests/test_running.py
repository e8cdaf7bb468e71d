"""What a running vertical takes over of what others measure."""

import anyio
import pytest

from verticals import Host
from verticals_customer_service.trust import FEATURES, AnswersCalibrated

READ_BY = "customer-service/intent@v1"


@pytest.fixture
def host(tmp_path, monkeypatch):
    from verticals.encoder import tiny

    monkeypatch.setenv("PLATFORM_ENCODER", str(tiny.create(tmp_path / "encoder")))
    settings = {"plugins": {"customer-service": {"answer_precision": 0.8}}, "first_tokens": 0, "trackers": "none"}
    with Host.open(tmp_path / "home", settings=settings) as host:
        yield host


def measured(right, **versions):
    count = len(FEATURES)
    return AnswersCalibrated(
        features=list(FEATURES), mean=[0.0] * count, scale=[1.0] * count, weights=[0.0] * (count + 1),
        certainty=[0.7] * len(right), right=right, asked=len(right), answerable=len(right), data={},
        versions=versions,
    )  # fmt: skip


def test_a_measurement_is_taken_over_at_once_and_what_it_cannot_keep_is_told(host, caplog):
    async def until(policy_of, wanted, told=""):
        with anyio.fail_after(10):
            while policy_of().thresholds.certainty != wanted or told not in caplog.text:  # noqa: ASYNC110 - by a task
                await anyio.sleep(0.02)

    async def run():
        async with host.serve(["customer-service"]) as served:
            vertical = served["customer-service"]

            def policy(language="en"):
                return vertical.state["policies"][language]

            assert policy().thresholds.certainty == 0
            assert "answer_precision = 0.8 is not kept: it was not measured yet" in caplog.text
            host["customer-service"].events.append("answers-calibrated", measured([True] * 40, intent=READ_BY))
            await until(policy, 0.7)
            host["customer-service"].events.append("answers-calibrated", measured([True, False] * 30, intent=READ_BY))
            await until(policy, 0.0, "of 60 held-out answers 30 are right")
            caplog.clear()
            before = "customer-service/intent@v9"
            host["customer-service"].events.append("answers-calibrated", measured([True] * 40, intent=before))
            await until(policy, 0.7, f"it was measured with {before} ({READ_BY} is live)")
            assert policy("zh").thresholds.certainty == 0, "no head reads it"
            assert policy("zh").trust is None

    anyio.run(run)

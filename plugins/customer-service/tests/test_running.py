"""What a running vertical takes over of what others measure."""

from datetime import UTC, datetime

import anyio
import pytest

from verticals import Host
from verticals_customer_service.results import report
from verticals_customer_service.trust import FEATURES, AnswersCalibrated

READ_BY, AFTER = "customer-service/intent@v1", "customer-service/intent@v2"


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
            await until(policy, 0.0, f"it was measured with {before} ({READ_BY} is live)")
            assert policy().trust is None, "nothing is known of how sure what answers now is"
            host["customer-service"].events.append("answers-calibrated", measured([True] * 40, intent=READ_BY))
            await until(policy, 0.7)
            assert policy("zh").thresholds.certainty == 0, "no head reads it"
            assert policy("zh").trust is None

            caplog.clear()
            assert await vertical.notices() == []
            intent = host["customer-service"].head("intent")
            intent.promote(intent.train(changes={"method": "head", "epochs": 1}).version)
            told = f"answer_precision = 0.8 is not kept: it was measured with {READ_BY} ({AFTER} is live)."
            await until(policy, 0.0, told)
            assert policy().trust is None
            (notice,) = await vertical.notices()
            assert notice.told == told
            assert notice.remedy.endswith("Run: platform customer-service calibrate")
            today = datetime.now(UTC).date()
            assert (await report(vertical, today, today)).notices == [notice], "the page of results shows it"
            assert await vertical.of("acme").notices() == [], "it is the operator's"
            host.registry.rollback("customer-service", "intent")
            await until(policy, 0.7)
            assert await vertical.notices() == []

    anyio.run(run)

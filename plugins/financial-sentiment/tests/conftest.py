"""A running vertical on the real host, with a tiny encoder, shared by the tests."""

import pytest

from verticals import Host


@pytest.fixture(scope="session")
def home(tmp_path_factory, tiny_encoder):
    """A home with heads that were trained for a moment, and the settings to open it with."""
    folder = tmp_path_factory.mktemp("home")
    settings = {
        "database": f"sqlite:///{folder / 'platform.db'}",
        "encoder": str(tiny_encoder),
        "device": "cpu",
        "precision": "fp32",
    }
    with Host.open(folder, settings=settings) as host:
        for name in ("sentiment", "topic"):
            head = host["financial-sentiment"].head(name)
            few_steps = {"method": "lora", "epochs": 1, "batch_size": 256, "max_tokens": 16}
            head.promote(head.train(changes=few_steps).version)
    return folder, settings


@pytest.fixture(scope="session")
def start(home):
    """Starts the application on that home; each call is a start of its own."""
    import contextlib

    from fastapi.testclient import TestClient

    from verticals.web.app import create_app

    @contextlib.contextmanager
    def started(**settings):
        folder, base = home
        with (
            Host.open(folder, settings=base | settings) as host,
            TestClient(create_app(host, ["financial-sentiment"])) as client,
        ):
            client.base_url = client.base_url.join("/v1/financial-sentiment/")
            yield client

    return started


@pytest.fixture(scope="module")
def api(start):
    """A client of the running API."""
    with start() as client:
        yield client

from collections.abc import Iterator
from datetime import date

import pytest
from fastapi.testclient import TestClient

from verticals import Host
from verticals.web.app import create_app
from verticals_customer_service import templates
from verticals_customer_service.policy import Policy

CONSTANTS = {"shop_name": "Larkspur & Lane", "support_email": "help@shop.example"}


@pytest.fixture(scope="session")
def today() -> date:
    return date(2026, 11, 21)


@pytest.fixture(scope="session")
def starter() -> templates.Templates:
    return templates.load(None, CONSTANTS)


@pytest.fixture(scope="session")
def policy(starter: templates.Templates) -> Policy:
    return Policy(starter)


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The real product: real encoder, starter data, a first head trained as it begins to serve."""
    with (
        Host.open(tmp_path_factory.mktemp("home")) as host,
        TestClient(create_app(host, ["customer-service"])) as client,
    ):
        for _ in range(1200):
            if client.get("/readyz").status_code == 200:
                break
            import time

            time.sleep(0.25)
        yield client

import threading
import time
from collections.abc import Iterator
from datetime import date

import httpx
import pytest
import uvicorn

from verticals import Host
from verticals.web.app import create_app
from verticals.web.server import listen, url
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
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The real product on a real server: real encoder, starter data, first heads trained as it begins to serve."""
    with Host.open(tmp_path_factory.mktemp("home")) as host, listen("127.0.0.1", 0) as listening:
        server = uvicorn.Server(uvicorn.Config(create_app(host, ["customer-service"]), log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            with httpx.Client(base_url=url(listening), timeout=120) as client:
                while not server.started and thread.is_alive():
                    time.sleep(0.05)
                yield client
        finally:
            server.should_exit = True
            thread.join(30)

"""Small data for the pure parts, and a running vertical on the real host with a tiny encoder."""

import contextlib
import csv

import pytest

from verticals import Host
from verticals_recommendation import data

SOME_USERS = 12


@pytest.fixture(scope="session")
def catalogue():
    from verticals_recommendation.catalogue import Catalogue

    return Catalogue(data.items())


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_encoder):
    """A home with the behaviours of a few users and a head trained on them, and the settings to open it with."""
    folder = tmp_path_factory.mktemp("home")
    settings = {
        "database": f"sqlite:///{folder / 'platform.db'}",
        "encoder": str(tiny_encoder),
        "device": "cpu",
        "precision": "fp32",
        "threads": 1,
    }
    users = {f"u-{number:03}" for number in range(1, SOME_USERS + 1)}
    with (folder / "few.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user_id", "item_id", "action", "at"])
        writer.writerows(
            [one.user_id, one.item_id, one.action, one.at.isoformat()]
            for one in data.behaviours()
            if one.user_id in users
        )
    with Host.open(folder, settings=settings) as host:
        vertical = host["recommendation"]
        vertical.dataset("behaviours").import_file(folder / "few.csv", replace=True)
        head = vertical.head("interest")
        head.promote(head.train(changes={"method": "head"}).version)
    return folder, settings


@pytest.fixture(scope="module")
def host(home):
    """The host on that home."""
    folder, settings = home
    with Host.open(folder, settings=settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def start(home):
    """Starts the application on that home; each call is a start of its own."""
    from fastapi.testclient import TestClient

    from verticals.web.app import create_app

    @contextlib.contextmanager
    def started():
        folder, settings = home
        with (
            Host.open(folder, settings=settings) as opened,
            TestClient(create_app(opened, ["recommendation"])) as client,
        ):
            client.base_url = client.base_url.join("/v1/recommendation/")
            yield client

    return started


@pytest.fixture(scope="module")
def api(start):
    """A client of the running API."""
    with start() as client:
        yield client

"""Runs in the API and on their page."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from verticals.store import Point
from verticals.web.pages.chart import chart


@pytest.fixture
def runs(host):
    """Three runs with curves; the last is a trial."""
    ids = []
    for rate, end, search in ((1e-3, 0.8, None), (5e-3, 0.9, None), (7e-3, 0.7, "search-1")):
        recipe = {"method": "lora", "learning_rate": rate}
        run = host.store.runs.start("shop", "parity", dataset_version="v1", recipe=recipe, seed=0, search=search).id
        host.store.curves.add(run, [Point("step", 32 * at, {"loss": 2 / at}) for at in (1, 2, 3)])
        host.store.curves.add(run, [Point("epoch", at, {"accuracy": end - 0.3 / at}) for at in (1, 2)])
        host.store.runs.update(run, status="finished", metrics={"accuracy": end, "log_loss": 1 - end})
        ids.append(run)
    return ids


def test_the_api_gives_a_run_with_its_curves(client, runs):
    found = client.get(f"/v1/platform/runs/{runs[0]}").json()
    assert found["curves"]["steps"][0] == {"at": 32, "figures": {"loss": 2.0}}
    assert [one["at"] for one in found["curves"]["epochs"]] == [1, 2]
    assert found["search"] is None
    assert client.get("/v1/platform/runs/nothing").status_code == 404


def test_the_api_lists_trials_only_when_asked(client, runs):
    def listed(query=""):
        return {one["id"] for one in client.get(f"/v1/platform/runs{query}").json()}

    assert listed() == set(runs[:2])
    assert listed("?trials=true") == set(runs)
    assert listed("?search=search-1") == {runs[2]}


def test_the_page_lists_runs_and_compares_those_chosen(browser, runs):
    page = browser.get("/runs")
    assert page.status_code == 200
    assert all(run in page.text for run in runs[:2])
    assert runs[2] not in page.text
    assert runs[2] in browser.get("/runs?trials=1").text
    compared = browser.get(f"/runs?run={runs[0]}&run={runs[1]}")
    assert compared.status_code == 200
    for shown in ("Where they differ", "learning rate", "0.005", "training loss", "p-best"):
        assert shown in compared.text, shown
    alone = browser.get(f"/runs?run={runs[0]}")
    assert "Recipe" in alone.text
    assert "Where they differ" not in alone.text


@pytest.mark.parametrize(("query", "status"), [("run=nothing", 404), ("&".join(f"run={n}" for n in range(9)), 422)])
def test_what_cannot_be_compared_is_said(browser, runs, query, status):
    page = browser.get(f"/runs?{query}")
    assert page.status_code == status
    assert "This did not work" in page.text


def test_an_empty_list_says_what_to_do(browser):
    assert "No run yet." in browser.get("/runs").text


def test_a_chart_holds_every_line_within_its_frame():
    lines = [("a<b", [(1, 0.5), (2, 0.75)]), ("c", [(1, 0.9), (2, 0.1), (3, 0.4)])]
    drawn = ElementTree.fromstring(chart("accuracy", "epoch", lines, [0, 4]))
    groups = drawn.findall("g")
    assert [group.get("class") for group in groups] == ["p-series p-series-1", "p-series p-series-5"]
    for group in groups:
        for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", group.find("path").get("d")):
            assert 0 <= float(x) <= 360
            assert 0 <= float(y) <= 200
    assert "a<b from 0.5000 to 0.7500" in drawn.get("aria-label")
    assert len(groups[1].findall("circle")) == 3


@pytest.mark.parametrize(
    "points", [[(5, 0.5)], [(0, 0.0), (1, 0.0)], [(0, 1e-9), (10_000_000, 2e-9)], [(1, -3), (2, 4e6)]]
)
def test_a_chart_of_odd_values_is_drawn(points):
    drawn = chart("loss", "rows", [("a", points)], [0])
    assert "nan" not in drawn
    assert "inf" not in drawn
    ElementTree.fromstring(drawn)

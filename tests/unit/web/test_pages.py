"""Pages: the frame, the home page, what happens when a page fails, and that nothing comes from elsewhere."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from verticals.web.app import create_app
from verticals.web.pages.overview import ago, duration, main_metric
from verticals.web.pages.reference import curl

STATIC = Path(create_app.__code__.co_filename).parent / "static"


def test_the_home_page_lists_what_runs_and_what_does_not(browser, host):
    run = host.store.runs.start("shop", "parity", dataset_version="v1", recipe={}, seed=0)
    page = browser.get("/")
    assert page.status_code == 200
    for shown in ("Skip to content", "parity", "accuracy 0.900", "live", run.id, "irony", "platform train shop/parity"):
        assert shown in page.text, shown
    assert "platform models promote shop/parity v2" in page.text, "the version that a training would make: v1 is live"


def test_the_home_page_says_what_to_know_and_do_now(browser, host, save_version):
    def promoted():
        host.registry.promote("shop", "parity", save_version().version)
        (shop, *_) = browser.get("/v1/platform/verticals").json()
        return shop["notices"], browser.get("/").text

    assert browser.get("/v1/platform/verticals").json()[0]["notices"] == []
    notices, page = promoted()
    assert notices == [{"told": "Parity was not measured.", "remedy": "Run: platform evaluate shop/parity"}]
    assert "Shop: Parity was not measured." in page
    assert "Run: platform evaluate shop/parity" in page
    notices, page = promoted()
    assert "hook notices failed (RuntimeError)" in notices[0]["told"]
    assert "1234" not in page


def test_empty_states_say_what_to_do(fresh_host):
    with TestClient(create_app(fresh_host, ["quiet"])) as client:
        page = client.get("/")
    assert page.status_code == 200
    for shown in ("No head is declared.", "Nothing has been trained yet.", "No run yet."):
        assert shown in page.text, shown


def test_a_page_of_a_vertical_stands_in_the_frame(browser):
    page = browser.get("/shop")
    assert page.status_code == 200
    assert "Hello from shop" in page.text
    assert "<title>Chat · Verticals</title>" in page.text
    assert 'lang="en-US"' in page.text


def test_a_page_of_one_thing_each_is_told_which_and_has_no_place_in_the_navigation(browser):
    page = browser.get("/shop/order/LL-7")
    assert page.status_code == 200
    assert "Order LL-7 of shop" in page.text
    assert "/order/{order}" not in browser.get("/shop").text
    paths = [one["path"] for one in browser.get("/v1/platform/verticals").json()[0]["pages"]]
    assert "/shop/order/{order}" not in paths


@pytest.mark.parametrize(("path", "status"), [("/shop/broken", 500), ("/shop/refusing", 503)])
def test_a_page_that_fails_says_so_without_a_trace(browser, path, status):
    page = browser.get(path)
    assert page.status_code == status
    assert "This did not work" in page.text
    assert "1234" not in page.text
    assert "Traceback" not in page.text
    assert "Overview" in page.text


def test_a_page_that_is_not_there_is_a_page(browser):
    page = browser.get("/nowhere")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")
    assert "There is no such page" in page.text


def test_the_reference_page_shows_every_operation(browser):
    page = browser.get("/docs")
    for path in browser.get("/openapi.json").json()["paths"]:
        assert path in page.text


@pytest.mark.parametrize("path", ["/", "/docs", "/indexes", "/shop", "/nowhere"])
def test_pages_load_nothing_from_elsewhere(browser, path):
    loaded = re.findall(r"""(?:src|href)=["'](?:https?:)?//[^"']+""", browser.get(path).text)
    assert loaded == []


def test_the_styles_load_nothing_from_elsewhere():
    for name in ("platform.css", "platform.js"):
        assert "//" not in re.sub(r"^\s*//.*$|/\*.*?\*/|; //.*$|// .*$", "", (STATIC / name).read_text(), flags=re.M)


def test_a_later_application_in_the_same_process_takes_the_paths_over(host):
    for _ in range(2):
        with TestClient(create_app(host, ["shop"])) as client:
            assert client.get("/shop").status_code == 200


def test_the_main_metric_is_the_one_that_says_most():
    assert main_metric({"loss": 0.2, "macro_f1": 0.8, "accuracy": 0.91234}) == "accuracy 0.912"
    assert main_metric({"rows": 3}) == "rows 3.000"
    assert main_metric({"accuracy": None}) == ""


def test_times_are_told_in_the_largest_unit_that_fits():
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert ago(now - timedelta(seconds=30), now) == "just now"
    assert ago(now - timedelta(minutes=1), now) == "1 minute ago"
    assert ago(now - timedelta(days=3), now) == "3 days ago"
    assert duration(now, now + timedelta(seconds=1.5)) == "1.5 s"
    assert duration(now, now + timedelta(seconds=102)) == "1 min 42 s"
    assert duration(now, now + timedelta(hours=2, minutes=5)) == "2 h 5 min"


def test_a_command_line_carries_the_example_of_the_body():
    content = {"application/json": {"example": {"text": "it's late"}}}
    line = curl({}, "http://here/echo", "post", {"requestBody": {"content": content}})
    assert line == """curl http://here/echo -H 'content-type: application/json' -d '{"text": "it'\\''s late"}'"""

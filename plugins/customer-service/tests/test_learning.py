"""Learning from the starter log on the real encoder, and review by command line and API."""

import contextlib
import io
import json
import time

import pytest
from fastapi.testclient import TestClient
from nicegui import core

from verticals import Host
from verticals.cli import main
from verticals.web.app import create_app
from verticals_customer_service.data import STARTER

BASE = "/v1/customer-service/proposals"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("learning") / "home"


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The first dialogues of the starter log, and some of its Chinese ones: fewer texts to encode."""
    lines = (STARTER / "dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    path = tmp_path_factory.mktemp("log") / "chats.jsonl"
    path.write_text("\n".join([*lines[8:56], *lines[71:76], *lines[103:107]]), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(home):
    def command(*words, code=0):
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            ended = main(["--home", str(home), "customer-service", *words])
        assert ended == code, said.getvalue()
        return said.getvalue()

    return command


@pytest.fixture(scope="module")
def learned(run, log):
    return json.loads(run("learn", str(log), "--json"))


@pytest.fixture
def service(home, learned):
    before = core.loop  # NiceGUI keeps one for the process; the server that other tests share goes on with its own
    with (
        Host.open(home, settings={"first_tokens": 0}) as host,
        TestClient(create_app(host, ["customer-service"])) as client,
    ):
        while client.get("/readyz").status_code != 200:
            time.sleep(0.2)
        yield client
    core.loop = before


def test_the_matters_of_the_log_are_proposed(learned):
    proposed = {one["name"]: one for one in learned["open"]}
    assert learned["import"]["added"] == learned["mining"]["dialogues"] == 57
    # Topics that the log has and the assistant does not know, and some that it does.
    for name, times in {"gift_list": 5, "kettle_recall": 5, "price_match": 4, "engraved_knife": 4}.items():
        assert proposed[name]["times"] >= times
        assert not proposed[name]["known"]
    assert proposed["cancel_order"]["known"]
    assert "Account > Gift lists" in proposed["gift_list"]["answer"]
    assert "[" not in "".join(one["answer"] for one in learned["open"] if one["name"] in ("gift_list", "price_match"))


def test_learned_again_nothing_changes(run, learned, log):
    again = json.loads(run("learn", str(log), "--json"))
    assert (again["import"]["added"], again["mining"]["dialogues"]) == (0, 0)
    assert again["open"] == learned["open"]


def test_new_dialogues_join_what_was_proposed(run, learned, tmp_path):
    log = tmp_path / "more.jsonl"
    turns = [
        ("customer", "How do we create a gift list for our wedding?"),
        ("agent", "Under Account > Gift lists > New list."),
    ]
    rows = [{"dialogue_id": "later-1", "turns": [{"role": r, "text": t} for r, t in turns], "resolved": True}]
    log.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    more = json.loads(run("learn", str(log), "--json"))
    # It joins, and so may others that were alone: a known intent's proposal had taken only what is near its utterances.
    assert more["mining"]["grown"] >= 1
    assert more["mining"]["made"] == 0
    times = [next(one["times"] for one in state["open"] if one["name"] == "gift_list") for state in (learned, more)]
    assert times[1] == times[0] + 1


def test_the_command_line_reviews(run, learned):
    listed = run("proposals")
    assert "kettle_recall" in listed
    assert "发票" in listed
    assert "How do gift lists work" not in run("proposals", "kettle_recall")
    assert "batch" in run("proposals", "kettle_recall")
    assert "now called fabric_swatches" in run("rename", "fabric_sample", "Fabric swatches")
    assert "now has" in run("merge", "退款", "发票")
    assert "Rejected" in run("reject", "pan_trade")
    assert "new utterances and the document learned-fabric_swatches" in run("accept", "fabric_swatches")
    assert "accepted already" in run("accept", "fabric_swatches", code=4)
    assert "There is no proposal" in run("reject", "fabric_sampel", code=3)
    assert "fabric_swatches" in run("proposals", "--state", "accepted")
    assert "keep_originals" in run("originals", "chat-0001", code=2)
    assert "LOGFILE or --example" in run("learn", code=2)


def test_bad_rows_are_told_and_the_rest_is_learned(run, learned, tmp_path):
    log = tmp_path / "bad.jsonl"
    good = {"dialogue_id": "y", "turns": [{"role": "customer", "text": "Do you hem curtains?"}], "resolved": False}
    log.write_text(f'{{"dialogue_id": "x"}}\nnot json\n{json.dumps(good)}\n', encoding="utf-8")
    said = run("learn", str(log))
    assert "row 1, turns: is missing" in said
    assert "row 2: is not JSON" in said
    assert "2 left out" in said


def test_the_api_reviews_and_the_assistant_answers_with_what_was_accepted(service):
    proposals = service.get(BASE, params={"state": "open"}).json()
    one = next(one for one in proposals if one["name"] == "kettle_recall")
    assert one["examples"]
    assert service.get(f"{BASE}/{one['id']}").json()["times"] == one["times"]
    edited = service.patch(f"{BASE}/{one['id']}", json={"name": "whin recall"}).json()
    assert edited["name"] == "whin_recall"

    accepted = service.post(f"{BASE}/{one['id']}/decisions", json={"action": "accept"}).json()
    assert (accepted["state"], accepted["document"]) == ("accepted", "learned-whin_recall")
    again = service.post(f"{BASE}/{one['id']}/decisions", json={"action": "accept"})
    assert (again.status_code, again.json()["type"]) == (409, "urn:verticals:problem:conflict")

    session = service.post("/v1/customer-service/sessions").json()["session"]
    question = {"text": "my kettle is being recalled, what shall I do?"}
    answer = service.post(f"/v1/customer-service/sessions/{session}/messages", json=question).json()
    assert "learned-whin_recall" in [one["id"] for one in answer["citations"]]
    assert "batch" in answer["text"]


def test_the_api_merges_and_rejects(service):
    merged = service.post(f"{BASE}/engraved_knife/decisions", json={"action": "merge", "into": "gift_list"}).json()
    assert merged["name"] == "gift_list"
    assert service.post(f"{BASE}/cancel_order/decisions", json={"action": "reject"}).json()["state"] == "rejected"
    assert service.post(f"{BASE}/nothing-like-it/decisions", json={"action": "reject"}).status_code == 404
    assert service.post(f"{BASE}/price_match/decisions", json={"action": "merge"}).status_code == 422
    assert service.patch(f"{BASE}/price_match", json={}).status_code == 422


def test_a_proposal_of_ones_own_is_redacted_and_made_once(service):
    body = {
        "name": "Parking",
        "answer": "Free for two hours, ask [0113 496 0142].",
        "questions": ["Where can I park? I'm at ann@mail.example"],
    }
    made = service.post(BASE, json=body)
    assert made.status_code == 201
    assert (made.json()["name"], made.json()["known"]) == ("parking", False)
    assert made.json()["examples"][0]["question"] == "Where can I park? I'm at [EMAIL]"
    assert "0113" not in made.json()["answer"]
    assert service.post(BASE, json=body).json() == made.json()
    assert service.post(BASE, json={**body, "questions": []}).status_code == 422


def test_the_page_lists_the_proposals(service):
    page = service.get("/customer-service/learned")
    assert page.status_code == 200
    assert "Price match" in page.text

"""Proposals by their events, and what a decision writes."""

from datetime import UTC, datetime

import pytest

from verticals import BadInput, Conflict, Event, NotFound
from verticals_customer_service import decisions
from verticals_customer_service.proposals import Example, ProposalMade, ProposalReviewed, Proposals

ROWS = [{"text": "where is my parcel?", "intent": "track_parcel"}]


def made(name, *questions, answer="Under Account > Gift lists.", known=False):
    examples = [Example(id=f"{name}:{n}", question=q, answer=answer) for n, q in enumerate(questions)]
    return "proposal-made", ProposalMade(proposal=f"p-{name}", name=name, known=known, answer=answer, examples=examples)


def reviewed(name, action, **fields):
    return "proposal-reviewed", ProposalReviewed(proposal=f"p-{name}", action=action, **fields)


def standing(*events):
    return Proposals(
        Event(number, "customer-service", kind, payload.model_dump(mode="json"), datetime.now(UTC))
        for number, (kind, payload) in enumerate(events, start=1)
    )


TWO = (made("gift_list", "How do I make a gift list?", "a wedding list?"), made("registry", "wedding registry"))


def test_they_are_found_by_id_and_by_name():
    proposals = standing(*TWO)
    assert [one.name for one in proposals.listed()] == ["gift_list", "registry"]
    assert proposals.get("registry") is proposals.get("p-registry")
    with pytest.raises(NotFound, match="'registry'"):
        proposals.get("registri")


def test_a_merged_one_gives_its_questions_and_can_be_decided_no_more():
    decision = decisions.merged(standing(*TWO), "registry", "gift_list")
    proposals = standing(*TWO, ("proposal-reviewed", decision.reviewed))
    (left,) = proposals.listed()
    assert (left.name, left.times) == ("gift_list", 3)
    assert proposals.final("p-registry") is left
    with pytest.raises(Conflict, match="merged already"):
        decisions.rejected(proposals, "p-registry")
    with pytest.raises(BadInput, match="itself"):
        decisions.merged(standing(*TWO), "registry", "p-registry")


def test_an_accepted_new_intent_gives_utterances_and_a_document():
    decision = decisions.accepted(standing(*TWO), "gift_list", ROWS, name="Wedding list")
    assert decision.reviewed.name == "wedding_list"
    assert decision.reviewed.tables == {
        "utterances": [
            {"text": "How do I make a gift list?", "intent": "wedding_list"},
            {"text": "a wedding list?", "intent": "wedding_list"},
        ],
        "answers": [
            {"question": "How do I make a gift list?", "answer": "Under Account > Gift lists."},
            {"question": "a wedding list?", "answer": "Under Account > Gift lists."},
        ],
    }
    assert (decision.document.id, decision.document.title) == ("learned-wedding_list", "How do I make a gift list?")
    assert decision.document.text == "Under Account > Gift lists."
    proposals = standing(*TWO, ("proposal-reviewed", decision.reviewed))
    assert [(one.name, one.state) for one in proposals.listed("accepted")] == [("wedding_list", "accepted")]


def test_a_question_can_be_left_out():
    decision = decisions.accepted(standing(*TWO), "gift_list", ROWS, without={"gift_list:0"})
    assert decision.reviewed.texts == ["a wedding list?"]
    assert decision.document.title == "a wedding list?"
    with pytest.raises(BadInput, match="has no example gift_list:7") as refused:
        decisions.accepted(standing(*TWO), "gift_list", ROWS, without={"gift_list:0", "gift_list:7"})
    assert "platform customer-service proposals p-gift_list" in refused.value.remedy


def test_a_known_intent_gets_questions_and_keeps_its_answer():
    events = (made("track_parcel", "Where is my  PARCEL?", "parcel [ORDER] lost?", known=True),)
    decision = decisions.accepted(standing(*events), "track_parcel", ROWS)
    assert decision.document is None
    assert decision.reviewed.tables["utterances"] == [{"text": "parcel lost?", "intent": "track_parcel"}]
    assert decisions.accepted(standing(*events), "track_parcel", ROWS, article=True).document is not None


def test_an_answer_for_one_customer_is_no_document():
    events = (made("refund", "my refund?", answer="We wrote to [EMAIL] about [ORDER]."),)
    with pytest.raises(BadInput, match=r"\[EMAIL\], \[ORDER\]"):
        decisions.accepted(standing(*events), "refund", ROWS)
    answer = "Refunds take five working days."
    one = decisions.accepted(standing(*events), "refund", ROWS, article=False)
    assert list(one.reviewed.tables) == ["utterances"], "nor does the head that ranks learn it"
    decision = decisions.accepted(standing(*events), "refund", ROWS, answer=answer)
    assert decision.document.text == decision.reviewed.answer == answer


def test_names_and_answers_are_checked():
    proposals = standing(*TWO)
    assert decisions.edited(proposals, "registry", name="Bridal Registry!").reviewed.name == "bridal_registry"
    for changes in ({}, {"name": " ?! "}, {"answer": "  "}):
        with pytest.raises(BadInput):
            decisions.edited(proposals, "registry", **changes)


def test_what_is_decided_is_decided_once():
    first = decisions.rejected(standing(*TWO), "registry")
    assert first.key == decisions.accepted(standing(*TWO), "registry", ROWS).key
    proposals = standing(*TWO, ("proposal-reviewed", first.reviewed), reviewed("registry", "accept"))
    assert [one.state for one in proposals.listed("rejected")] == ["rejected"]
    with pytest.raises(Conflict, match="is rejected already") as refused:
        decisions.rejected(proposals, "registry")
    assert refused.value.remedy.endswith("platform customer-service undo p-registry")

"""Answers measured on held-out questions, by the real encoder and starter data."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from verticals import BadInput, Hit
from verticals_customer_service import calibrating, precision
from verticals_customer_service.calibrate import calibrate
from verticals_customer_service.calibrating import Asked
from verticals_customer_service.finding import among_articles, among_questions
from verticals_customer_service.policies import policies_of, templates_of
from verticals_customer_service.situation import Situation


@pytest.fixture(scope="module")
def vertical(serving):
    return serving.host["customer-service"]


@pytest.fixture(scope="module")
def measured(vertical):
    return calibrating.calibrate(vertical)


def test_asked_is_what_nothing_was_trained_on(vertical):
    asked = calibrating.held_out(vertical)
    texts = {one.text for one in asked}
    trained = {row["text"] for row in vertical.dataset("utterances").current().iterate() if row["split"] == "train"}
    titles = {document.title for document in vertical.index("knowledge").every()}
    assert not texts & (trained | titles)
    assert len(texts) == len(asked)
    assert "Which channel is the match on?" in texts
    assert not [one for one in asked if one.intent in ("greeting", "thanks", "goodbye")], "no article answers these"


def test_what_is_measured_is_kept_and_can_be_had_again(vertical, measured):
    assert precision.latest(vertical) == measured
    assert measured.versions == {"intent": "customer-service/intent@v1", "answer": ""}
    assert measured.asked > measured.answerable > 150
    assert len(measured.certainty) == len(measured.right) < measured.asked
    again = calibrating.calibrate(vertical)
    assert again.certainty == pytest.approx(measured.certainty)


def test_certain_answers_are_right_more_often(measured):
    order = sorted(zip(measured.certainty, measured.right, strict=True))
    half = len(order) // 2
    doubtful, certain = (sum(right for _, right in part) / len(part) for part in (order[:half], order[half:]))
    assert certain > doubtful + 0.2
    assert certain > 0.7


def test_a_stated_precision_declines_what_is_doubtful(vertical, measured, today):
    settings = vertical.settings.model_copy(update={"answer_precision": 0.85})
    answers = templates_of(settings)
    plain, strict = (policies_of(one, answers, {}, measured)["en"] for one in (vertical.settings, settings))
    point = measured.point(0.85)
    assert strict.thresholds.certainty == point.certainty > plain.thresholds.certainty == 0
    declined = given = 0
    for asked in calibrating.held_out(vertical)[::5]:
        hits, faq = (
            vertical.index("knowledge").search(asked.text, **how("en")) for how in (among_articles, among_questions)
        )
        now = Situation(asked.text, vertical.head("intent").predict(asked.text)[0], today, hits, faq=faq)
        free, answer = plain.answer(now), strict.answer(now)
        if free.rule not in ("intent", "faq", "passage") or free.action == "smalltalk":
            continue
        assert answer.certainty == free.certainty
        if free.certainty < point.certainty:
            declined += 1
            assert (answer.action, answer.rule) == ("abstain", "doubt")
            assert answer.topics
        else:
            given += 1
            assert answer == free
            again = strict.answer(
                replace(now, prediction=replace(now.prediction, version="customer-service/intent@v2"))
            )
            assert again.certainty is None, "another version of the head was not measured"
    assert declined
    assert given


def test_why_a_precision_is_not_kept(measured):
    live = measured.versions

    def told(what, stated, versions=live):
        return str(precision.unkept(what, stated, versions))

    assert precision.unkept(measured, 0.8, live) is None
    assert told(None, 0.9).endswith("it was not measured yet. Run: platform customer-service calibrate")
    assert f"{len(measured.right)} held-out questions got an answer" in told(measured, 0.999)
    few = measured.model_copy(update={"certainty": [0.9] * 30, "right": [True] * 30})
    assert "30 held-out questions got an answer, and 95% takes 45" in told(few, 0.95)
    poor = measured.model_copy(update={"certainty": [0.9] * 60, "right": [True, False] * 30})
    assert "of 60 held-out answers 30 are right" in told(poor, 0.95)
    other = measured.model_copy(update={"features": ["luck"]})
    assert "another release" in told(other, 0.95)
    ranked = {**live, "answer": "customer-service/answer@v1"}
    assert "no answer (customer-service/answer@v1 is live)" in told(measured, 0.8, ranked)


def test_right_is_what_the_row_says(policy, vertical, today):
    article = vertical.index("knowledge").get("delivery-cost")
    cited = policy.answer(Situation("x", vertical.head("intent").predict("zz")[0], today, [Hit(article, 1.0, 0.6)]))
    assert cited.rule == "passage"
    assert Asked("x", intent="delivery_cost").answered_by(cited, policy)
    assert not Asked("x", intent="return_item").answered_by(cited, policy)
    assert Asked("x", answer=article.text[:60].upper()).answered_by(cited, policy)
    assert not Asked("x", answer="something else").answered_by(cited, policy)
    assert Asked("x").answered_by(cited, policy) is False, "what has no answer should get none"


def test_whether_the_faq_is_right_about_an_article_no_row_tells(policy, vertical, today):
    question = vertical.index("knowledge").get("faq-wedding-list")
    now = Situation("x", vertical.head("intent").predict("zz")[0], today, faq=[Hit(question, 1.0, 0.8)])
    said = policy.answer(now)
    assert said.rule == "faq"
    assert Asked("x", answer=question.text, frequent=True).answered_by(said, policy)
    assert Asked("x", answer="another one of it", frequent=True).answered_by(said, policy) is False
    assert Asked("x", answer="of an article").answered_by(said, policy) is None
    assert Asked("x", intent="delivery_cost").answered_by(said, policy) is None
    assert Asked("x").answered_by(said, policy) is False


def test_the_command_shows_what_each_precision_costs(vertical, measured, monkeypatch):
    monkeypatch.setattr(calibrating, "calibrate", lambda vertical, told: measured)
    said = CliRunner().invoke(calibrate, obj=vertical)
    assert said.exit_code == 0, said.output
    assert f"{measured.asked} held-out questions" in said.output
    point = measured.point(0.8)
    assert f"80%           {point.certainty:.3f}" in said.output
    assert "not reached by these answers" in said.output
    monkeypatch.setattr(vertical.settings, "answer_precision", 0.999)
    given = json.loads(CliRunner().invoke(calibrate, ["--json"], obj=vertical).output)
    assert given["points"][-1] == {"precision": 0.999, "certainty": None}
    assert "is not kept" in CliRunner().invoke(calibrate, obj=vertical).output


def test_with_nothing_to_measure_by_it_says_so(vertical, monkeypatch):
    monkeypatch.setattr(calibrating, "held_out", lambda vertical: [Asked("Which channel is the match on?")])
    with pytest.raises(BadInput, match="Import more rows"):
        calibrating.calibrate(vertical)

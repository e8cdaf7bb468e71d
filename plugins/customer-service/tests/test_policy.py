import dataclasses

import pytest

from verticals import Hit, Prediction
from verticals_customer_service.data import articles
from verticals_customer_service.emotions import Emotion, Mood
from verticals_customer_service.policy import Policy
from verticals_customer_service.situation import Situation

ARTICLES = {article.id: article for article in articles()}


def hit(name, similarity=0.5, place=1):
    return Hit(ARTICLES[name], 1 / place, similarity, place, place, (0, 20))


def prediction(label, confidence=0.95, *, abstained=False, familiarity=0.7):
    rest = tuple((other, 0.01) for other in ("delivery_time", "greeting", "return_item") if other != label)
    return Prediction(label, confidence, ((label, confidence), *rest), abstained, familiarity, version="intent@v1")


def ask(policy, today, text, label, *hits, previous=None, **how):
    return policy.answer(Situation(text, prediction(label, **how), today, hits, previous))


def test_a_known_intent_is_answered_from_its_first_template_and_cites_its_article(policy, today):
    answer = ask(policy, today, "where is it?", "track_parcel", hit("late-parcel"), hit("where-is-my-parcel", place=2))
    assert (answer.action, answer.template_id) == ("answer", "track-parcel-general")
    assert [item.id for item in answer.citations] == ["where-is-my-parcel"]
    assert answer.citations[0].span is not None
    assert answer.version == "intent@v1"


def test_an_order_number_in_the_message_calls_for_the_personal_template(policy, today):
    answer = ask(policy, today, "where is ll 204518", "track_parcel", hit("where-is-my-parcel"))
    assert answer.template_id == "track-parcel-order"
    assert "LL-204518" in answer.text
    assert answer.slots == {"order_number": "LL-204518"}


def test_a_missing_detail_is_asked_for_and_the_reply_answers_the_question(policy, today):
    asked = ask(policy, today, "my parcel is late", "parcel_late", hit("late-parcel"))
    assert (asked.action, asked.template_id) == ("ask", "parcel-late-order")
    answer = ask(policy, today, "ll204518", "greeting", previous=asked, confidence=0.4)
    assert (answer.action, answer.intent, answer.template_id) == ("answer", "parcel_late", "parcel-late-order")
    assert answer.confidence == asked.confidence
    assert "LL-204518" in answer.text


def test_a_detail_alone_completes_the_answer_before_it(policy, today):
    first = ask(policy, today, "where is my parcel?", "track_parcel", hit("where-is-my-parcel"))
    answer = ask(policy, today, "LL-204518", "store_hours", previous=first, confidence=0.3, abstained=True)
    assert (answer.action, answer.intent, answer.template_id) == ("answer", "track_parcel", "track-parcel-order")
    assert "LL-204518" in answer.text


def test_who_cannot_give_the_detail_gets_the_general_answer(policy, today):
    asked = ask(policy, today, "my parcel is late", "parcel_late", hit("late-parcel"))
    answer = ask(policy, today, "I don't have it here", "greeting", previous=asked, confidence=0.3)
    assert (answer.action, answer.template_id) == ("answer", "parcel-late-general")


def test_nonsense_after_a_question_is_not_taken_for_the_detail(policy, today):
    asked = ask(policy, today, "my parcel is late", "parcel_late", hit("late-parcel"))
    answer = ask(policy, today, "asdf qwer", "greeting", previous=asked, confidence=0.3, abstained=True)
    assert answer.action == "abstain"


def test_another_subject_leaves_the_open_question(policy, today):
    asked = ask(policy, today, "my parcel is late", "parcel_late", hit("late-parcel"))
    answer = ask(policy, today, "actually, how do I return it?", "return_item", hit("return-an-item"), previous=asked)
    assert answer.template_id == "return-item-general"


def test_an_order_number_is_remembered_but_a_date_is_not(policy, today):
    first = ask(policy, today, "could LL-204518 be here by Friday?", "delivery_time", hit("delivery-time"))
    assert first.slots == {"order_number": "LL-204518", "date": "Friday"}
    then = ask(policy, today, "cancel it", "cancel_order", hit("cancel-an-order"), previous=first)
    assert then.template_id == "cancel-order-number"
    assert then.slots == {"order_number": "LL-204518"}


def test_of_several_articles_the_nearest_chooses_the_template(policy, today):
    answer = ask(
        policy, today, "season it", "product_care", hit("cast-iron-care"), hit("care-at-a-glance", 0.4, place=2)
    )
    assert answer.template_id == "product-care-cast-iron"


def test_small_talk_needs_no_article(policy, today):
    answer = ask(policy, today, "thanks!", "thanks", hit("contact-us", 0.1))
    assert (answer.action, answer.citations) == ("smalltalk", [])


def test_an_uncertain_intent_counts_if_the_index_agrees(policy, today):
    answer = ask(policy, today, "blunt", "product_care", hit("knife-sharpening"), confidence=0.3)
    assert answer.template_id == "product-care-knives"


def test_a_half_certain_intent_yields_to_an_index_that_is_sure_of_another_article(policy, today):
    answer = ask(policy, today, "cheaper now", "parcel_late", hit("price-changes", 0.6), confidence=0.7)
    assert (answer.action, answer.citations[0].id) == ("search", "price-changes")
    assert "{" not in answer.text


def test_an_unknown_question_is_answered_in_the_words_of_the_best_article(policy, today):
    answer = ask(policy, today, "wrap it?", "gift_card", hit("gift-wrapping"), confidence=0.2)
    assert answer.action == "search"
    item = answer.citations[0]
    quoted = item.text[slice(*item.span)]
    assert quoted.split(".")[0] in answer.text
    assert answer.template_id is None


def test_where_nothing_fits_it_says_so_and_offers_topics_and_a_person(policy, today):
    answer = ask(
        policy, today, "capital of peru", "cancel_order", hit("change-email", 0.1), confidence=0.3, abstained=True
    )
    assert (answer.action, answer.citations, answer.template_id) == ("abstain", [], None)
    assert "help@shop.example" in answer.text
    assert answer.topics == ["cancel_order", "delivery_time", "return_item"]


def test_confidence_does_not_help_what_neither_witness_has_met(policy, today):
    answer = ask(policy, today, "tell me a joke", "complaint", hit("contact-us", 0.1), confidence=0.8, familiarity=0.3)
    assert answer.action == "abstain"


def test_an_intent_without_templates_is_searched_for(policy, today):
    answer = ask(policy, today, "activate", "activate_my_card", hit("gift-cards"))
    assert answer.action == "search"
    nothing = ask(policy, today, "activate", "activate_my_card", hit("gift-cards", 0.1))
    assert nothing.action == "abstain"
    assert "activate_my_card" in nothing.topics


def test_without_any_hits_a_known_intent_is_still_answered(policy, today):
    assert ask(policy, today, "where is it?", "track_parcel").action == "answer"
    assert ask(policy, today, "hm", "track_parcel", confidence=0.2).action == "abstain"


def felt(now: Situation, *course, **fields):
    """The situation with the customer's emotions, this message's last."""
    emotion = Emotion(label=course[-1], confidence=0.9)
    return dataclasses.replace(now, emotion=emotion, mood=Mood(course), **fields)


@pytest.mark.parametrize("text", ["human", "Agent!", "a real person please", "转人工", "请转人工客服。"])
def test_a_word_is_enough_to_get_a_person(policy, today, text):
    answer = policy.answer(Situation(text, prediction("greeting", 0.3, abstained=True), today))
    assert (answer.action, answer.rule) == ("handover", "asked")
    assert "colleague" in answer.text
    assert "help@shop.example" in answer.text


@pytest.mark.parametrize(
    "text", ["is there a person on the photo?", "the agent of the carrier was rude", "human rights"]
)
def test_the_word_in_another_sentence_is_not(policy, today, text):
    assert policy.answer(Situation(text, prediction("greeting", 0.3, abstained=True), today)).action == "abstain"


def test_without_agents_nobody_is_promised(starter, today):
    alone = Policy(starter, handover=False)
    answer = alone.answer(Situation("human", prediction("speak_to_human"), today, [hit("contact-us")]))
    assert (answer.action, answer.template_id) == ("answer", "speak-to-human-general")


def test_a_shop_may_call_the_intent_otherwise(starter, today):
    own = Policy(starter, human="agent_please")
    asked = Situation("put me through", prediction("agent_please"), today, [hit("contact-us", 0.1)])
    assert own.answer(asked).rule == "asked"
    assert Policy(starter).answer(asked).action == "abstain"


def test_repeated_failure_ends_with_a_person_and_sooner_for_who_is_upset(policy, today):
    lost = Situation("asdf", prediction("greeting", 0.3, abstained=True), today)
    actions = [policy.answer(dataclasses.replace(lost, failures=count)).action for count in range(4)]
    assert actions == ["abstain", "abstain", "handover", "handover"]
    upset = [policy.answer(felt(lost, "frustrated", failures=count)).action for count in range(3)]
    assert upset == ["abstain", "handover", "handover"]
    assert policy.answer(felt(lost, "confused", failures=1)).action == "abstain"


def test_the_same_answer_again_counts_as_a_failure(policy, today):
    first = ask(policy, today, "where is it?", "track_parcel", hit("where-is-my-parcel"))
    again = Situation("where?", prediction("track_parcel"), today, [hit("where-is-my-parcel")], first, failures=2)
    assert (policy.answer(again).action, policy.answer(again).rule) == ("handover", "failures")


def test_who_stays_angry_gets_a_person_even_where_there_is_an_answer(policy, today):
    now = Situation("where is it!", prediction("track_parcel"), today, [hit("where-is-my-parcel")])
    assert policy.answer(felt(now, "neutral", "angry")).action == "answer"
    assert policy.answer(felt(now, "frustrated", "angry")).rule == "anger"
    assert policy.answer(felt(now, "angry", "satisfied", "angry")).action == "answer"


def test_who_waits_for_a_person_is_answered_meanwhile_and_not_handed_over_again(policy, today):
    now = Situation("where is it?", prediction("track_parcel"), today, [hit("where-is-my-parcel")], waiting=True)
    assert policy.answer(now).action == "answer"
    asked = dataclasses.replace(now, text="human", failures=9)
    assert (policy.answer(asked).action, policy.answer(asked).rule) == ("handover", "waiting")


def test_who_is_upset_is_answered_in_fewer_words_with_a_next_step(policy, today):
    now = Situation("where is it", prediction("track_parcel"), today, [hit("where-is-my-parcel")])
    calm, upset = policy.answer(felt(now, "neutral")), policy.answer(felt(now, "frustrated"))
    words, step = upset.text.split("\n\n")
    assert calm.text.startswith(words)
    assert len(words) < len(calm.text)
    assert step == "Next step: tell me your order number, and I can be exact."
    assert upset.citations == calm.citations


def test_the_mood_remembers_but_the_latest_message_counts_most():
    assert Mood(()).score == 0
    assert Mood(("angry", "satisfied")).score > 0 > Mood(("satisfied", "angry")).score
    assert Mood(("angry",) * 5).score < Mood(("angry",)).score
    assert [Mood(course).bad_in_a_row for course in ((), ("angry", "neutral"), ("neutral", "frustrated", "angry"))] == [
        0, 0, 2,
    ]  # fmt: skip


def test_a_message_is_neutral_unless_the_head_says_that_it_hardly_is():
    divided = (("angry", 0.4), ("frustrated", 0.35), ("neutral", 0.25))
    assert Emotion.of(Prediction("angry", 0.4, divided)) == Emotion(label="angry", confidence=0.4)
    unsure = (("angry", 0.42), ("neutral", 0.41), ("frustrated", 0.17))
    assert Emotion.of(Prediction("angry", 0.42, unsure)) == Emotion(label="neutral", confidence=0.41)
    assert Emotion.of(Prediction("angry", 0.9, (("angry", 0.9), ("neutral", 0.1)), abstained=True)).label == "neutral"
    assert Emotion.of(Prediction("bored", 0.9, (("bored", 0.9),))).label == "neutral"

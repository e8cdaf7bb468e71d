from verticals import Hit, Prediction
from verticals_customer_service.data import articles
from verticals_customer_service.policy import Situation

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

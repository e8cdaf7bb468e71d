"""Logs of all forms, good and ugly, into a real store."""

import csv
import json
import tracemalloc

import pytest

from verticals import BadInput, Host
from verticals_customer_service.data import STARTER
from verticals_customer_service.dialogues import import_log, stored
from verticals_customer_service.originals import Originals


@pytest.fixture
def vertical(tmp_path):
    with Host.open(tmp_path / "home") as host:
        yield host["customer-service"]


def log(path, *rows):
    path.write_text("".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def chat(name, *turns, **marks):
    said = [{"role": "customer" if number % 2 == 0 else "agent", "text": text} for number, text in enumerate(turns)]
    return {"dialogue_id": name, "turns": said, **marks}


def texts(vertical):
    return {one.dialogue: [turn.text for turn in one.turns] for _, one in stored(vertical)}


def test_the_starter_log_is_imported_once_and_without_personal_data(vertical):
    path = STARTER / "dialogues.jsonl"
    first = import_log(vertical, path)
    assert first.added == first.read == sum(1 for _ in path.open(encoding="utf-8"))
    assert not first.problems
    assert first.redacted["ORDER"] >= 5
    said = " ".join(text for turns in texts(vertical).values() for text in turns)
    for private in (
        "gemma.hale@mail.example",
        "07700 900341",
        "13800138111",
        "DE89 3704 0044 0532 0130 00",
        "LL-204518",
    ):
        assert private in path.read_text(encoding="utf-8")
        assert private not in said
    last = vertical.events.last_offset()
    again = import_log(vertical, path)
    assert (again.added, again.known) == (0, first.added)
    assert vertical.events.last_offset() == last


def test_bad_rows_are_told_together_and_good_ones_stored(vertical, tmp_path):
    path = log(
        tmp_path / "ugly.jsonl",
        chat("good", "Where is it?", "On its way."),
        "{not json",
        '"a text"',
        chat("", "no id"),
        {"dialogue_id": "no-turns"},
        {"dialogue_id": "no-role", "turns": [{"role": "customer", "text": "a"}, {"text": "b"}]},
        {"dialogue_id": "odd-role", "turns": [{"role": "wizard", "text": "a"}]},
        {"dialogue_id": "no-text", "turns": [{"role": "customer", "text": ""}]},
        {"dialogue_id": "number", "turns": [{"role": "customer", "text": 5}]},
        {"some": "thing"},
        chat("late-good", "Hi", "Hello", resolved="perhaps", csat="eleven"),
    )
    summary = import_log(vertical, path)
    assert (summary.read, summary.added, summary.left_out) == (11, 2, 9)
    told = {(problem.row, problem.field): problem for problem in summary.problems}
    assert {row for row, _ in told} == {2, 3, 4, 5, 6, 7, 8, 9, 10, 11}
    assert "customer or agent" in str(told[6, "turns[1].role"])
    assert "'wizard'" in str(told[7, "turns[0].role"])
    assert told[11, "csat"].kept
    assert told[11, "resolved"].kept
    assert all(problem.remedy for problem in summary.problems)
    assert set(texts(vertical)) == {"good", "late-good"}


def test_a_dialogue_that_grew_takes_the_place_of_the_earlier_one(vertical, tmp_path):
    import_log(vertical, log(tmp_path / "a.jsonl", chat("d", "Hi there")))
    summary = import_log(
        vertical, log(tmp_path / "b.jsonl", chat("d", "Hi there", "Hello"), chat("d", "Hi there", "Hello"))
    )
    assert (summary.added, summary.changed, summary.known) == (1, 1, 1)
    assert texts(vertical) == {"d": ["Hi there", "Hello"]}


def test_clocks_times_and_roles_of_all_kinds(vertical, tmp_path):
    turns = [
        {"role": "Visitor", "text": "one", "ts": "2026-01-02T10:00:00+01:00"},
        {"role": "BOT", "text": "two", "ts": 1767344500},
        {"role": "operator", "text": "three", "ts": 1767344501000},
        {"role": "user", "text": "four", "ts": "2026-01-01T00:00:00"},
        {"role": "system", "text": "Ann joined"},
        {"role": "客户", "text": "five", "ts": "yesterday-ish"},
    ]
    summary = import_log(vertical, log(tmp_path / "a.jsonl", {"dialogue_id": 77, "turns": turns}))
    assert [problem.kept for problem in summary.problems] == [True, True]
    assert "backwards once" in str(summary.problems[1])
    ((_, dialogue),) = stored(vertical)
    assert [turn.role for turn in dialogue.turns] == ["customer", "agent", "agent", "customer", "customer"]
    assert [turn.text for turn in dialogue.turns] == ["one", "two", "three", "four", "five"]
    assert dialogue.turns[0].at.isoformat() == "2026-01-02T09:00:00+00:00"


def test_a_table_may_mix_its_dialogues_and_have_bad_rows(vertical, tmp_path):
    rows = [
        ["conversation_id", "sender", "message", "created_at", "status", "rating"],
        ["a", "customer", "Is the pan,\nthe 28 cm one, back?", "2026-01-01 10:00", "", ""],
        ["b", "customer", "<p>Do you deliver to Ireland&nbsp;?</p>", "", "", ""],
        ["a", "agent", 'Yes, "since today".', "", "resolved", "5"],
        ["b", "", "Who says this?", "", "", ""],
        ["", "agent", "lost", "", "", ""],
        ["c", "agent"],
        ["c", "customer", "Thanks 🎉", "", "open", ""],
    ]
    path = tmp_path / "log.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    summary = import_log(vertical, path)
    assert [(problem.row, problem.field) for problem in summary.problems] == [(7, "dialogue_id"), (8, ""), (6, "role")]
    assert texts(vertical) == {"a": ["Is the pan,\nthe 28 cm one, back?", 'Yes, "since today".'], "c": ["Thanks 🎉"]}
    found = {one.dialogue: one for _, one in stored(vertical)}
    assert (found["a"].resolved, found["a"].csat, found["c"].resolved) == (True, 5.0, False)


def test_bytes_that_are_no_utf8_are_told_with_their_row(vertical, tmp_path):
    path = tmp_path / "latin.jsonl"
    good, bad = (json.dumps(chat(name, "Mein Paket ist naß"), ensure_ascii=False) for name in ("good", "bad"))
    path.write_bytes(f"{good}\n".encode() + f"{bad}\n".encode("cp1252"))
    summary = import_log(vertical, path)
    assert summary.added == 1
    assert "row 2, turns[0].text" in str(summary.problems[0])
    assert "--encoding" in str(summary.problems[0])
    path.write_bytes(f"{bad}\n".encode("cp1252"))
    assert import_log(vertical, path, encoding="cp1252").added == 1
    path.write_bytes(good.encode("utf-16"))
    with pytest.raises(BadInput, match="utf-16"):
        import_log(vertical, path)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("log.xlsx", b"PK", "jsonl"),
        ("log.csv", b"PK\x03\x04....", "Excel"),
        ("log.jsonl", b"", "empty"),
        ("log.csv", b"id,words\n1,hello\n", "dialogue_id"),
        ("log.json", b"{oops", "not JSON"),
    ],
)
def test_what_is_no_log_is_refused(vertical, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(BadInput, match=told):
        import_log(vertical, tmp_path / name)
    with pytest.raises(BadInput, match="no such file"):
        import_log(vertical, tmp_path / f"other-{name}.jsonl")


def test_a_chatwoot_export_is_read(vertical, tmp_path):
    messages = [
        {"content": "Hi, my code fails", "message_type": 0, "created_at": 1767344000, "private": False},
        {"content": "Ann joined", "message_type": 2, "created_at": 1767344001},
        {"content": "check his account", "message_type": 1, "private": True},
        {"content": "Sale items are left out.", "message_type": "outgoing", "created_at": 1767344002},
        {
            "content": "How did we do?",
            "message_type": 3,
            "content_attributes": {"submitted_values": {"csat_survey_response": {"rating": 4}}},
        },
    ]
    import_log(vertical, log(tmp_path / "a.jsonl", {"id": 31, "status": "resolved", "messages": messages}))
    wrapped = tmp_path / "b.json"
    wrapped.write_text(
        json.dumps({"data": {"meta": {}, "payload": [{"id": 32, "status": "open", "messages": messages}]}})
    )
    import_log(vertical, wrapped)
    messages_only = tmp_path / "c.json"
    messages_only.write_text(json.dumps({"meta": {}, "payload": [{**one, "conversation_id": 33} for one in messages]}))
    import_log(vertical, messages_only)
    found = {one.dialogue: one for _, one in stored(vertical)}
    assert set(found) == {"chatwoot-31", "chatwoot-32", "chatwoot-33"}
    assert [(turn.role, turn.text) for turn in found["chatwoot-31"].turns] == [
        ("customer", "Hi, my code fails"),
        ("agent", "Sale items are left out."),
    ]
    marks = [(found[f"chatwoot-{number}"].resolved, found[f"chatwoot-{number}"].csat) for number in (31, 32, 33)]
    assert marks == [(True, 4.0), (False, 4.0), (None, 4.0)]


def test_a_zendesk_export_is_read(vertical, tmp_path):
    comments = [
        {"author_id": 1, "html_body": "<p>Lid <b>broken</b></p>", "public": True, "created_at": "2026-01-01T10:00:00Z"},
        {"author_id": 9, "body": "she is a VIP", "public": False},
        {"author_id": 9, "plain_body": "A new lid is on its way.", "public": True},
    ]
    ticket = {"id": 5, "requester_id": 1, "status": "closed", "satisfaction_rating": {"score": "good"}}
    summary = import_log(
        vertical,
        log(
            tmp_path / "tickets.jsonl",
            {**ticket, "comments": comments},
            {**ticket, "id": 6, "status": "open", "description": "Where is it?", "comments": []},
            {**ticket, "id": 7, "comments": [{"body": "who am I?"}]},
        ),
    )
    assert texts(vertical) == {"zendesk-5": ["Lid broken", "A new lid is on its way."], "zendesk-6": ["Where is it?"]}
    assert [(problem.row, problem.field) for problem in summary.problems] == [(3, "turns[0].role")]
    first = next(one for _, one in stored(vertical))
    assert (first.resolved, first.csat) == (True, 5.0)


def test_a_dialogue_of_ten_thousand_turns_is_one_dialogue(vertical, tmp_path):
    long = chat("long", *(f"message {number}" for number in range(10_000)))
    assert import_log(vertical, log(tmp_path / "long.jsonl", long)).turns == 10_000
    assert len(texts(vertical)["long"]) == 10_000


def test_mixed_languages_html_emoji_and_control_characters_are_read_as_a_reader_sees_them(vertical, tmp_path):
    said = [
        "<p>Hello 👋🏽,<br>wo ist mein Paket? 我的包裹呢？</p><script>alert(1)</script>",
        "Hi Gemma, it&#39;s <b>on its way</b> &mdash; c'est parti \x07📦\u200b",
        "אֵיפֹה? \u202eabc <3 5 < 6 && 7 > 6",
        '<div onclick="x()">Grüße, Jonas Weber</div>',
    ]
    summary = import_log(vertical, log(tmp_path / "a.jsonl", chat("mixed", *said)))
    assert (summary.added, summary.problems) == (1, [])
    assert texts(vertical)["mixed"] == [
        "Hello 👋🏽,\nwo ist mein Paket? 我的包裹呢？",
        "Hi [NAME], it's on its way — c'est parti 📦",
        "אֵיפֹה? abc <3 5 < 6 && 7 > 6",
        "Grüße, [NAME]",
    ]
    assert summary.redacted["NAME"] == 2


def test_an_id_that_is_an_address_does_not_stay(vertical, tmp_path):
    path = log(tmp_path / "a.jsonl", chat("ann@mail.example", "Hi"), chat("+44 7700 900123", "Hi"))
    assert import_log(vertical, path).added == 2
    assert all(name.startswith("person-") for name in texts(vertical))


def test_originals_are_kept_apart_only_where_the_settings_say_so(tmp_path):
    kept = tmp_path / "private" / "originals.db"
    settings = {"plugins": {"customer-service": {"keep_originals": str(kept)}}}
    path = log(tmp_path / "a.jsonl", chat("d", "I'm at ann@mail.example", "Thanks, ann@mail.example it is"))
    with Host.open(tmp_path / "home", settings=settings) as host:
        import_log(host["customer-service"], path)
        ((_, dialogue),) = stored(host["customer-service"])
    assert [turn.text for turn in dialogue.turns] == ["I'm at [EMAIL]", "Thanks, [EMAIL] it is"]
    with Originals(kept, 30) as originals:
        assert originals.restore("d", 1, dialogue.turns[1].text) == "Thanks, ann@mail.example it is"
    log(path, chat("d", "It is bob@mail.example now", "Thanks, bob@mail.example it is"))
    with Host.open(tmp_path / "home", settings=settings) as host:
        assert import_log(host["customer-service"], path).changed == 1
    with Originals(kept, 30) as originals:
        assert originals.restore("d", 0, "It is [EMAIL] now") == "It is bob@mail.example now"
    for file in (tmp_path / "home").rglob("*"):
        assert not file.is_file() or b"ann@mail.example" not in file.read_bytes()


def test_a_long_table_needs_little_memory(tmp_path, monkeypatch):
    from verticals_customer_service.dialogues import reading

    monkeypatch.setattr(reading, "OPEN_TURNS", 500)
    path = tmp_path / "long.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("dialogue_id,role,text\n")
        for number in range(30_000):
            file.write(f"d{number // 6},customer,{'words ' * 50}{number}\n")
    tracemalloc.start()
    turns = sum(len(raw.rows) for raw in reading.read_log(path))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert turns == 30_000
    assert most < path.stat().st_size / 3

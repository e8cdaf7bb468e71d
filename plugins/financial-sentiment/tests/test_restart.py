"""What is kept when the application stops and starts again."""

DOCUMENT = {"id": "kept", "date": "2023-05-06", "text": "Quarrying group wins a marble contract"}


def test_documents_outlive_a_restart_and_starters_are_seeded_once(start):
    with start() as api:
        assert api.post("documents", json=DOCUMENT).json()["added"] == 1
        before = api.get("documents").json()["total"]
    with start() as api:
        assert api.get("documents").json()["total"] == before
        assert api.get("documents", params={"from": "2026-01-01", "to": "2026-06-30"}).json()["total"] == 662
        assert api.post("documents", json=DOCUMENT).json()["added"] == 0
        found = api.get("documents", params={"q": "marble", "to": "2023-12-31"}).json()["documents"]
        assert [one["id"] for one in found] == ["kept"]

"""Keys of the API, on both kinds of database."""

import pytest

from verticals.contract import BadInput, NotFound
from verticals.store.keys import digest_of


def test_a_key_is_known_by_its_digest_alone(store):
    key, record = store.keys.create("acme", "web shop")
    assert key.startswith(record.id)
    assert len(key) > 40
    assert (record.tenant, record.note, record.revoked) == ("acme", "web shop", None)
    assert store.keys.list() == [record]
    assert store.keys.tenants() == {digest_of(key): "acme"}
    assert store.keys.create("acme")[0] != key


def test_a_revoked_key_is_remembered_and_holds_no_longer(store):
    key, record = store.keys.create("acme")
    other, _ = store.keys.create("globex")
    at = store.keys.revoke(record.id).revoked
    assert at is not None
    assert store.keys.revoke(record.id).revoked == at
    assert store.keys.tenants() == {digest_of(key): None, digest_of(other): "globex"}
    with pytest.raises(NotFound, match="no key 'vk_nobody'"):
        store.keys.revoke("vk_nobody")


def test_a_tenant_has_a_name(store):
    with pytest.raises(BadInput, match="not a valid tenant name"):
        store.keys.create("../acme")
    assert store.keys.list() == []

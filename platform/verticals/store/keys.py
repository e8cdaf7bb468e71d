"""Keys of the API: each lets its bearer in as one tenant."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import insert, select, update

from verticals.contract import NotFound, check_name

from .database import Database
from .schema import keys

_PREFIX = "vk_"
_BYTES = 32


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is kept of a key, which is not the key.

    Args:
        id: names it; the first letters of the key.
        tenant: whose requests those with this key are.
        note: what it is for.
        created, revoked: when; `None` while it holds.
    """

    id: str
    tenant: str
    note: str
    created: datetime
    revoked: datetime | None


class KeyTable:
    """The keys of one database. A key has 256 random bits, so a plain digest of it cannot be guessed back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, tenant: str, note: str = "") -> tuple[str, KeyRecord]:
        """A new key, which nobody can be told again, and what is kept of it.

        Raises:
            BadInput: the name cannot be one of a tenant.
        """
        check_name(tenant, "tenant name")
        key = _PREFIX + secrets.token_urlsafe(_BYTES)
        record = KeyRecord(key[: len(_PREFIX) + 8], tenant, note, datetime.now(UTC), None)
        with self._database.write() as connection:
            connection.execute(
                insert(keys).values(
                    id=record.id, tenant=tenant, note=note, digest=digest_of(key), created=record.created, revoked=None
                )
            )
        return key, record

    def list(self) -> list[KeyRecord]:
        """All keys ever made, oldest first."""
        query = select(keys.c.id, keys.c.tenant, keys.c.note, keys.c.created, keys.c.revoked).order_by(keys.c.created)
        with self._database.read() as connection:
            return [KeyRecord(*row) for row in connection.execute(query)]

    def revoke(self, id: str) -> KeyRecord:  # noqa: A002 - the field's own name
        """Let a key hold no longer; one that was revoked before stays so.

        Raises:
            NotFound: there is none of this id.
        """
        with self._database.write() as connection:
            mine = keys.c.id == id
            connection.execute(update(keys).where(mine, keys.c.revoked.is_(None)).values(revoked=datetime.now(UTC)))
            query = select(keys.c.id, keys.c.tenant, keys.c.note, keys.c.created, keys.c.revoked).where(mine)
            row = connection.execute(query).first()
        if row is None:
            raise NotFound.named("key", id, [one.id for one in self.list()])
        return KeyRecord(*row)

    def tenants(self) -> dict[bytes, str | None]:
        """Each key's tenant by the key's digest; `None` for keys that were revoked."""
        with self._database.read() as connection:
            found = connection.execute(select(keys.c.digest, keys.c.tenant, keys.c.revoked))
            return {bytes(digest): None if revoked else tenant for digest, tenant, revoked in found}


def digest_of(key: str) -> bytes:
    """What is kept of a key, and looked up."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()

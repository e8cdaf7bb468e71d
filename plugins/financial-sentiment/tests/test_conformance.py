"""The contract, held by the conformance kit."""

from verticals.testing import conformance

test_conformance = conformance("financial-sentiment")

"""The plugin is a good guest."""

from verticals.testing import conformance

test_conformance = conformance("recommendation")

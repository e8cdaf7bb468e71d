from verticals.testing import conformance

test_conformance = conformance("customer-service")

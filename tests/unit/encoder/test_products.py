"""Products with converted weights give what a linear layer gives, with PyTorch's undocumented operators or without."""

import pytest
import torch
from torch.nn import functional

from verticals.encoder.products import product_with


@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("operators", [True, False])
def test_the_product_is_that_of_a_linear_layer(monkeypatch, with_bias, operators):
    if not operators:
        monkeypatch.setattr(torch.ops, "mkldnn", object())
    generator = torch.Generator().manual_seed(0)
    weight, bias, inputs = (torch.randn(*shape, generator=generator) for shape in ((48, 32), (48,), (5, 32)))
    product = product_with(weight, bias if with_bias else None, torch.bfloat16)
    weight.zero_()  # it has a copy
    with torch.inference_mode():
        given = product(inputs.bfloat16())
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(48, 32, generator=generator)
    expected = functional.linear(inputs, weight, bias if with_bias else None)
    assert given.dtype == torch.bfloat16
    torch.testing.assert_close(given.float(), expected, atol=0.15, rtol=0.02)

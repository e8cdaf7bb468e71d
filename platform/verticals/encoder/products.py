"""Products with a layer's weights in a shorter number format, converted and laid out once."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

Product = Callable[[torch.Tensor], torch.Tensor]


def product_with(weight: torch.Tensor, bias: torch.Tensor | None, dtype: torch.dtype) -> Product:
    """``x @ weight.T + bias`` for ``x`` [tokens, inputs] of the format ``dtype``, for inference.

    On a CPU the weight is kept as oneDNN's kernels read it, which for few tokens takes a third off the time. PyTorch
    uses these operators in the programs that it compiles, but does not document them: without them the weight is only
    converted.

    Args:
        weight: [outputs, inputs]; a copy is made.
        bias: [outputs].
        dtype: number format.
    """
    with torch.inference_mode(False), torch.no_grad():
        converted = weight.to(dtype, memory_format=torch.contiguous_format)
        shift = None if bias is None else bias.to(dtype)
        if converted.device.type == "cpu" and dtype == torch.bfloat16 and torch.backends.mkldnn.is_available():
            try:
                laid_out = torch.ops.mkldnn._reorder_linear_weight(converted, None)  # noqa: SLF001
                multiply = torch.ops.mkldnn._linear_pointwise  # noqa: SLF001
                multiply(converted.new_zeros(1, converted.shape[1]), laid_out, shift, "none", [], "none")
            except (AttributeError, RuntimeError):
                pass
            else:
                return lambda inputs: multiply(inputs, laid_out, shift, "none", [], "none")
    return lambda inputs: functional.linear(inputs, converted, shift)

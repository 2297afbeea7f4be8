"""Linear layers that always compute in float32."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Float32Linear(nn.Linear):
    """`nn.Linear` outside autocast: for the last layer of a head, whose outputs are logits or numbers.

    Bfloat16 would round them to three digits. Also, the backward pass multiplies matrices whose inner size is the
    number of outputs, and oneDNN's bfloat16 kernels are only safe for multiples of 32
    (github.com/uxlfoundation/oneDNN/issues/5717).
    """

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(x.float(), self.weight, self.bias)

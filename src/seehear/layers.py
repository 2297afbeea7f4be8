"""What encoders and heads are both built from."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Warps


class BothWays(nn.Module):
    """A recurrent layer that reads from both ends: x (B, N, D), lengths (B,) -> (B, N, D).

    Half of the channels come from what went before, half from what comes after. What lies beyond a sequence's own
    length is read last, so it changes nothing before it.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ahead = GRU(width, width // 2, batch_first=True)
        self.back = GRU(width, width // 2, batch_first=True)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        return torch.cat([self.ahead(x), turned(self.back(turned(x, lengths)), lengths)], 2)


class GRU(nn.GRU):
    """One layer, one direction, batch first: (B, N, D) -> (B, N, H).

    Under the exporter it becomes one ONNX GRU node: torch's own translation unrolls time and freezes its length.
    """

    def forward(self, x: Tensor, start: Tensor | None = None) -> Tensor:  # type: ignore[override]
        """x (B, N, D), start (B, H), the state before the first step -> the state after each step (B, N, H)."""
        batch, steps, _ = x.shape
        before = x.new_zeros(1, batch, self.hidden_size) if start is None else start[None].contiguous()
        if not (torch.compiler.is_exporting() or torch.onnx.is_in_onnx_export()):
            return super().forward(x, before)[0]
        weight_input, weight_hidden, *biases = (_update_first(weight) for weight in self.all_weights[0])
        bias = torch.cat(biases)[None]
        states, _ = torch.onnx.ops.symbolic_multi_out(
            "GRU",
            (x.transpose(0, 1), weight_input[None], weight_hidden[None], bias, None, before),
            {"hidden_size": self.hidden_size, "linear_before_reset": 1},
            dtypes=(torch.float32, torch.float32),
            shapes=((steps, 1, batch, self.hidden_size), (1, batch, self.hidden_size)),
        )
        return states.squeeze(1).transpose(0, 1)


def moved(x: Tensor, warps: Warps, *, mode: str = "bilinear") -> Tensor:
    """Each of x (B, C, H, W) moved by its own warp, in pixels; zeros come in from outside."""
    batch, _, height, width = x.shape
    size = torch.tensor([width, height])
    # F.affine_grid asks where each pixel comes from, in coordinates that run from -1 to 1 over the picture.
    back = 1 / warps.scale.cpu()  # (B, 2)
    origin = back - 2 * warps.offset.cpu() * back / size - 1
    zero = torch.zeros(batch)
    rows = [[back[:, 0], zero, origin[:, 0]], [zero, back[:, 1], origin[:, 1]]]
    theta = torch.stack([torch.stack(row, 1) for row in rows], 1)  # (B, 2, 3)
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid.to(x), mode=mode, align_corners=False)


def turned(x: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the real steps of x (B, N, D) in time; the padding stays behind them."""
    steps = torch.arange(x.shape[1], device=x.device)
    from_end = lengths[:, None] - 1 - steps
    index = torch.where(from_end >= 0, from_end, steps)  # (B, N)
    return x.gather(1, index[:, :, None].expand(-1, -1, x.shape[2]))


def _update_first(weight: Tensor) -> Tensor:
    """torch stacks the gates reset, update, new; ONNX wants update, reset, new."""
    reset, update, new = weight.chunk(3)
    return torch.cat([update, reset, new])

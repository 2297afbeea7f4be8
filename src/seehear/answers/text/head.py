"""From cells in time to letters: recurrent layers, connectionist temporal classification, and a decoder beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.text.decoder import AskedDecoder, Decoder
from seehear.geometry import Cells
from seehear.layers.linear import Float32Linear
from seehear.layers.parameter_groups import ParameterGroups, head_parameters
from seehear.layers.recurrence import BidirectionalGRU

if TYPE_CHECKING:
    from seehear.answers.text import TextSpec

LAYERS = 2
DROPOUT = 0.15
OWN, AID = ("tokens", "length"), ("auxiliary_tokens", "auxiliary_length")  # what CTC learns
DECODER_SHARE = {False: 0.3, True: 0.7}  # of the loss, by whether the text is a translation


class Head(nn.Module):
    """Cells -> {"logp": (B, N, V + 1), "cells": (B,) how many are real, "cell_s": (B,) seconds each}.

    The last of the V + 1 is the blank of CTC (Graves et al. 2006). With a decoder also "memory": (B, N, D), which it
    looks at. Both are taught at once (Watanabe et al. 2017, "Hybrid CTC/Attention Architecture"): CTC teaches the
    layers below soon where in time things are said, for a translation too (Zhang et al. 2022, arXiv:2206.04571); best
    by the words spoken, where those are known (Weiss et al. 2017, arXiv:1703.08581).
    """

    def __init__(self, spec: TextSpec, widths: Sequence[int]) -> None:
        super().__init__()
        width = widths[-1]
        self.blank = len(spec.ctc_tokens)
        self.aided = bool(spec.auxiliary_tokens)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(LAYERS))
        self.layers = nn.ModuleList(BidirectionalGRU(width) for _ in range(LAYERS))
        self.drop = nn.Dropout(DROPOUT)
        self.norm = nn.LayerNorm(width)
        self.classify = Float32Linear(width, self.blank + 1)
        self.write = Decoder(len(spec.tokens), width) if spec.decoder else None
        self.decoder_share = DECODER_SHARE[spec.translated]

    def parameter_groups(self) -> ParameterGroups:
        return head_parameters(self)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        x, length = cells.x, cells.valid_mask.sum(1)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = (x + self.drop(layer(norm(x), length))) * cells.valid_mask[:, :, None]
        x = self.norm(x)
        logp = self.classify(self.drop(x)).log_softmax(2)
        raw = {"logp": logp, "cells": length.to(logp), "cell_s": torch.full_like(logp[:, 0, 0], cells.grid.pitch)}
        return raw if self.write is None else raw | {"memory": x.float()}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """(B,): -log probability of the letters, per letter; by the decoder too, where there is one."""
        by_ctc = self._ctc(raw, target)
        if self.write is None:
            return by_ctc
        valid_mask = torch.arange(raw["memory"].shape[1], device=by_ctc.device) < raw["cells"][:, None]
        by_decoder = self.write.loss(raw["memory"], valid_mask, target["tokens"], target["length"])
        return by_ctc.lerp(by_decoder, self.decoder_share)

    @property
    def decoder(self) -> AskedDecoder | None:
        """What is asked while an answer is made."""
        return None if self.write is None else AskedDecoder(self.write)

    def _ctc(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """(B,), a letter; 0 where there are more letters than cells for them, or where no aid tells what was said."""
        tokens, length = (target[name] for name in (AID if self.aided else OWN))
        loss = F.ctc_loss(
            raw["logp"].transpose(0, 1),
            tokens,
            raw["cells"].long(),
            length,
            blank=self.blank,
            reduction="none",
            zero_infinity=True,
        )
        loss = loss / length.clamp_min(1)
        return loss * (length > 0) if self.aided else loss  # a text without words is silence, an empty aid is not

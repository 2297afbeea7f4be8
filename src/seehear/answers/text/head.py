"""The network from cells in time to text: recurrent layers, a CTC output, and optionally an attention decoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.answers.text.decoder import AttentionDecoder, ExportedDecoder
from seehear.answers.text.spec import AttentionSpec
from seehear.answers.text.whisper_decoder import ExportedWhisperDecoder, WhisperDecoder
from seehear.geometry import Cells
from seehear.layers.linear import Float32Linear
from seehear.layers.parameter_groups import ParameterGroups, head_parameters, join_groups
from seehear.layers.recurrence import BidirectionalGRU

if TYPE_CHECKING:
    from seehear.answers.text import TextSpec

LAYERS = 2
DROPOUT = 0.15
TEXT, AUXILIARY = ("tokens", "length"), ("auxiliary_tokens", "auxiliary_length")  # names of targets
DECODER_TEXT = ("decoder_tokens", "decoder_length")
DECODER_LOSS_WEIGHT = {False: 0.3, True: 0.7}  # by whether the text is a translation
WHISPER_LOSS_WEIGHT = 0.7  # its decoder writes the text, and CTC helps to choose between its hypotheses


class Head(nn.Module):
    """Cells -> {"logp": (B, N, V + 1), "cells": (B,) number of cells without padding, "cell_s": (B,) seconds per cell}.

    The last of the V + 1 symbols is the CTC blank (Graves et al. 2006). With a decoder also what it attends to:
    "memory", (B, N, D); or for Whisper's, the keys and values of the encoder's states, and "states" (B,), their number
    without padding. CTC and decoder are trained jointly (Watanabe et al. 2017, "Hybrid CTC/Attention Architecture"):
    CTC soon teaches the lower layers where in time things are said. That helps translations too (Zhang et al. 2022,
    arXiv:2206.04571), most of all if CTC learns the words spoken (Weiss et al. 2017, arXiv:1703.08581).
    """

    def __init__(self, spec: TextSpec, widths: Sequence[int]) -> None:
        super().__init__()
        width = widths[-1]
        self.blank = len(spec.ctc_tokens)
        self.has_auxiliary = bool(spec.auxiliary_tokens)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(LAYERS))
        self.layers = nn.ModuleList(BidirectionalGRU(width) for _ in range(LAYERS))
        self.drop = nn.Dropout(DROPOUT)
        self.norm = nn.LayerNorm(width)
        self.classify = Float32Linear(width, self.blank + 1)
        learned = isinstance(spec.decoder, AttentionSpec)
        self.attention_decoder = AttentionDecoder(len(spec.tokens), width) if learned else None
        self.whisper_decoder = None if spec.whisper is None else WhisperDecoder(spec.whisper)
        self.decoder_loss_weight = DECODER_LOSS_WEIGHT[spec.translated] if learned else WHISPER_LOSS_WEIGHT

    def parameter_groups(self) -> ParameterGroups:
        if self.whisper_decoder is None:
            return head_parameters(self)
        new = nn.ModuleList([self.norms, self.layers, self.norm, self.classify])
        return join_groups([head_parameters(new), self.whisper_decoder.parameter_groups()])

    def load_pretrained(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Load the published weights of Whisper's decoder, if that is the one. Raises ValueError if one is missing."""
        if self.whisper_decoder is not None:
            self.whisper_decoder.load_pretrained(tensors)

    def forward(self, cells: Cells) -> dict[str, Tensor]:
        x, length = cells.x, cells.valid_mask.sum(1)
        for norm, layer in zip(self.norms, self.layers, strict=True):
            x = (x + self.drop(layer(norm(x), length))) * cells.valid_mask[:, :, None]
        x = self.norm(x)
        logp = self.classify(self.drop(x)).log_softmax(2)
        raw = {"logp": logp, "cells": length.to(logp), "cell_s": torch.full_like(logp[:, 0, 0], cells.grid.pitch)}
        if self.whisper_decoder is not None:
            return raw | self._project_states(self.whisper_decoder, cells.finer[0])
        return raw if self.attention_decoder is None else raw | {"memory": x.float()}

    def _project_states(self, decoder: WhisperDecoder, states: Cells) -> dict[str, Tensor]:
        cross = zip(decoder.spec.cross_shapes, decoder.project_states(states.x), strict=True)
        return {name: each.float() for name, each in cross} | {"states": states.valid_mask.sum(1).to(states.x)}

    def loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """(B,): CTC loss per token, mixed with the decoder's cross entropy if there is a decoder."""
        ctc_loss = self._ctc_loss(raw, target)
        decoder_loss = self._decoder_loss(raw, target)
        return ctc_loss if decoder_loss is None else ctc_loss.lerp(decoder_loss, self.decoder_loss_weight)

    @property
    def decoder(self) -> ExportedDecoder | ExportedWhisperDecoder | None:
        if self.whisper_decoder is not None:
            return ExportedWhisperDecoder(self.whisper_decoder)
        return None if self.attention_decoder is None else ExportedDecoder(self.attention_decoder)

    def _decoder_loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor | None:
        """(B,); None without a decoder."""
        if self.whisper_decoder is not None:
            cross = [raw[name] for name in self.whisper_decoder.spec.cross_shapes]
            valid_mask = torch.arange(cross[0].shape[3], device=cross[0].device) < raw["states"][:, None]
            return self.whisper_decoder.loss(cross, valid_mask, *(target[name] for name in DECODER_TEXT))
        if self.attention_decoder is not None:
            memory = raw["memory"]
            valid_mask = torch.arange(memory.shape[1], device=memory.device) < raw["cells"][:, None]
            return self.attention_decoder.loss(memory, valid_mask, *(target[name] for name in TEXT))
        return None

    def _ctc_loss(self, raw: dict[str, Tensor], target: dict[str, Tensor]) -> Tensor:
        """(B,); 0 for a text with more tokens than cells, and for an empty auxiliary text."""
        tokens, length = (target[name] for name in (AUXILIARY if self.has_auxiliary else TEXT))
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
        # An empty text means silence, from which there is something to learn; an empty auxiliary text is only unknown.
        return loss * (length > 0) if self.has_auxiliary else loss

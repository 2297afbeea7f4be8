"""The loss of decoders that write texts token by token."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

LABEL_SMOOTHING = 0.1  # Szegedy et al. 2016


def end_texts(tokens: Tensor, length: Tensor, end: int) -> Tensor:
    """tokens (B, L), of which the first `length` (B,) count -> (B, L + 1), with `end` from there on."""
    place = torch.arange(tokens.shape[1], device=tokens.device)
    padded = torch.where(place < length[:, None], tokens, end)
    return torch.cat([padded, torch.full_like(length, end)[:, None]], 1)


def compute_token_loss(logits: Tensor, ended: Tensor, length: Tensor) -> Tensor:
    """logits (B, L + 1, V) for the tokens of `end_texts` -> (B,): cross entropy per token, one end included."""
    each = F.cross_entropy(logits.transpose(1, 2), ended, reduction="none", label_smoothing=LABEL_SMOOTHING)
    place = torch.arange(ended.shape[1], device=ended.device)
    return (each * (place <= length[:, None])).sum(1) / (length + 1)  # each: (B, L + 1)

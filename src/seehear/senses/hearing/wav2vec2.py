"""wav2vec 2.0 and HuBERT as a hearing encoder: convolutions over the samples -> Transformer layers.

Tensors have the names of Hugging Face's transformers, with the positions' kernel in one piece. A recording is padded
with a short silence, so that each of its cells has a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from seehear.geometry import Cells
from seehear.layers.parameter_groups import ParameterGroups, pretrained_parameters
from seehear.layers.pretrained import load_weights
from seehear.senses.hearing.augment import mask_spectrogram
from seehear.senses.hearing.plan import CELL_SAMPLES, WAV2VEC2_CONVOLUTIONS, Wav2Vec2
from seehear.senses.hearing.states import (
    STATE_SAMPLES,
    WINDOW_STATES,
    Standardise,
    attend,
    average_pairs,
    ceil_divide,
    cut_windows,
)

FIELD_SAMPLES = 400  # of sound in one state
TAIL_SAMPLES = FIELD_SAMPLES - 1 + STATE_SAMPLES  # the states of N samples are then those of N / 320, rounded up, and 1
EPSILON, SCALING_EPSILON = 1e-5, 1e-7


class Wav2Vec2Encoder(nn.Module):
    """audio (B, T) at RATE_HZ, audio_samples (B,) -> Cells of CELL_S each: the mean of two states of 20 ms."""

    def __init__(self, size: Wav2Vec2, augmentation_strength: float) -> None:
        super().__init__()
        self.size, self.augmentation_strength = size, augmentation_strength
        self.widths = (size.cell_width,)  # of each level of cells
        self.dynamic_axes = {"audio": {1: "samples"}}  # variable axes besides the batch
        self.feature_extractor = Convolutions(size)
        self.feature_projection = Projection(size)
        self.encoder = Transformer(size)
        self.norm = Standardise(size.width)
        self.feature_extractor.requires_grad_(False)  # as published (Baevski et al. 2020, section 4.3)

    def load_pretrained(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        load_weights(self, tensors, "wav2vec 2.0")

    def parameter_groups(self) -> ParameterGroups:
        *lower, last = self.encoder.layers
        bottom, top = [self.feature_projection, self.encoder.pos_conv_embed], [last]
        if self.encoder.layer_norm is not None:
            (top if self.size.pre_norm else bottom).append(self.encoder.layer_norm)
        return pretrained_parameters([nn.ModuleList(bottom), *lower, nn.ModuleList(top)])

    def fit_statistics(self, inputs: dict[str, Tensor]) -> None:
        """Nothing to set: recordings are scaled as in its pretraining."""

    def forward(self, audio: Tensor, audio_samples: Tensor) -> Cells:
        if self.size.scale_input:
            audio = _scale(audio, audio_samples)
        x = self.feature_extractor(F.pad(audio, (0, TAIL_SAMPLES)), audio_samples + TAIL_SAMPLES)
        x = self.feature_projection.layer_norm(x)
        if self.training:
            x = mask_spectrogram(x.transpose(1, 2), self.augmentation_strength).transpose(1, 2)
        x = self.feature_projection.projection(x)
        valid_states = ceil_divide(audio_samples, STATE_SAMPLES)
        chosen = [self.norm(states) for states in self.encoder(x, valid_states + 1)]
        cells = (audio.shape[1] + CELL_SAMPLES - 1) // CELL_SAMPLES
        return average_pairs(torch.cat(chosen, 2)[:, : 2 * cells], valid_states)


class Projection(nn.Module):
    """Projects the channels of the convolutions to those of the Transformer."""

    def __init__(self, size: Wav2Vec2) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(size.channels, EPSILON)
        self.projection = nn.Linear(size.channels, size.width)


class Convolutions(nn.Module):
    """audio (B, T), samples (B,) -> (B, N, D), one vector every STATE_SAMPLES."""

    def __init__(self, size: Wav2Vec2) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList(
            Convolution(1 if i == 0 else size.channels, size, *shape, normalised=not size.group_norm or i == 0)
            for i, shape in enumerate(WAV2VEC2_CONVOLUTIONS)
        )

    def forward(self, audio: Tensor, samples: Tensor) -> Tensor:
        first, *others = self.conv_layers
        with torch.autocast(audio.device.type, enabled=False):  # one channel: oneDNN's bfloat16 needs multiples of 32
            x = first(audio.float()[:, None], samples)
        for layer in others:
            x = layer(x, samples)
        result: Tensor = x.transpose(1, 2)
        return result


class Convolution(nn.Module):
    """(B, D, F) -> (B, D', F / stride): convolution, normalisation over valid time or over channels, GELU."""

    def __init__(self, before: int, size: Wav2Vec2, kernel: int, stride: int, normalised: bool) -> None:
        super().__init__()
        self.over_time = size.group_norm
        self.conv = nn.Conv1d(before, size.channels, kernel, stride, bias=size.convolution_bias)
        self.layer_norm = nn.LayerNorm(size.channels, EPSILON) if normalised else None

    def forward(self, x: Tensor, samples: Tensor) -> Tensor:
        x = self.conv(x)
        if self.layer_norm is None:
            return F.gelu(x)
        if not self.over_time:
            return F.gelu(self.layer_norm(x.transpose(1, 2)).transpose(1, 2))
        frames = (samples - self.conv.kernel_size[0]) // self.conv.stride[0] + 1
        x = _standardise(x, frames[:, None], EPSILON)
        return F.gelu(x * self.layer_norm.weight[:, None] + self.layer_norm.bias[:, None])


class Transformer(nn.Module):
    """(B, N, D), valid_states (B,) -> the states (B, N, D) after each layer that is read."""

    def __init__(self, size: Wav2Vec2) -> None:
        super().__init__()
        self.size = size
        self.pos_conv_embed = Positions(size)
        self.layers = nn.ModuleList(Layer(size) for _ in range(size.layers[-1]))
        is_read = not size.pre_norm or size.layers[-1] == size.published_layers
        self.layer_norm = nn.LayerNorm(size.width, EPSILON) if is_read else None

    def forward(self, x: Tensor, valid_states: Tensor) -> list[Tensor]:
        valid = torch.arange(x.shape[1], device=x.device) < valid_states[:, None]
        x = x * valid[:, :, None].to(x)
        x = x + self.pos_conv_embed(x)
        if self.layer_norm is not None and not self.size.pre_norm:
            x = self.layer_norm(x)
        window = torch.sym_min(x.shape[1], WINDOW_STATES)  # type: ignore[no-untyped-call]
        windows, keys = cut_windows(x, window), cut_windows(valid[:, :, None], window)[:, :, 0]
        states = []
        for number, layer in enumerate(self.layers, start=1):
            windows = layer(windows, keys)
            if number in self.size.layers:
                states.append(windows)
        if self.layer_norm is not None and self.size.pre_norm:
            states[-1] = self.layer_norm(windows)
        return [each.reshape(x.shape[0], -1, x.shape[2])[:, : x.shape[1]] for each in states]


class Positions(nn.Module):
    """A grouped convolution over (B, N, D), whose result encodes the positions of states."""

    def __init__(self, size: Wav2Vec2) -> None:
        super().__init__()
        kernel, groups = size.position_kernel, size.position_groups
        self.conv = nn.Conv1d(size.width, size.width, kernel, padding=kernel // 2, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):  # 48 channels in a group, as in the first convolution
            y: Tensor = self.conv(x.float().transpose(1, 2))
        return F.gelu(y[:, :, : x.shape[1]]).transpose(1, 2)  # an even kernel gives one more


class Layer(nn.Module):
    """One Transformer layer over (B, N, D), keys (B, N): True where a state may be attended to."""

    def __init__(self, size: Wav2Vec2) -> None:
        super().__init__()
        self.pre_norm = size.pre_norm
        self.attention = Attention(size)
        self.layer_norm = nn.LayerNorm(size.width, EPSILON)
        self.feed_forward = nn.ModuleDict(
            {
                "intermediate_dense": nn.Linear(size.width, size.inner),
                "output_dense": nn.Linear(size.inner, size.width),
            }
        )
        self.final_layer_norm = nn.LayerNorm(size.width, EPSILON)

    def forward(self, x: Tensor, keys: Tensor) -> Tensor:
        if self.pre_norm:
            x = x + self.attention(self.layer_norm(x), keys)
            return x + self._transform(self.final_layer_norm(x))
        x = self.layer_norm(x + self.attention(x, keys))
        result: Tensor = self.final_layer_norm(x + self._transform(x))
        return result

    def _transform(self, x: Tensor) -> Tensor:
        result: Tensor = self.feed_forward["output_dense"](F.gelu(self.feed_forward["intermediate_dense"](x)))
        return result


class Attention(nn.Module):
    def __init__(self, size: Wav2Vec2) -> None:
        super().__init__()
        self.head_channels = size.width // size.heads
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            self.add_module(name, nn.Linear(size.width, size.width))

    def forward(self, x: Tensor, keys: Tensor) -> Tensor:
        query, key, value = (self.get_submodule(name)(x) for name in ("q_proj", "k_proj", "v_proj"))
        mixed: Tensor = self.get_submodule("out_proj")(attend(query, key, value, keys, self.head_channels))
        return mixed


def _scale(audio: Tensor, samples: Tensor) -> Tensor:
    """audio (B, T), of mean 0 and variance 1 over its own samples, and 0 after them."""
    valid = (torch.arange(audio.shape[1], device=audio.device) < samples[:, None]).to(audio)
    return _standardise(audio[:, None], samples[:, None], SCALING_EPSILON)[:, 0] * valid


def _standardise(x: Tensor, lengths: Tensor, epsilon: float) -> Tensor:
    """x (B, D, F), each row scaled to mean 0 and variance 1 over its first lengths (B, 1) values."""
    valid = (torch.arange(x.shape[2], device=x.device) < lengths)[:, None].to(x)  # (B, 1, F)
    count = lengths.to(x)[:, :, None]
    mean = (x * valid).sum(2, keepdim=True) / count
    centred = x - mean
    variance = (centred.square() * valid).sum(2, keepdim=True) / count
    return centred * (variance + epsilon).rsqrt()

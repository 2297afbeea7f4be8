"""Speech recognition as in tutorials, trained for a given time, to compare ours with.

Log-mel bands, two convolutions of stride 2, three bidirectional LSTM layers (Graves, Mohamed and Hinton 2013) and CTC;
Adam at its default rate, random batches from a DataLoader, greedy decoding. Follows
https://keras.io/examples/audio/ctc_asr/, with fewer and smaller recurrent layers, which learn more in a few minutes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence
from torch.utils.data import DataLoader

from benchmarks.spoken import Spoken
from seehear.senses.hearing.encoder import mel_filters
from seehear.senses.hearing.plan import RATE_HZ

MELS, FFT_SAMPLES, HOP_SAMPLES = 80, 512, 160
CHANNELS, WIDTH, LAYERS = 32, 256, 3
BATCH = 32
RATE = 1e-3
LONGEST_GRADIENT = 5.0

Example = tuple[Tensor, Tensor]  # log-mel (T, M), the numbers of the letters (L,)
Batch = tuple[Tensor, Tensor, Tensor, Tensor]


class Network(nn.Module):
    """log-mel (B, T, M) and frames (B,) -> log odds of blank and letters (B, T / 4, 1 + V), frames / 4 (B,)."""

    def __init__(self, letters: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(1, CHANNELS, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(CHANNELS, CHANNELS, 3, stride=2, padding=1),
            nn.ReLU(),
        )
        self.recurrent = nn.LSTM(CHANNELS * MELS // 4, WIDTH, LAYERS, batch_first=True, bidirectional=True)
        self.letters = nn.Linear(2 * WIDTH, 1 + letters)

    def forward(self, x: Tensor, frames: Tensor) -> tuple[Tensor, Tensor]:
        x = self.convolutions(x[:, None])  # (B, D, T / 4, M / 4)
        frames = (frames + 3) // 4
        packed = pack_padded_sequence(x.transpose(1, 2).flatten(2), frames, batch_first=True, enforce_sorted=False)
        x, _ = pad_packed_sequence(self.recurrent(packed)[0], batch_first=True)
        return self.letters(x).log_softmax(-1), frames


def tutorial(
    train: Sequence[Spoken], test: Sequence[Spoken], seconds: float, *, steps: int | None = None, seed: int = 0
) -> list[list[str]]:
    """Its texts for `test` after each epoch, and at the end of the time or of the steps.

    Computing spectrograms and testing do not count towards the time.
    """
    torch.manual_seed(seed)
    letters = sorted(set("".join(each.text for each in train)))
    examples = [(log_mel(each), torch.tensor([1 + letters.index(letter) for letter in each.text])) for each in train]
    evaluate_texts = [log_mel(each) for each in test]
    network = Network(len(letters))
    adam = torch.optim.Adam(network.parameters(), RATE)
    written: list[list[str]] = []
    left_s, left_steps = seconds, steps or 10**9
    while left_s > 0 and left_steps > 0:
        begun_s = time.monotonic()
        in_time = _until(begun_s + left_s)
        left_steps -= _epoch(network, adam, examples, in_time, left_steps)
        left_s -= time.monotonic() - begun_s
        written.append(listen(network, evaluate_texts, letters))
    return written


def _until(end_s: float) -> Callable[[], bool]:
    return lambda: time.monotonic() < end_s


def _epoch(
    network: Network, adam: torch.optim.Adam, examples: list[Example], in_time: Callable[[], bool], most: int
) -> int:
    """One epoch, or less if the time or `most` steps are over -> the number of steps."""
    network.train()
    taken = 0
    loader: DataLoader[Example] = DataLoader(examples, BATCH, shuffle=True, collate_fn=_collate)  # type: ignore[arg-type]
    for x, frames, targets, lengths in loader:
        logp, cells = network(x, frames)
        loss = nn.functional.ctc_loss(logp.transpose(0, 1), targets, cells, lengths, zero_infinity=True)
        adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), LONGEST_GRADIENT)
        adam.step()
        taken += 1
        if taken == most or not in_time():
            break
    return taken


def _collate(batch: Sequence[Example]) -> Batch:
    spectra, targets = zip(*batch, strict=True)
    frames, lengths = (torch.tensor([len(each) for each in many]) for many in (spectra, targets))
    return pad_sequence(list(spectra), batch_first=True), frames, torch.cat(targets), lengths


@torch.no_grad()
def listen(network: Network, spectra: Sequence[Tensor], letters: Sequence[str]) -> list[str]:
    network.eval()
    texts = []
    for spectrum in spectra:
        logp, _ = network(spectrum[None], torch.tensor([len(spectrum)]))
        texts.append(collapse_ctc(logp[0].argmax(-1).tolist(), letters))
    return texts


def collapse_ctc(frames: Sequence[int], letters: Sequence[str]) -> str:
    """Greedy decoding: the likeliest symbol of each frame, without repeats, then without blanks (0)."""
    return "".join(letters[number - 1] for number, _ in groupby(frames) if number)


def log_mel(spoken: Spoken) -> Tensor:
    """-> (T, M), each band with mean 0 and deviation 1."""
    window = torch.hann_window(FFT_SAMPLES)
    samples = torch.from_numpy(spoken.samples)
    spectrum = torch.stft(samples, FFT_SAMPLES, HOP_SAMPLES, window=window, return_complex=True)
    bands = torch.log(torch.from_numpy(mel_filters(MELS, RATE_HZ / 2)) @ spectrum.abs().square() + 1e-6).T
    return (bands - bands.mean(0)) / (bands.std(0) + 1e-5)

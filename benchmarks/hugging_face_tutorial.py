"""Train a network of Hugging Face's transformers from random weights for a given time. Runs without seehear.

python hugging_face_tutorial.py FOLDER; reads job.json from it, and writes result.json and a PNG for each mask to it.

Follows the tutorials at https://huggingface.co/docs/transformers/tasks/object_detection and semantic_segmentation:
pictures of 480 px, normalised as for ImageNet, half of them mirrored, brightness and contrast changed by up to a
quarter; AdamW with a learning rate that falls to zero at the end. The tutorials start from pretrained weights. For
random weights, the learning rate is the one that a network's authors use for training, after a warm-up.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

LONGEST_PX, MULTIPLE_PX = 480, 32
MEAN, DEVIATION = (torch.tensor(each).view(3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
JITTER = 0.25
BATCH = 4  # the tutorials use 8 for detection and 2 for segmentation
WEIGHT_DECAY = 1e-4
WARM = 0.05  # share of the time for the warm-up of the learning rate
MOST = 100  # boxes per picture, as in COCO's metrics

Size = tuple[int, int]  # height, width
Job = dict[str, Any]  # network, classes, train, test, seconds, steps, precision, seed
Drawn = dict[str, Tensor]


@dataclass(frozen=True)
class Boxes:
    """Object detection. `nothing` says whether the network's last class means "no object", as in DETR."""

    nothing: bool

    def target(self, given: Sequence[Sequence[float]], picture: Size, prepared: Size) -> Drawn:
        """[class, x1, y1, x2, y2] of each, in pixels -> class_labels (M,), boxes (M, 4): centre and sides, 0 to 1."""
        drawn = torch.tensor(given, dtype=torch.float32).reshape(-1, 5)
        low, high = (drawn[:, 1:] / _corners(picture)).chunk(2, 1)
        return {"class_labels": drawn[:, 0].long(), "boxes": torch.cat([(low + high) / 2, high - low], 1)}

    def mirrored(self, target: Drawn) -> Drawn:
        x, y, width, height = target["boxes"].chunk(4, 1)
        return {**target, "boxes": torch.cat([1 - x, y, width, height], 1)}

    def batch(self, targets: list[Drawn]) -> list[Drawn]:
        return targets

    def answer(self, said: Any, picture: Size) -> list[list[float]]:
        """The MOST most confident boxes: [class, x1, y1, x2, y2, score] of each, in pixels."""
        scores = said.logits[0].softmax(1)[:, :-1] if self.nothing else said.logits[0].sigmoid()  # (N, C)
        surest, best = scores.flatten().topk(min(MOST, scores.numel()))
        middle, sides = said.pred_boxes[0][best // scores.shape[1]].chunk(2, 1)
        corners = torch.cat([middle - sides / 2, middle + sides / 2], 1).clamp(0, 1) * _corners(picture)
        boxes: list[list[float]] = torch.cat([best[:, None] % scores.shape[1], corners, surest[:, None]], 1).tolist()
        return boxes


@dataclass(frozen=True)
class Mask:
    """Semantic segmentation, with masks in grey PNG files."""

    def target(self, given: str, picture: Size, prepared: Size) -> Tensor:
        """-> (H, W) in the prepared size; 255 marks unlabelled pixels, as in transformers."""
        nearest = Image.open(given).resize(prepared[::-1], Image.Resampling.NEAREST)
        return torch.from_numpy(np.array(nearest)).long()

    def mirrored(self, target: Tensor) -> Tensor:
        return target.flip(-1)

    def batch(self, targets: list[Tensor]) -> Tensor:
        return torch.stack(targets)

    def answer(self, said: Any, picture: Size) -> Image.Image:
        logits = nn.functional.interpolate(said.logits, picture, mode="bilinear", align_corners=False)
        return Image.fromarray(logits[0].argmax(0).to(torch.uint8).numpy())


def yolos(classes: int, prepared: Size) -> nn.Module:
    """YOLOS tiny, 7 million weights (Fang et al. 2021): a plain Transformer over patches of 16 px."""
    from transformers import YolosConfig, YolosForObjectDetection  # type: ignore[import-not-found, unused-ignore]

    sizes = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
    network: nn.Module = YolosForObjectDetection(YolosConfig(**sizes, image_size=list(prepared), num_labels=classes))
    return network


def d_fine(classes: int, prepared: Size) -> nn.Module:
    """D-FINE nano, 4 million weights (Peng et al. 2024): https://github.com/Peterande/D-FINE, dfine_hgnetv2_n.

    transformers freezes batch normalisation, which only suits pretrained weights; here it is trained.
    """
    from transformers import DFineConfig, DFineForObjectDetection, HGNetV2Config

    backbone = HGNetV2Config(
        stem_channels=[3, 16, 16],
        stage_in_channels=[16, 64, 256, 512],
        stage_mid_channels=[16, 32, 64, 128],
        stage_out_channels=[64, 256, 512, 1024],
        hidden_sizes=[64, 256, 512, 1024],
        stage_num_blocks=[1, 1, 2, 1],
        stage_numb_of_layers=[3, 3, 3, 3],
        use_learnable_affine_block=True,
        out_indices=[3, 4],
    )
    config = DFineConfig(
        num_labels=classes,
        backbone_config=backbone,
        freeze_backbone_batch_norms=False,
        num_feature_levels=2,
        feat_strides=[16, 32],
        encoder_in_channels=[512, 1024],
        encode_proj_layers=[1],
        encoder_hidden_dim=128,
        encoder_ffn_dim=512,
        hidden_expansion=0.34,
        depth_mult=0.5,
        d_model=128,
        decoder_in_channels=[128, 128],
        decoder_ffn_dim=512,
        decoder_n_points=[6, 6],
        decoder_layers=3,
    )
    network: nn.Module = DFineForObjectDetection(config)
    return network


def segformer(classes: int, prepared: Size) -> nn.Module:
    """SegFormer MiT-b0, the smallest and the default, 4 million weights (Xie et al. 2021)."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    network: nn.Module = SegformerForSemanticSegmentation(SegformerConfig(num_labels=classes))
    return network


@dataclass(frozen=True)
class Tutorial:
    network: Callable[[int, Size], nn.Module]
    question: Boxes | Mask
    rate: float
    longest_gradient: float = 0.1  # as in DETR and its successors


TUTORIALS = {
    "yolos": Tutorial(yolos, Boxes(nothing=True), rate=1e-4),  # as in DETR, and in YOLOS for the tiny size
    "d-fine": Tutorial(d_fine, Boxes(nothing=False), rate=2e-4),  # 8e-4 for batches of 128
    # The authors' rate for randomly initialised layers, ten times that of the others; gradients clipped as in Trainer.
    "segformer": Tutorial(segformer, Mask(), rate=6e-4, longest_gradient=1.0),
}


def learn(network: nn.Module, examples: Sequence[tuple[Tensor, Any]], tutorial: Tutorial, job: Job) -> float:
    """Train for the job's seconds or steps -> the number of epochs."""
    adam = torch.optim.AdamW(network.parameters(), tutorial.rate, weight_decay=WEIGHT_DECAY)
    network.train()
    seen, begun_s = 0, time.monotonic()
    for taken, chosen in enumerate(_batches(len(examples))):
        done = taken / job["steps"] if job["steps"] else (time.monotonic() - begun_s) / job["seconds"]
        if done >= 1:
            break
        adam.param_groups[0]["lr"] = tutorial.rate * min(1, done / WARM) * (1 - done)
        pictures, targets = zip(*(_augmented(*examples[i], tutorial.question) for i in chosen), strict=True)
        labels = tutorial.question.batch(list(targets))
        adam.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=job["precision"] == "bfloat16"):
            loss = network(pixel_values=torch.stack(pictures), labels=labels).loss
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), tutorial.longest_gradient)
        adam.step()
        seen += len(chosen)
    return seen / len(examples)


def _batches(count: int) -> Iterator[list[int]]:
    """Batches of all examples in random order, epoch after epoch."""
    while True:
        order = torch.randperm(count).tolist()
        yield from (order[i : i + BATCH] for i in range(0, count, BATCH))


def _augmented(picture: Tensor, target: Any, question: Any) -> tuple[Tensor, Any]:
    """picture (3, H, W) uint8 -> the network's augmented input, and its target."""
    if torch.rand(()) < 0.5:
        picture, target = picture.flip(-1), question.mirrored(target)
    contrast, brightness = (1 + JITTER * (2 * torch.rand(2) - 1)).tolist()
    x = picture / 255
    return _normalised((((x - x.mean()) * contrast + x.mean()) * brightness).clamp(0, 1)), target


@torch.inference_mode()
def answers(network: nn.Module, question: Any, paths: Sequence[str], prepared: Size) -> Iterator[Any]:
    """Read and answer the pictures one by one."""
    network.eval()
    for path in paths:
        picture, size = _read(path, prepared)
        yield question.answer(network(pixel_values=_normalised(picture / 255)[None]), size)


def _written(answer: Any, file: Path) -> Any:
    """Boxes unchanged; a mask is written to the file, and replaced by the file's name."""
    if isinstance(answer, list):
        return answer
    answer.save(file)
    return file.name


def _normalised(x: Tensor) -> Tensor:
    """(3, H, W), 0 to 1."""
    return (x - MEAN) / DEVIATION


def _read(path: str, prepared: Size) -> tuple[Tensor, Size]:
    """A picture in the prepared size (3, H, W) uint8, and its original size."""
    with Image.open(path) as picture:
        resized = np.array(picture.convert("RGB").resize(prepared[::-1], Image.Resampling.BILINEAR))
    return torch.from_numpy(resized).permute(2, 0, 1), (picture.height, picture.width)


def prepared_size(path: str) -> Size:
    """The size with a longer side of about LONGEST_PX, in multiples that networks can halve five times."""
    with Image.open(path) as picture:
        sides = picture.height, picture.width
    height, width = (max(1, round(side * LONGEST_PX / max(sides) / MULTIPLE_PX)) * MULTIPLE_PX for side in sides)
    return height, width


def _corners(picture: Size) -> Tensor:
    height, width = picture
    return torch.tensor([width, height, width, height])


def main(folder: Path) -> None:
    job: Job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    tutorial = TUTORIALS[job["network"]]
    torch.manual_seed(job["seed"])
    prepared = prepared_size(job["train"][0][0])
    network = tutorial.network(len(job["classes"]), prepared)
    examples = []
    for path, given in job["train"]:
        picture, size = _read(path, prepared)
        examples.append((picture, tutorial.question.target(given, size, prepared)))
    epochs = learn(network, examples, tutorial, job)
    begun_s = time.monotonic()
    said = list(answers(network, tutorial.question, job["test"], prepared))
    per_s = len(said) / (time.monotonic() - begun_s)
    written = [_written(answer, folder / f"{number:06d}.png") for number, answer in enumerate(said)]
    result = {"answers": written, "epochs": epochs, "per_s": per_s}
    (folder / "result.json").write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

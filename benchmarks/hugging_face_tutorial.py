"""A network of Hugging Face's transformers, trained from random weights for so many seconds. Runs where that is.

python hugging_face_tutorial.py FOLDER; reads its job.json, writes its told.json and of every mask a png.

As its tutorials do it, https://huggingface.co/docs/transformers/tasks/object_detection and semantic_segmentation:
pictures of 480 px, normalised as ImageNet's; half of them mirrored, their brightness and contrast changed by up to a
quarter; AdamW at a rate that falls to nothing when the time is up. The tutorials begin with what others have learned:
from random weights, the rate is the one that a network's authors train with, and grows at first.
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
BATCH = 4  # of detection it is 8, of segmentation 2
WEIGHT_DECAY = 1e-4
WARM = 0.05  # of the time, in which the rate grows
MOST = 100  # boxes of a picture, as COCO counts them

Size = tuple[int, int]  # height, width
Job = dict[str, Any]  # network, classes, train, test, seconds, steps, precision, seed
Drawn = dict[str, Tensor]


@dataclass(frozen=True)
class Boxes:
    """What is where. `nothing` says whether the last class of the network is that of nothing, as DETR has it."""

    nothing: bool

    def target(self, given: Sequence[Sequence[float]], picture: Size, prepared: Size) -> Drawn:
        """[class, x1, y1, x2, y2] each, in pixels -> class_labels (M,), boxes (M, 4) middle and sides, 0 to 1."""
        drawn = torch.tensor(given, dtype=torch.float32).reshape(-1, 5)
        low, high = (drawn[:, 1:] / _corners(picture)).chunk(2, 1)
        return {"class_labels": drawn[:, 0].long(), "boxes": torch.cat([(low + high) / 2, high - low], 1)}

    def mirrored(self, target: Drawn) -> Drawn:
        x, y, width, height = target["boxes"].chunk(4, 1)
        return {**target, "boxes": torch.cat([1 - x, y, width, height], 1)}

    def batch(self, targets: list[Drawn]) -> list[Drawn]:
        return targets

    def answer(self, said: Any, picture: Size) -> list[list[float]]:
        """The MOST surest, [class, x1, y1, x2, y2, score] each, in pixels."""
        scores = said.logits[0].softmax(1)[:, :-1] if self.nothing else said.logits[0].sigmoid()  # (N, C)
        surest, best = scores.flatten().topk(min(MOST, scores.numel()))
        middle, sides = said.pred_boxes[0][best // scores.shape[1]].chunk(2, 1)
        corners = torch.cat([middle - sides / 2, middle + sides / 2], 1).clamp(0, 1) * _corners(picture)
        boxes: list[list[float]] = torch.cat([best[:, None] % scores.shape[1], corners, surest[:, None]], 1).tolist()
        return boxes


@dataclass(frozen=True)
class Mask:
    """The class of every pixel, whose file is a grey png."""

    def target(self, given: str, picture: Size, prepared: Size) -> Tensor:
        """-> (H, W) of the prepared picture; 255 stands for pixels that nobody named, here as in transformers."""
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
    """Its tiny size, of 7 million weights (Fang et al. 2021): attention between patches of 16 px, and nothing else."""
    from transformers import YolosConfig, YolosForObjectDetection  # type: ignore[import-not-found, unused-ignore]

    sizes = {"hidden_size": 192, "num_attention_heads": 3, "intermediate_size": 768}
    network: nn.Module = YolosForObjectDetection(YolosConfig(**sizes, image_size=list(prepared), num_labels=classes))
    return network


def d_fine(classes: int, prepared: Size) -> nn.Module:
    """Its nano size, of 4 million weights (Peng et al. 2024): https://github.com/Peterande/D-FINE, dfine_hgnetv2_n.

    transformers freezes the normalisation of what others have learned; here nobody has.
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
    """Its smallest, MiT-b0, of 4 million weights (Xie et al. 2021), which is what its configuration is by default."""
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    network: nn.Module = SegformerForSemanticSegmentation(SegformerConfig(num_labels=classes))
    return network


@dataclass(frozen=True)
class Tutorial:
    network: Callable[[int, Size], nn.Module]
    question: Boxes | Mask
    rate: float
    longest_gradient: float = 0.1  # DETR's, and of all that came after it


TUTORIALS = {
    "yolos": Tutorial(yolos, Boxes(nothing=True), rate=1e-4),  # DETR's, and YOLOS' own for its tiny size
    "d-fine": Tutorial(d_fine, Boxes(nothing=False), rate=2e-4),  # 8e-4 for batches of 128
    # What its authors give the part that begins with random weights, ten times the rest; and the Trainer's bound.
    "segformer": Tutorial(segformer, Mask(), rate=6e-4, longest_gradient=1.0),
}


def learn(network: nn.Module, examples: Sequence[tuple[Tensor, Any]], tutorial: Tutorial, job: Job) -> float:
    """For the job's seconds, or its steps -> how many times each picture was seen."""
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
    """All examples in random order, again and again."""
    while True:
        order = torch.randperm(count).tolist()
        yield from (order[i : i + BATCH] for i in range(0, count, BATCH))


def _augmented(picture: Tensor, target: Any, question: Any) -> tuple[Tensor, Any]:
    """picture (3, H, W) uint8 -> what the network takes of it, and the target that goes with it."""
    if torch.rand(()) < 0.5:
        picture, target = picture.flip(-1), question.mirrored(target)
    contrast, brightness = (1 + JITTER * (2 * torch.rand(2) - 1)).tolist()
    x = picture / 255
    return _normalised((((x - x.mean()) * contrast + x.mean()) * brightness).clamp(0, 1)), target


@torch.inference_mode()
def answers(network: nn.Module, question: Any, paths: Sequence[str], prepared: Size) -> Iterator[Any]:
    """From a file to the answer, one picture after the other."""
    network.eval()
    for path in paths:
        picture, size = _read(path, prepared)
        yield question.answer(network(pixel_values=_normalised(picture / 255)[None]), size)


def _written(answer: Any, file: Path) -> Any:
    """Boxes as they are; of a mask the name of its file."""
    if isinstance(answer, list):
        return answer
    answer.save(file)
    return file.name


def _normalised(x: Tensor) -> Tensor:
    """(3, H, W), 0 to 1."""
    return (x - MEAN) / DEVIATION


def _read(path: str, prepared: Size) -> tuple[Tensor, Size]:
    """A picture of the prepared size (3, H, W) uint8, and its own size."""
    with Image.open(path) as picture:
        resized = np.array(picture.convert("RGB").resize(prepared[::-1], Image.Resampling.BILINEAR))
    return torch.from_numpy(resized).permute(2, 0, 1), (picture.height, picture.width)


def prepared_size(path: str) -> Size:
    """As large as a picture is where its longer side is LONGEST_PX; so that networks can halve it five times."""
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
    told = {"answers": written, "epochs": epochs, "per_s": per_s}
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Getting a start from a file, a folder or the hub, and exporting it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
import torch

from installed import TOKENIZER
from seehear.cli import run
from seehear.errors import BundleError, SeehearError, UsageError
from seehear.starts import Start, export_starts, find_place, find_start, get_start, load_file, load_tensors, local
from seehear.starts.cache import locate_cache, locate_start
from seehear.starts.hub import download
from start_files import make_wav2vec2, make_whisper, to_ctranslate2, to_hugging_face, write_ctranslate2

REVISION = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def absent(start: Start, site: Path) -> Start:
    """The start on a machine without its packages."""
    site.rename(site.with_name("elsewhere"))
    assert find_place(start) is None
    return start


def _write_folder(folder: Path, name: str, content: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / name).write_bytes(content)
    (folder / "tokenizer.json").write_bytes(TOKENIZER)
    return folder


def _float32() -> dict[str, np.ndarray]:
    return {name: array.astype(np.float32) for name, array in make_whisper().items()}


def test_an_export_is_read_on_another_machine(start: Start, site: Path, tmp_path: Path, cache: Path) -> None:
    assert export_starts([start], tmp_path / "stick") == [tmp_path / "stick/whisper-base"]
    assert "2022 OpenAI" in (tmp_path / "stick/whisper-base/NOTICE.txt").read_text()
    site.rename(site.with_name("elsewhere"))
    for source in (tmp_path / "stick", tmp_path / "stick/whisper-base"):
        cache.rename(tmp_path / f"old-{source.name}")
        assert find_place(start) is None
        assert get_start(start, str(source)) == locate_start(start)
        assert load_tensors(start).keys() == make_whisper().keys()
        assert load_file(start, "tokenizer.json") == TOKENIZER


def test_published_files_give_the_same_start(absent: Start, tmp_path: Path, cache: Path) -> None:
    published = safetensors.numpy.save(to_hugging_face(_float32()))
    hugging_face = _write_folder(tmp_path / "transformers", "model.safetensors", published)
    converted = write_ctranslate2(to_ctranslate2(make_whisper()))
    ctranslate2 = _write_folder(tmp_path / "faster-whisper", "model.bin", converted)
    state = {name: torch.from_numpy(array) for name, array in make_whisper().items()}
    torch.save({"dims": {}, "model_state_dict": state}, tmp_path / "base.pt")
    (tmp_path / "tokenizer.json").write_bytes(TOKENIZER)
    for number, source in enumerate((hugging_face, ctranslate2, ctranslate2 / "model.bin", tmp_path / "base.pt")):
        get_start(absent, str(source))
        assert load_tensors(absent).keys() == make_whisper().keys()
        cache.rename(tmp_path / f"old-{number}")


def test_other_weights_are_refused_and_not_stored(absent: Start, tmp_path: Path, cache: Path) -> None:
    content = safetensors.numpy.save(make_whisper(seed=1))
    folder = _write_folder(tmp_path / "fine-tuned", "model.safetensors", content)
    with pytest.raises(BundleError, match=r"fine-tuned: the weights are not those of whisper-base: other names, "):
        get_start(absent, str(folder))
    assert not cache.exists()


def test_a_source_without_its_other_files_says_where_to_get_them(absent: Start, tmp_path: Path) -> None:
    folder = _write_folder(tmp_path / "bare", "model.safetensors", safetensors.numpy.save(make_whisper()))
    (folder / "tokenizer.json").write_bytes(b"another one")
    with pytest.raises(SeehearError, match=r"no tokenizer.json with the SHA-256 .*Next: .*start-multi.* or --from hf"):
        get_start(absent, str(folder))


def test_the_other_files_may_come_from_the_package(start: Start, tmp_path: Path) -> None:
    folder = _write_folder(tmp_path / "bare", "model.safetensors", safetensors.numpy.save(make_whisper()))
    (folder / "tokenizer.json").unlink()
    get_start(start, str(folder))
    assert (locate_start(start) / "tokenizer.json").read_bytes() == TOKENIZER


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nowhere", r"nowhere: there is no such file or folder. Allowed: package, a file, a folder, hf, hf:OWNER"),
        (".", r"holds no weights. Allowed: weights.safetensors, model.safetensors"),
        ("hf:openai/whisper-base", "on the hub needs a commit.*Allowed: hf:OWNER/NAME@COMMIT"),
        ("hf:openai/whisper-base@main", "on the hub needs a commit"),
        (f"hf:../..@{REVISION}x", "on the hub needs a commit"),
    ],
)
def test_an_invalid_source_is_refused(absent: Start, tmp_path, monkeypatch, source: str, reason: str) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    with pytest.raises(UsageError, match=reason):
        get_start(absent, source)


class Hub(SimpleNamespace):
    """Stands for huggingface_hub: a folder of files, what was asked for, and what is in its cache."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder=folder, asked=[], cached=set())

    def list_repo_files(self, repo_id: str, revision: str) -> list[str]:
        self.asked.append(f"{repo_id}@{revision}")
        return [path.name for path in self.folder.iterdir()]

    def hf_hub_download(self, repo_id: str, filename: str, revision: str) -> str:
        self.asked.append(filename)
        self.cached.add((repo_id, revision, filename))
        return str(self.folder / filename)

    def try_to_load_from_cache(self, repo_id: str, filename: str, revision: str) -> str | None:
        return str(self.folder / filename) if (repo_id, revision, filename) in self.cached else None


def test_the_hub_is_asked_for_one_file_of_weights_at_a_commit(absent: Start, tmp_path: Path, monkeypatch) -> None:
    folder = _write_folder(tmp_path / "snapshot", "model.safetensors", safetensors.numpy.save(make_whisper()))
    (folder / "pytorch_model.bin").write_bytes(b"not needed")
    hub = Hub(folder)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    get_start(absent, f"hf:openai/whisper-base@{REVISION}")
    assert hub.asked == [f"openai/whisper-base@{REVISION}", "model.safetensors", "tokenizer.json"]
    hub.asked.clear()
    get_start(absent, "hf")
    assert f"hf:{hub.asked[0]}" == str(absent.repository)


def publish_wav2vec2(folder: Path, monkeypatch) -> Hub:
    """A hub whose repositories all hold one small network."""
    (folder / "model.safetensors").write_bytes(safetensors.numpy.save(make_wav2vec2()))
    (folder / "config.json").write_text('{"num_attention_heads": 4, "do_stable_layer_norm": true}')
    hub = Hub(folder)
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return hub


def test_a_repository_is_a_start_by_its_commit(tmp_path: Path, monkeypatch) -> None:
    hub, name = publish_wav2vec2(tmp_path, monkeypatch), f"hf:someone/wav2vec2-small@{REVISION}"
    start = find_start(name)
    assert (start.name, start.sense, start.encoder["pre_norm"]) == (name, "audio", True)
    assert load_tensors(find_start(name)).keys() == load_tensors(start).keys()
    assert hub.asked == [f"someone/wav2vec2-small@{REVISION}", "model.safetensors", "config.json"], "asked once"
    with pytest.raises(UsageError, match=r"hf:someone/other: a repository on the hub needs a commit"):
        find_start("hf:someone/other")


def test_what_was_downloaded_is_found_without_asking_the_hub(tmp_path: Path, monkeypatch) -> None:
    hub, name = publish_wav2vec2(tmp_path, monkeypatch), f"hf:someone/wav2vec2-offline@{REVISION}"
    first = find_start(name)
    for restore, asked in ((None, []), ("config.json", ["config.json"])):
        hub.asked.clear()
        hub.cached.discard(restore and ("someone/wav2vec2-offline", REVISION, restore))
        forget_downloads()
        assert find_start(name) == first and hub.asked == asked
    (index,) = (locate_cache() / "hub").iterdir()
    for damage in (b"", b"{}", b"[1]", b"[]"):
        index.write_bytes(damage)
        forget_downloads()
        assert find_start(name) == first, "the hub is asked again"


def forget_downloads() -> None:
    """As in a new process."""
    local._download.cache_clear()


@pytest.mark.parametrize("name", ["net.pth", "net.pt", "encoder.onnx"])
def test_weights_with_a_name_of_their_own_are_downloaded(name: str, tmp_path: Path, monkeypatch) -> None:
    for each in (name, "README.md", "optimizer/state.pt"):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).write_bytes(b"")
    hub = Hub(tmp_path)
    monkeypatch.setattr(hub, "list_repo_files", lambda **_: ["README.md", "optimizer/state.pt", name])
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    download(f"hf:someone/{name}@{REVISION}", local.WEIGHTS, ())
    assert hub.asked == [name]


def test_a_hub_that_fails_or_is_not_installed_says_so(absent: Start, tmp_path: Path, monkeypatch) -> None:
    def fail(**_: str) -> None:
        raise ConnectionError("no route to host\nand more")

    monkeypatch.setitem(sys.modules, "huggingface_hub", SimpleNamespace(list_repo_files=fail))
    with pytest.raises(SeehearError, match=r"cannot be downloaded: no route to host. Next"):
        get_start(absent, "hf")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SeehearError, match=r"Next: pip install 'seehear\[hub\]'"):
        get_start(absent, "hf")


def test_nothing_is_downloaded_unless_it_is_asked_for(absent: Start, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", Hub(Path()))
    with pytest.raises(SeehearError, match="is not installed"):
        load_tensors(absent)
    assert not sys.modules["huggingface_hub"].asked


def test_the_command_lists_gets_and_exports(start: Start, tmp_path: Path, capsys) -> None:
    assert run(["starts"]) == 0
    listed = capsys.readouterr().out
    assert listed.startswith("whisper-base  (audio, ")
    assert "available:   yes, in the installed whisper_part1 and whisper_part2\n" in listed
    assert "compared:    The file is byte for byte the one in Systran/faster-whisper-base" in listed
    assert run(["starts", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["licence"] == "MIT"
    assert run(["starts", "export", str(tmp_path / "stick")]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"whisper-base is in {tmp_path}/stick/whisper-base\n"
    assert captured.err.endswith(f"starts get NAME --from {tmp_path}/stick\n")
    assert run(["starts", "get", "whisper-base", "--from", str(tmp_path / "stick")]) == 0
    assert capsys.readouterr().out == f"whisper-base is in {locate_start(start)}\n"
    assert run(["starts", "get", "whisper-huge", "--from", "hf"]) == 2
    assert "there is no start 'whisper-huge'. Allowed: whisper-base" in capsys.readouterr().err

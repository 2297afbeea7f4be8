"""Malformed files: truncated, bit-flipped, misnamed, and decompression bombs, made from small valid ones.

Run as a program, it reads such files one by one, as `python malformed_corpus.py FIRST LAST EVERY`, and prints a
line before and after each. So its caller knows which one crashed or hung.
"""

from __future__ import annotations

import io
import json
import random
import struct
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import soundfile
from PIL import Image

from resident import most_resident_kib

if TYPE_CHECKING:
    from seehear.senses import Sense

COUNT = 1_000
PICTURE, RECORDING, MOVIE = ("image",), ("audio",), ("image", "audio")


def picture() -> np.ndarray:
    y, x = np.mgrid[0:48, 0:64]
    return np.stack([x * 4, y * 5, (x * y) % 256], axis=-1).astype(np.uint8)


def tone(rate_hz: int = 16_000, seconds: float = 1.0) -> np.ndarray:
    t_s = np.arange(int(rate_hz * seconds)) / rate_hz
    return (0.4 * np.sin(2 * np.pi * 440 * t_s) * np.linspace(0.2, 1, len(t_s))).astype(np.float32)


def encoded(mode: str, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(picture()).convert(mode).save(file, kind, **options)
    return file.getvalue()


def heic(**options: object) -> bytes:
    import pillow_heif

    file = io.BytesIO()
    pillow_heif.from_pillow(Image.fromarray(picture())).save(file, quality=90, **options)
    return file.getvalue()


def recorded(kind: str, subtype: str | None = None, rate_hz: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, tone(rate_hz), rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def filmed(
    kind: str, audio: str | None, video: str | None, rate_hz: int = 48_000, samples: np.ndarray | None = None
) -> bytes:
    """A video of one second: 25 ever brighter frames, and the samples given, or else a tone."""
    file = io.BytesIO()
    with av.open(file, "w", format=kind) as out:
        sound: Any = out.add_stream(audio, rate=rate_hz, layout="mono") if audio else None
        if audio == "wmav2":  # which has no usual rate of bits, nor a size of frames before it is opened
            sound.bit_rate = 64_000
            sound.codec_context.open()
        sight: Any = out.add_stream(video, rate=25) if video else None
        if sight:
            sight.width, sight.height, sight.pix_fmt = 64, 48, "yuv420p"
            for level in range(25):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), level * 10, np.uint8), format="rgb24")
                out.mux(sight.encode(frame))
            out.mux(sight.encode(None))
        if sound:
            samples = tone(rate_hz) if samples is None else samples
            size = sound.codec_context.frame_size or 1024
            for start in range(0, len(samples) - size + 1, size):
                block = av.AudioFrame.from_ndarray(samples[None, start : start + size], format="fltp", layout="mono")
                block.sample_rate, block.pts = rate_hz, start
                out.mux(sound.encode(block))
            out.mux(sound.encode(None))
    return file.getvalue()


def held_upright(film: bytes) -> bytes:
    """The same mp4 with a rotation matrix, as phones store it: ISO/IEC 14496-12, section 6.2.2."""
    straight = bytes.fromhex("00010000 00000000 00000000 00000000 00010000".replace(" ", ""))
    clockwise = bytes.fromhex("00000000 00010000 00000000 ffff0000 00000000".replace(" ", ""))
    track = film.index(b"tkhd")
    return film[:track] + film[track:].replace(straight, clockwise, 1)


def dicom(**tags: object) -> bytes:
    from pydicom.dataset import FileDataset, FileMetaDataset
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.TransferSyntaxUID = CTImageStorage, ExplicitVRLittleEndian
    meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["seehear"])
    data = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    values = np.arange(48 * 64, dtype=np.uint16).reshape(48, 64)
    usual = {
        "Modality": "CT",
        "Rows": 48,
        "Columns": 64,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "PixelRepresentation": 0,
        "PixelData": values.tobytes(),
    }
    for tag, value in {**usual, **tags}.items():
        setattr(data, tag, value)
    file = io.BytesIO()
    data.save_as(file, enforce_file_format=True)
    return file.getvalue()


SEEDS: dict[str, tuple[tuple[str, ...], Callable[[], bytes]]] = {
    "jpeg": (PICTURE, lambda: encoded("RGB", "JPEG")),
    "progressive.jpeg": (PICTURE, lambda: encoded("RGB", "JPEG", progressive=True)),
    "cmyk.jpeg": (PICTURE, lambda: encoded("CMYK", "JPEG")),
    "png": (PICTURE, lambda: encoded("RGB", "PNG")),
    "grey16.png": (PICTURE, lambda: encoded("I;16", "PNG")),
    "palette.png": (PICTURE, lambda: encoded("P", "PNG")),
    "webp": (PICTURE, lambda: encoded("RGB", "WEBP")),
    "lossless.webp": (PICTURE, lambda: encoded("RGBA", "WEBP", lossless=True)),
    "lzw.tiff": (PICTURE, lambda: encoded("RGB", "TIFF", compression="tiff_lzw")),
    "deflate.tiff": (PICTURE, lambda: encoded("RGB", "TIFF", compression="tiff_adobe_deflate")),
    "jpeg.tiff": (PICTURE, lambda: encoded("RGB", "TIFF", compression="jpeg")),
    "float.tiff": (PICTURE, lambda: encoded("F", "TIFF")),
    "bmp": (PICTURE, lambda: encoded("RGB", "BMP")),
    "gif": (PICTURE, lambda: encoded("P", "GIF")),
    "ppm": (PICTURE, lambda: encoded("RGB", "PPM")),
    "avif": (PICTURE, lambda: encoded("RGB", "AVIF")),
    "heic": (PICTURE, heic),
    "dcm": (PICTURE, dicom),
    "wav": (RECORDING, lambda: recorded("WAV", "PCM_16")),
    "float.wav": (RECORDING, lambda: recorded("WAV", "FLOAT")),
    "adpcm.wav": (RECORDING, lambda: recorded("WAV", "IMA_ADPCM")),
    "flac": (RECORDING, lambda: recorded("FLAC", "PCM_16")),
    "ogg": (RECORDING, lambda: recorded("OGG", "VORBIS")),
    "opus": (RECORDING, lambda: recorded("OGG", "OPUS")),
    "mp3": (RECORDING, lambda: recorded("MP3", None)),
    "aiff": (RECORDING, lambda: recorded("AIFF", "PCM_16")),
    "au": (RECORDING, lambda: recorded("AU", "PCM_16")),
    "caf": (RECORDING, lambda: recorded("CAF", "PCM_16")),
    "m4a": (RECORDING, lambda: filmed("mp4", "aac", None)),
    "sound.webm": (RECORDING, lambda: filmed("webm", "libopus", None)),
    "mp4": (MOVIE, lambda: filmed("mp4", "aac", "mpeg4")),
    "webm": (MOVIE, lambda: filmed("webm", "libopus", "libvpx")),
    "mkv": (MOVIE, lambda: filmed("matroska", "aac", "mpeg4")),
    "avi": (MOVIE, lambda: filmed("avi", "libmp3lame", "mpeg4")),
    "ts": (MOVIE, lambda: filmed("mpegts", "aac", "mpeg2video")),
    "rf64": (RECORDING, lambda: recorded("RF64", "PCM_16")),
    "w64": (RECORDING, lambda: recorded("W64", "PCM_16")),
    "sph": (RECORDING, lambda: recorded("NIST", "PCM_16")),
    "aac": (RECORDING, lambda: filmed("adts", "aac", None)),
    "wma": (RECORDING, lambda: filmed("asf", "wmav2", None)),
    "flv": (MOVIE, lambda: filmed("flv", "aac", "flv", rate_hz=44_100)),
    "mpg": (MOVIE, lambda: filmed("mpeg", "mp2", "mpeg2video")),
}

if find_spec("pydicom") is None:
    del SEEDS["dcm"]


@cache
def seed(name: str) -> bytes:
    return SEEDS[name][1]()


def cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data))]


def flipped(data: bytes, chance: random.Random) -> bytes:
    """Flip 1 to 32 bits, half of them near the beginning, where headers are."""
    damaged = bytearray(data)
    for _ in range(2 ** chance.randrange(6)):
        reach = min(len(damaged), 200) if chance.random() < 0.5 else len(damaged)
        damaged[chance.randrange(reach)] ^= 1 << chance.randrange(8)
    return bytes(damaged)


def spliced(data: bytes, chance: random.Random) -> bytes:
    """Remove or repeat a piece, or replace it by noise or zeros."""
    start = chance.randrange(len(data))
    piece = data[start : start + chance.randrange(1, 400)]
    swapped = chance.choice([b"", piece * 2, chance.randbytes(len(piece)), bytes(len(piece))])
    return data[:start] + swapped + data[start + len(piece) :]


def sized(data: bytes, chance: random.Random) -> bytes:
    """Make a number in the header enormous: a size, count or offset."""
    start = chance.randrange(4, min(len(data) - 4, 160))
    return (
        data[:start]
        + chance.choice([b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x00\x00\x00\x00"])
        + data[start + 4 :]
    )


def misnamed(data: bytes, chance: random.Random) -> bytes:
    """Contents that are neither a picture nor a recording, whatever the name says."""
    words = (
        b"<!doctype html><title>404</title>",
        b"seven,8\n",
        b"PK\x03\x04" + bytes(60),
        b"%PDF-1.7\n",
        b"#EXTM3U\n/etc/passwd\n",
    )
    return chance.choice([*words, chance.randbytes(500), bytes(500), data[4:], b"\n" + data, data[::-1]])


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_bomb(width: int, height: int, rows: int = 4) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = zlib.compress(bytes((3 * width + 1) * rows))
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")


def png_text_bomb() -> bytes:
    bomb = _chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(200_000_000), 9))
    data = seed("png")
    return data[:33] + bomb + data[33:]


def jpeg_scan_bomb(scans: int = 2_000) -> bytes:
    """A progressive picture of 65,500 by 1,500 pixels whose last, almost empty scan is repeated many times."""
    file = io.BytesIO()
    Image.new("L", (65_500, 1_500)).save(file, "JPEG", progressive=True)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * scans + data[-2:]


def patched(name: str, at: bytes, skip: int, value: bytes) -> bytes:
    data = seed(name)
    start = data.index(at) + skip
    return data[:start] + value + data[start + len(value) :]


def tiff_bomb(width: int, height: int, tile: int = 0) -> bytes:
    """A deflated tiff whose tags claim more data than it holds."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, 8), (259, 3, 8), (262, 3, 1), (277, 3, 1)]
    body = zlib.compress(bytes(100_000))
    strips = [(322, 4, tile), (323, 4, tile), (324, 4, 8), (325, 4, len(body))]
    tags += strips if tile else [(273, 4, 8), (278, 4, height), (279, 4, len(body))]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sorted(tags))
    return b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", len(tags)) + entries + bytes(4)


def silent_flac(hours: float) -> bytes:
    """Ten seconds of silence whose header claims this many hours; 0 leaves the length open."""
    file = io.BytesIO()
    rate_hz = 48_000
    soundfile.write(file, np.zeros((int(rate_hz * 10), 2), np.float32), rate_hz, format="FLAC")
    data = file.getvalue()
    head = bytearray(data)
    samples = int(hours * 3_600 * rate_hz)
    head[21] = head[21] & 0xF0 | (samples >> 32) & 0x0F
    head[22:26] = struct.pack(">I", samples & 0xFFFFFFFF)
    return bytes(head)


def wide_wav(channels: int, rate_hz: int = 16_000, data_bytes: int = 0) -> bytes:
    body = bytes(4_000)
    form = struct.pack("<HHIIHH", 1, channels, rate_hz, rate_hz * channels * 2 & 0xFFFFFFFF, channels * 2 & 0xFFFF, 16)
    return (
        b"RIFF"
        + struct.pack("<I", 36 + len(body))
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + b"data"
        + struct.pack("<I", data_bytes or len(body))
        + body
    )


def long_webm(minutes: int = 90) -> bytes:
    """Silence in Opus takes 3 bytes per packet; the header states no length."""
    file = io.BytesIO()
    with av.open(file, "w", format="webm", options={"live": "1"}) as out:
        stream = out.add_stream("libopus", rate=48_000)
        stream.layout = "mono"
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 960), np.float32), format="fltp", layout="mono")
        silence.sample_rate, silence.pts = 48_000, 0
        first = next(packet for _ in range(9) for packet in stream.encode(silence))
        body = bytes(first)
        for number in range(minutes * 60 * 50):
            packet = av.Packet(body)
            packet.stream, packet.time_base = stream, Fraction(1, 1_000)
            packet.pts = packet.dts = number * 20
            out.mux(packet)
    return file.getvalue()


def nan_wav() -> bytes:
    file = io.BytesIO()
    soundfile.write(file, np.array([0.1, np.nan, 0.2] * 500), 16_000, format="WAV", subtype="FLOAT")
    return file.getvalue()


def nan_tiff() -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.full((8, 8), np.nan, np.float32)).save(file, "TIFF")
    return file.getvalue()


_PRAAT = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n0\n4\n<exists>\n1\n"IntervalTier"\n"words"\n0\n4\n2\n'
_ELAN = """<?xml version="1.0"?><ANNOTATION_DOCUMENT><TIME_ORDER><TIME_SLOT TIME_SLOT_ID="t1" TIME_VALUE="500"/>
<TIME_SLOT TIME_SLOT_ID="t2" TIME_VALUE="1750"/></TIME_ORDER><TIER TIER_ID="words" LINGUISTIC_TYPE_REF="text">
<ANNOTATION><ALIGNABLE_ANNOTATION ANNOTATION_ID="a1" TIME_SLOT_REF1="t1" TIME_SLOT_REF2="t2"><ANNOTATION_VALUE>horn
</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION></ANNOTATION><ANNOTATION><REF_ANNOTATION ANNOTATION_ID="a2"
ANNOTATION_REF="a1"><ANNOTATION_VALUE>horn</ANNOTATION_VALUE></REF_ANNOTATION></ANNOTATION></TIER>
</ANNOTATION_DOCUMENT>"""
LABEL_FILES = {  # valid ones, by the name that each has beside a.wav
    "a.txt": "0.500000\t2.250000\thorn\n\\\t120.0\t4000.0\n7,0\t8,5\tsiren\n9.0\t9.5\thorn\n",
    "a.TextGrid": _PRAAT + '0\n1.5\n"say ""yes"""\n1.5\n4\n"no"\n',
    "a.eaf": _ELAN,
    "a.Table.1.selections.txt": "Selection\tBegin Time (s)\tEnd Time (s)\tAnnotation\n1\t0.5\t2\thorn\n2\t3\t4\thorn\n",
    "a.BirdNET.results.csv": 'Start (s),End (s),Common name,File\n0.0,3.0,"Wren, old",/d/a.wav\n3.0,6.0,Robin,a.wav\n',
    "a.srt": "1\n00:00:01,000 --> 00:00:02,000\n<b>Guten</b>\nTag\n\n2\n00:00:02,000 --> 00:00:03,000\nja\n",
    "a.en.vtt": "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Ann>Tom &amp; <i>Jo</i></v>\n\n00:03.000 --> 00:04.000\nyes\n",
}


def damaged_labels(name: str, count: int) -> Iterator[bytes]:
    """Damaged versions of the label file with this name, half of them in UTF-16."""
    ways = (cut, flipped, spliced, misnamed)
    for number in range(count):
        whole = LABEL_FILES[name].encode("utf-16" if number % 2 else "utf-8")
        yield ways[number // 2 % len(ways)](whole, random.Random(number))


BOMBS: dict[str, tuple[tuple[str, ...], Callable[[], bytes]]] = {
    "dimensions.png": (PICTURE, lambda: png_bomb(100_000, 100_000)),
    "hollow.png": (PICTURE, lambda: png_bomb(9_000, 9_000)),
    "thin.png": (PICTURE, lambda: png_bomb(50_000, 1, 1)),
    "text.png": (PICTURE, png_text_bomb),
    "dimensions.jpeg": (PICTURE, lambda: patched("jpeg", b"\xff\xc0", 5, b"\xff\xdc\xff\xdc")),
    "scans.jpeg": (PICTURE, jpeg_scan_bomb),
    "dimensions.gif": (PICTURE, lambda: patched("gif", b"GIF8", 6, b"\xff\xff\xff\xff")),
    "frame.gif": (PICTURE, lambda: patched("gif", b",", 5, b"\xff\xff\xff\xff")),
    "dimensions.bmp": (PICTURE, lambda: patched("bmp", b"BM", 18, b"\xff\xff\xff\x7f\xff\xff\xff\x7f")),
    "upside.bmp": (PICTURE, lambda: patched("bmp", b"BM", 22, b"\x00\x00\x00\x80")),
    "dimensions.tiff": (PICTURE, lambda: tiff_bomb(1_000_000, 1_000_000)),
    "hollow.tiff": (PICTURE, lambda: tiff_bomb(9_000, 9_000)),
    "tile.tiff": (PICTURE, lambda: tiff_bomb(16, 16, 65_536)),
    "dimensions.webp": (PICTURE, lambda: patched("lossless.webp", b"VP8L", 9, b"\xff\xff\xff\xff")),
    "dimensions.ppm": (PICTURE, lambda: b"P6 60000 60000 255\n" + bytes(99)),
    "rows.dcm": (PICTURE, lambda: patched("dcm", struct.pack("<HH2sHH", 0x28, 0x10, b"US", 2, 48), 8, b"\xff\xff")),
    "nan.tiff": (PICTURE, nan_tiff),
    "nan.wav": (RECORDING, nan_wav),
    "hours.flac": (RECORDING, lambda: silent_flac(30)),
    "unsaid.flac": (RECORDING, lambda: silent_flac(0)),
    "channels.wav": (RECORDING, lambda: wide_wav(65_535)),
    "rate.wav": (RECORDING, lambda: wide_wav(1, rate_hz=0xFFFFFFF0)),
    "still.wav": (RECORDING, lambda: wide_wav(1, rate_hz=0)),
    "length.wav": (RECORDING, lambda: wide_wav(1, data_bytes=0x7000_0000)),
    "hours.webm": (RECORDING, long_webm),
    "empty": (MOVIE, lambda: b""),
    "one byte": (MOVIE, lambda: b"\xff"),
}


def malformed(count: int = COUNT) -> Iterator[tuple[str, tuple[str, ...], Callable[[], bytes]]]:
    """Yield (name, senses, function that makes its bytes): every bomb, then each format damaged in turn."""
    yield from ((name, senses, make) for name, (senses, make) in BOMBS.items())
    ways = (cut, flipped, spliced, sized, flipped, misnamed)
    names = list(SEEDS)
    for number in range(count - len(BOMBS)):
        name, way = names[number % len(names)], ways[number // len(names) % len(ways)]

        def make(name: str = name, way: Callable[..., bytes] = way, number: int = number) -> bytes:
            return way(seed(name), random.Random(number))

        yield f"{number}.{way.__name__}.{name}", SEEDS[name][0], make


def outcome(sense: Sense, path: Path) -> str:
    """ "read" for a valid signal, the error's words for an InputError that names the file; all else is raised."""
    from seehear.errors import InputError

    try:
        signal = sense.read(path)
    except InputError as error:
        if error.where != str(path):
            raise ValueError(f"an error that does not name {path}: {error}") from error
        return str(error)
    valid = signal.dtype == np.uint8 if sense.name == "image" else np.isfinite(signal).all()
    if not valid or not signal.size:
        raise ValueError(f"not a signal: {signal.dtype} {signal.shape}")
    return "read"


def check_agrees(sense: Sense, path: Path, words: str) -> None:
    """Raises ValueError if `check` finds what `read` does not, or the other way round; but it lets long files pass."""
    from seehear.errors import InputError

    try:
        sense.check(path)
    except InputError as error:
        if words == "read":
            raise ValueError(f"only check refuses {path}: {error}") from error
    else:
        if words != "read" and "too long" not in words:
            raise ValueError(f"check lets {path} pass: {words}")


def read_all(first: int, last: int, every: int) -> None:
    from seehear.senses import SENSES

    with TemporaryDirectory() as folder:
        for number, (name, senses, make) in enumerate(malformed()):
            if number < first or number >= last or (number - first) % every:
                continue
            path = Path(folder) / name
            path.write_bytes(make())
            for sense in senses:
                print(json.dumps({"number": number, "name": name, "sense": sense}), flush=True)
                begun_s = time.monotonic()
                words = outcome(SENSES[sense], path)
                print(json.dumps({"outcome": words, "seconds": time.monotonic() - begun_s}), flush=True)
                check_agrees(SENSES[sense], path, words)
            path.unlink()
    print(json.dumps({"resident_kib": most_resident_kib()}), flush=True)


if __name__ == "__main__":
    read_all(*map(int, sys.argv[1:4]))

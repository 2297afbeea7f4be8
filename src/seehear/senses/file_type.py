"""File types from the first bytes of a file, because its name may be wrong."""

from __future__ import annotations

HEADER_BYTES = 1024

_STARTS = (
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"fLaC", "flac"),
    (b"OggS", "ogg"),
    (b"RF64", "wav"),
    (b"BW64", "wav"),
    (b"ID3", "mp3"),
    (b"caff", "caf"),
    (b".snd", "au"),
    (b"riff\x2e\x91\xcf\x11", "w64"),
    (b"NIST_1A", "sphere"),
    (b"#!AMR", "amr"),
    (b"wvpk", "wavpack"),
    (b"\x1a\x45\xdf\xa3", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (b"FLV\x01", "flv"),
    (b"\x00\x00\x01\xba", "mpeg-ps"),
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"),
    (b"\x1f\x8b", "gzip"),
    (b"BM", "bmp"),
)
_CHUNKED = {
    b"RIFFWAVE": "wav",
    b"RIFXWAVE": "wav",
    b"RIFFAVI ": "avi",
    b"RIFFWEBP": "webp",
    b"FORMAIFF": "aiff",
    b"FORMAIFC": "aiff",
}
_MP4_BOXES = {b"moov", b"mdat", b"free", b"wide", b"skip"}
_HEIF_BRANDS = {b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}
_TS_PACKET_BYTES = 188


def detect_file_type(head: bytes) -> str:
    """The file type shown by the first HEADER_BYTES: "jpeg", "wav", "mp4", …, "text", or "unknown"."""
    for start, kind in _STARTS:
        if head.startswith(start):
            return kind
    if chunked := _CHUNKED.get(head[:4] + head[8:12]):
        return chunked
    if head[4:8] == b"ftyp":
        return _by_brand(head)
    if head[4:8] in _MP4_BOXES:
        return "mp4"
    if head[128:132] == b"DICM":
        return "dicom"
    return _by_pattern(head)


def _by_brand(head: bytes) -> str:
    """ISO/IEC 14496-12, section 4.3. With the generic image brands, the compatible brands name the codec."""
    brand, others = head[8:12], head[16 : int.from_bytes(head[:4], "big")]
    if brand in _AVIF_BRANDS or (brand in (b"mif1", b"msf1") and b"avif" in others):
        return "avif"
    return "heif" if brand in _HEIF_BRANDS else "mp4"


def describe_file_type(kind: str) -> str:
    return "a file of unknown type" if kind == "unknown" else kind


def _by_pattern(head: bytes) -> str:
    if len(head) > 2 and head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "ppm"
    if head[:1] == b"G" and head[_TS_PACKET_BYTES : _TS_PACKET_BYTES + 1] == b"G":
        return "mpeg-ts"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 in (0x02, 0x04):
        return "mp3"
    return _text(head)


def _text(head: bytes) -> str:
    try:
        words = head[: HEADER_BYTES - 4].decode("utf-8", errors="strict" if len(head) < HEADER_BYTES else "ignore")
    except UnicodeDecodeError:
        return "unknown"
    if any(not c.isprintable() and not c.isspace() for c in words):
        return "unknown"
    return "html" if words.lstrip()[:14].lower().startswith(("<!doctype html", "<html")) else "text"

"""What a file's name says it is, and which senses have use for it. The senses judge by content later."""

from __future__ import annotations

PICTURES = ("png", "jpg", "jpeg", "jpe", "jfif", "webp", "tif", "tiff", "bmp", "dib", "gif", "dcm", "dicom")
RECORDINGS = (
    *("wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "m4a", "aac", "aif", "aiff", "aifc", "au", "caf"),
    *("wma", "amr", "mka", "weba"),
)
VIDEOS = ("mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "ogv", "3gp", "wmv", "flv")
EXTENSIONS = {"picture": PICTURES, "recording": RECORDINGS, "video": VIDEOS}

SENSES = {"picture": ("image",), "recording": ("audio",), "video": ("image", "audio")}

_MEDIUM = {extension: medium for medium, extensions in EXTENSIONS.items() for extension in extensions}


def medium_of(name: str) -> str:
    """picture, recording or video; "" for a name that says none of them."""
    return _MEDIUM.get(name.rpartition(".")[2].lower(), "") if "." in name else ""

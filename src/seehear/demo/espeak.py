"""Speech synthesis: the espeak-ng library through ctypes, into memory only.

espeak-ng is GPL-3.0 and comes with the optional extra `demo`; nothing else in this package touches it.
Names and numbers are those of its public header, speak_lib.h.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seehear.errors import UsageError

RETRIEVAL, DONT_EXIT = 1, 0x8000  # pass samples to a callback; return errors instead of exiting
RATE, PITCH = 1, 3  # words per minute; 0 to 100 of the voice's range
CHARS_UTF8 = 1

_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


def speak(text: str, voice: str, *, words_per_minute: int = 175, pitch: int = 50) -> tuple[NDArray[np.int16], int]:
    """Samples (T,) and their rate in Hz. `voice` is an accent and a variant: "en-us+f3".

    Not thread-safe: the library keeps its voice in global variables.
    Raises UsageError for a voice that espeak-ng does not have, or if espeak-ng is not installed.
    """
    library, rate_hz = _library()
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise UsageError("espeak-ng has no such voice", where=voice, allowed='an accent and a variant, as "en-us+f3"')
    library.espeak_SetParameter(RATE, words_per_minute, 0)
    library.espeak_SetParameter(PITCH, pitch, 0)
    blocks: list[NDArray[np.int16]] = []

    def keep(samples: Any, count: int, _events: Any) -> int:
        if samples and count > 0:
            blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0  # continue

    callback = _Callback(keep)
    library.espeak_SetSynthCallback(callback)
    encoded = text.encode()
    library.espeak_Synth(encoded, len(encoded) + 1, 0, 0, 0, CHARS_UTF8, None, None)
    library.espeak_Synchronize()
    return np.concatenate(blocks or [np.zeros(0, np.int16)]), rate_hz


@cache
def _library() -> tuple[Any, int]:
    try:
        import espeakng_loader
    except ImportError:
        raise UsageError("espeak-ng is not installed", where="demo", hint="pip install 'seehear[demo]'") from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_SetSynthCallback.argtypes = [_Callback]
    library.espeak_Synth.argtypes = [
        *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
        *(ctypes.POINTER(ctypes.c_uint), ctypes.c_void_p),
    ]
    rate_hz = library.espeak_Initialize(RETRIEVAL, 0, str(espeakng_loader.get_data_path()).encode(), DONT_EXIT)
    if rate_hz <= 0:
        raise UsageError("espeak-ng does not start", where=espeakng_loader.get_data_path())
    return library, rate_hz

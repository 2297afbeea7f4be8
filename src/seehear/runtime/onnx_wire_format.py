"""Protobuf's wire format, field by field: https://protobuf.dev/programming-guides/encoding/."""

from __future__ import annotations

from collections.abc import Iterator

from seehear.errors import BundleError


def fields(data: memoryview) -> Iterator[tuple[int, memoryview[int] | int]]:
    """(number, value) of each field of one message. A value is a view for bytes, else an int.

    Raises BundleError for anything but protobuf.
    """
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        value: memoryview | int
        match tag & 7:
            case 0:
                value, at = _varint(data, at)
            case 1:
                value, at = int.from_bytes(data[at : at + 8], "little"), at + 8
            case 2:
                length, at = _varint(data, at)
                value, at = data[at : at + length], at + length
            case 5:
                value, at = int.from_bytes(data[at : at + 4], "little"), at + 4
            case wire:
                raise BundleError(f"it is not protobuf: wire type {wire}")
        if at > len(data):
            raise BundleError("it is not protobuf: a field goes beyond its message")
        yield tag >> 3, value


def integers(value: memoryview | int) -> Iterator[int]:
    """The int64 values in one field of a repeated number: one, or several that are packed."""
    if isinstance(value, int):
        yield _signed(value)
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield _signed(number)


def _signed(number: int) -> int:
    number &= (1 << 64) - 1
    return number - (1 << 64) if number >> 63 else number


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """The number that begins at byte `at`, with seven bits per byte, and the byte after it."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            break
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise BundleError("it is not protobuf: a number does not end")

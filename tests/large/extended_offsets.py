"""A result of more than 4 GiB: its frames can be found only by the Extended Offset Table (PS3.5 A.4, CP-1818).

    python3 tests/large/extended_offsets.py build/dcmflow

Makes an RLE object of noise, itself over 4 GiB and with such a table, transcodes it to HTJ2K, checks every offset and
length against the fragments, and lets OpenJPH decode the first, a middle and the last frame. Takes 9 GB of disk.
"""
import argparse
import mmap
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SIDE = 4096
FRAMES = 144  # of 32 MiB: 4.5 GiB
DISTINCT = 2
ITEM = struct.Struct("<HHI")


def element(group, number, vr, value):
    value += b"\0" * (len(value) % 2) if vr in (b"UI", b"OB") else b" " * (len(value) % 2)
    if vr in (b"OB", b"OV"):
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def rle(pixels):
    """Literal runs only: noise has no others. The more significant bytes come first (PS3.5 G.2)."""
    segments = []
    for plane in (pixels[1::2], pixels[0::2]):
        packed = b"".join(b"\x7f" + plane[at:at + 128] for at in range(0, len(plane), 128))
        segments.append(packed + b"\0" * (len(packed) % 2))
    offsets = [2, 64, 64 + len(segments[0])]
    return struct.pack("<16I", *offsets, *[0] * 13) + b"".join(segments)


def make_source(path):
    uid = b"1.2.826.0.1.3680043.10.1462.99"
    meta = element(2, 1, b"OB", b"\0\1") + element(2, 2, b"UI", b"1.2.840.10008.5.1.4.1.1.7.3") \
        + element(2, 3, b"UI", uid) + element(2, 0x10, b"UI", b"1.2.840.10008.1.2.5")
    us = lambda number, value: element(0x28, number, b"US", struct.pack("<H", value))
    data_set = element(8, 0x16, b"UI", b"1.2.840.10008.5.1.4.1.1.7.3") + element(8, 0x18, b"UI", uid) \
        + us(2, 1) + element(0x28, 4, b"CS", b"MONOCHROME2") + element(0x28, 8, b"IS", str(FRAMES).encode()) \
        + us(0x10, SIDE) + us(0x11, SIDE) + us(0x100, 16) + us(0x101, 16) + us(0x102, 15) + us(0x103, 0)
    source = random.Random(7)
    # 14 bits of noise: HTJ2K makes 15 of them, so the result is smaller than RLE's 16, and still over 4 GiB.
    low_bits = bytes(n & 0x3F for n in range(256))
    frames = [bytearray(source.randbytes(SIDE * SIDE * 2)) for _ in range(DISTINCT)]
    for frame in frames:
        frame[1::2] = frame[1::2].translate(low_bits)
    coded = [rle(frame) for frame in frames]
    offsets, at = [], 0
    for n in range(FRAMES):
        offsets.append(at)
        at += 8 + len(coded[n % DISTINCT])
    with path.open("wb") as out:
        out.write(b"\0" * 128 + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + data_set)
        out.write(element(0x7FE0, 1, b"OV", struct.pack(f"<{FRAMES}Q", *offsets)))
        out.write(element(0x7FE0, 2, b"OV", struct.pack(f"<{FRAMES}Q", *[len(coded[n % DISTINCT]) for n in range(FRAMES)])))
        out.write(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + ITEM.pack(0xFFFE, 0xE000, 0))
        for n in range(FRAMES):
            out.write(ITEM.pack(0xFFFE, 0xE000, len(coded[n % DISTINCT])) + coded[n % DISTINCT])
        out.write(ITEM.pack(0xFFFE, 0xE0DD, 0))
    return frames


def fragments_and_tables(data):
    """What a reader of the result finds: [(offset of the item, its value's place and length)], offsets, lengths."""
    def table(number):
        at = data.find(struct.pack("<HH2sHI", 0x7FE0, number, b"OV", 0, 8 * FRAMES), 0, 1 << 20)
        assert at >= 0, f"no (7FE0,{number:04X})"
        return struct.unpack_from(f"<{FRAMES}Q", data, at + 12)
    offsets, lengths = table(1), table(2)
    start = data.find(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF), 0, 1 << 20) + 12
    assert ITEM.unpack_from(data, start) == (0xFFFE, 0xE000, 0), "an empty Basic Offset Table beside the extended one"
    first = at = start + 8
    found = []
    while True:
        group, number, length = ITEM.unpack_from(data, at)
        if (group, number) == (0xFFFE, 0xE0DD):
            break
        found.append((at - first, at + 8, length))
        at += 8 + length
    assert at + 8 == len(data), "bytes after the last fragment"
    return found, offsets, lengths


def decode(stream, scratch):
    coded, image = scratch / "frame.j2c", scratch / "frame.pgm"
    coded.write_bytes(stream)
    subprocess.run(["ojph_expand", "-i", coded, "-o", image], check=True, stdout=subprocess.DEVNULL)
    cells = bytearray(image.read_bytes()[-SIDE * SIDE * 2:])
    cells[0::2], cells[1::2] = cells[1::2], cells[0::2]  # PGM is big endian
    return bytes(cells)


def check(dcmflow, bound, scratch):
    source, target = scratch / "source.dcm", scratch / "target.dcm"
    frames = make_source(source)
    process = subprocess.Popen([dcmflow, "recompress", source, target, "--to", "htj2k"], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    peak = usage.ru_maxrss / 1024
    assert process.returncode == 0, f"exit {process.returncode}"
    source.unlink()
    with target.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        print(f"{FRAMES} frames: {len(data) / 2**30:.2f} GiB of HTJ2K, peak resident {peak:.0f} MiB, bound {bound} MiB")
        assert len(data) > 1 << 32, "not over 4 GiB: the test tests nothing"
        assert peak < bound, "too much memory"
        found, offsets, lengths = fragments_and_tables(data)
        assert len(found) == FRAMES
        for (offset, _, length), said, bytes_said in zip(found, offsets, lengths):
            assert said == offset and 0 <= length - bytes_said <= 1, (said, offset, bytes_said, length)
        for n in (0, FRAMES // 2, FRAMES - 1):
            _, at, length = found[n]
            assert decode(data[at:at + length], scratch) == frames[n % DISTINCT], f"frame {n} differs"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dcmflow", type=os.path.abspath)
    parser.add_argument("--bound", type=int, default=512, help="MiB, with frames of 32 MiB")
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="dcmflow-large-"))
    try:
        check(arguments.dcmflow, arguments.bound, scratch)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()

"""How much memory `dcmflow recompress` takes for one large multi-frame object: frames and the bound are arguments.

    python3 tests/large/recompress_memory.py build/dcmflow --frames 2000 --bound 512

Makes the object from synthetic CT slices, transcodes it, takes the peak of resident memory from wait4, and lets GDCM
decode the result and compare the pixels of the first, a middle and the last frame.
"""
import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

SLICES = 32
FRAME = 512 * 512 * 2


def elements(data_set):
    """[(tag, whole element bytes)] of an Explicit VR LE data set; sequences in sequences have defined lengths."""
    at, found = 0, []
    while at + 8 <= len(data_set):
        group, element = struct.unpack_from("<HH", data_set, at)
        if data_set[at + 4:at + 6] in (b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF", b"OD", b"UC", b"UR", b"OL"):
            length, = struct.unpack_from("<I", data_set, at + 8)
            end = at + 12 + length
        else:
            length, = struct.unpack_from("<H", data_set, at + 6)
            end = at + 8 + length
        if length == 0xFFFFFFFF:
            end = data_set.index(struct.pack("<HHI", 0xFFFE, 0xE0DD, 0), at) + 8
        found.append(((group, element), data_set[at:end]))
        at = end
    return found


def frame_of(slices, n):
    """The slices over and over, each time with its rows turned by a few, so that no two frames are equal."""
    pixels, turn = slices[n % SLICES], (n // SLICES) % 512 * 1024
    return pixels[turn:] + pixels[:turn]


def make_object(dcmflow, folder, path, frames):
    subprocess.run([dcmflow, "send", "--synthetic", f"ct:{SLICES}", "--write", folder], check=True,
                   stderr=subprocess.DEVNULL)
    files = [p.read_bytes() for p in sorted(folder.rglob("*.dcm"))]
    group_length, = struct.unpack_from("<I", files[0], 140)
    start = 144 + group_length
    parsed = elements(files[0][start:])
    slices = [f[-FRAME:] for f in files]
    count = str(frames).encode().ljust(len(str(frames)) + len(str(frames)) % 2)
    parsed.append(((0x28, 0x08), struct.pack("<HH2sH", 0x28, 0x08, b"IS", len(count)) + count))
    with path.open("wb") as out:
        out.write(files[0][:start])
        for tag, whole in sorted(parsed):
            if tag < (0x7FE0, 0x10):
                out.write(whole)
        out.write(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, frames * FRAME))
        for n in range(frames):
            out.write(frame_of(slices, n))
    return slices


def make_flat(dcmflow, folder, path, side):
    """One frame of side x side, all cells equal: it compresses to next to nothing."""
    subprocess.run([dcmflow, "send", "--synthetic", "ct:1", "--write", folder], check=True, stderr=subprocess.DEVNULL)
    file = next(folder.rglob("*.dcm")).read_bytes()
    group_length, = struct.unpack_from("<I", file, 140)
    start = 144 + group_length
    sides = {(0x28, 0x10), (0x28, 0x11)}
    with path.open("wb") as out:
        out.write(file[:start])
        for tag, whole in elements(file[start:]):
            if tag in sides:
                whole = whole[:8] + struct.pack("<H", side)
            elif tag == (0x7FE0, 0x10):
                whole = whole[:8] + struct.pack("<I", 2 * side * side) + bytes(2 * side * side)
            out.write(whole)


def run_measured(*command):
    """(exit code, peak resident bytes)"""
    process = subprocess.Popen([str(c) for c in command], stdout=sys.stderr)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * 1024


def pixels_by_gdcm(path, scratch):
    raw = scratch / "raw.dcm"
    subprocess.run(["gdcmconv", "--raw", path, raw], check=True)
    return raw


def check(dcmflow, frames, bound, syntax, scratch):
    source = scratch / "source.dcm"
    slices = make_object(dcmflow, scratch / "slices", source, frames)
    target = scratch / "target.dcm"
    code, peak = run_measured(dcmflow, "recompress", source, target, "--to", syntax)
    assert code == 0, f"exit {code}"
    before, after = source.stat().st_size, target.stat().st_size
    print(f"{frames} frames, {before / 1e6:.0f} MB to {syntax}: {after / 1e6:.0f} MB, "
          f"peak resident {peak / 2**20:.0f} MiB, bound {bound} MiB")
    assert after < before, "kept"
    assert peak < bound << 20, "too much memory"
    source.unlink()
    raw = pixels_by_gdcm(target, scratch)
    with raw.open("rb") as file:
        for n in (0, frames // 2, frames - 1):
            file.seek(-(frames - n) * FRAME, os.SEEK_END)
            assert file.read(FRAME) == frame_of(slices, n), f"frame {n} differs"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dcmflow", type=os.path.abspath)
    parser.add_argument("--frames", type=int, default=2000)
    parser.add_argument("--bound", type=int, default=512, help="MiB")
    parser.add_argument("--to", default="jpeg-ls")
    arguments = parser.parse_args()
    scratch = Path(tempfile.mkdtemp(prefix="dcmflow-large-"))
    try:
        check(arguments.dcmflow, arguments.frames, arguments.bound, arguments.to, scratch)
    finally:
        shutil.rmtree(scratch)


if __name__ == "__main__":
    main()

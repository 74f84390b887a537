#!/usr/bin/env python3
"""make_seeds.py REPLAYER FOLDER: seeds for the fuzz targets, a folder each.

Small ones that REPLAYER (fuzz_regressions) makes with our own codecs, the inputs kept in regressions/, and, where the
corpus is present (DCMFLOW_CORPUS, else ../shared/corpus), small files of it taken apart. FOLDER is a build folder:
nothing of the corpus is ever committed.
"""
import hashlib
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
MAX_FILE = 300_000  # files larger than that are not looked at
MAX_SEED = 48_000

# As in data_set_input.h.
NATIVE = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99"]
ALL = NATIVE + ["1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.201",
                "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.50",
                "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.57"]
TARGETS_OF_TRANSCODE = [0, 1, 4, 5, 6, 7]
DECODERS = {"1.2.840.10008.1.2.4.80": "jpeg_ls", "1.2.840.10008.1.2.4.81": "jpeg_ls_near",
            "1.2.840.10008.1.2.4.90": "jpeg2000", "1.2.840.10008.1.2.4.91": "jpeg2000_lossy",
            "1.2.840.10008.1.2.4.201": "htj2k", "1.2.840.10008.1.2.4.202": "htj2k_rpcl",
            "1.2.840.10008.1.2.4.203": "htj2k_lossy", "1.2.840.10008.1.2.4.50": "jpeg_baseline",
            "1.2.840.10008.1.2.4.51": "jpeg_extended", "1.2.840.10008.1.2.4.70": "jpeg_lossless",
            "1.2.840.10008.1.2.4.57": "jpeg_lossless_57", "1.2.840.10008.1.2.5": "rle",
            "1.2.840.10008.1.2.8.1": "deflated_frame"}
# As in decoder_input.h.
SAMPLES = [1, 3, 4]
ALLOCATED = [8, 16, 1, 32, 64]
PHOTOMETRIC = ["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420",
               "YBR_ICT", "YBR_RCT"]
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}


class Seeds:
    def __init__(self, folder):
        self.folder = folder
        self.counts = {}

    def add(self, target, data):
        if len(data) > MAX_SEED:
            return
        folder = self.folder / target
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ("corpus-" + hashlib.sha1(data).hexdigest()[:16])).write_bytes(data)
        self.counts[target] = self.counts.get(target, 0) + 1


def elements(data, at, end):
    """Top-level elements of an Explicit VR LE data set: (tag, value); stops at the first oddity."""
    while at + 8 <= end:
        group, element = struct.unpack_from("<HH", data, at)
        vr = data[at + 4:at + 6]
        if vr in LONG:
            if at + 12 > end:
                return
            length, start = struct.unpack_from("<I", data, at + 8)[0], at + 12
        else:
            length, start = struct.unpack_from("<H", data, at + 6)[0], at + 8
        tag = group << 16 | element
        if length == 0xFFFFFFFF:
            if tag != 0x7FE00010:
                close = data.find(b"\xfe\xff\xdd\xe0\0\0\0\0", start)  # good enough for a seed
                if close < 0:
                    return
                at = close + 8
                continue
            yield tag, data[start:end]
            return
        yield tag, data[start:start + length]
        at = start + length


def fragments_of(value):
    found, at = [], 0
    while at + 8 <= len(value) and value[at:at + 4] == b"\xfe\xff\x00\xe0":
        length = struct.unpack_from("<I", value, at + 4)[0]
        found.append(value[at + 8:at + 8 + length])
        at += 8 + length
    return found, at


def number(header, tag, default=0):
    value = header.get(tag, b"")
    return struct.unpack_from("<H", value)[0] if len(value) >= 2 else default


def format_bytes(header):
    """The eight bytes of decoder_input.h; None if the header is none that a decoder is given."""
    samples, allocated = number(header, 0x00280002), number(header, 0x00280100)
    photometric = header.get(0x00280004, b"").strip(b" \0").decode("ascii", "replace")
    if samples not in SAMPLES or allocated not in ALLOCATED:
        return None
    flags = SAMPLES.index(samples) | ALLOCATED.index(allocated) << 2
    flags |= 0x20 if number(header, 0x00280103) else 0
    colour = PHOTOMETRIC.index(photometric) if photometric in PHOTOMETRIC else len(PHOTOMETRIC)
    return struct.pack("<HHBBBB", number(header, 0x00280010), number(header, 0x00280011), flags,
                       number(header, 0x00280101) & 0xFF, number(header, 0x00280102) & 0xFF, colour)


def take_encapsulated(seeds, data, start, syntax):
    header = dict(elements(data, start, len(data)))
    pixels = header.get(0x7FE00010)
    if pixels is None:
        return
    items, end = fragments_of(pixels)
    frames = int((header.get(0x00280008, b"").strip(b" \0") or b"1").decode("ascii", "replace") or 1)
    table = header.get(0x7FE00001, b"")
    if frames < 0x10000 and len(table) <= 512:
        seeds.add("fragments", struct.pack("<HH", frames, len(table)) + table + header.get(0x7FE00002, b"") + pixels[:end])
    shape = format_bytes(header)
    if shape is None or syntax not in DECODERS:
        return
    streams = items[1:] if len(items) - 1 == frames else [b"".join(items[1:])] if frames == 1 else []
    for stream in streams[:3]:
        seeds.add("decoder_" + DECODERS[syntax], shape + stream)


def take_file(seeds, path):
    data = path.read_bytes()
    if data[128:132] != b"DICM":
        return
    seeds.add("part10", data[:2000])
    meta = {}
    at = 132
    while data[at:at + 2] == b"\x02\0":
        tag = struct.unpack_from("<HH", data, at)
        if data[at + 4:at + 6] in LONG:
            length, value = struct.unpack_from("<I", data, at + 8)[0], at + 12
        else:
            length, value = struct.unpack_from("<H", data, at + 6)[0], at + 8
        meta[tag] = data[value:value + length]
        at = value + length
    syntax = meta.get((2, 0x10), b"").strip(b" \0").decode("ascii", "replace")
    body = data[at:]
    if syntax in NATIVE:
        seeds.add("data_set", bytes([NATIVE.index(syntax)]) + body)
    else:
        seeds.add("data_set", b"\0" + body)
        take_encapsulated(seeds, data, at, syntax)
    if syntax in ALL:
        target = TARGETS_OF_TRANSCODE[len(data) % len(TARGETS_OF_TRANSCODE)]
        seeds.add("transcode", bytes([ALL.index(syntax), target]) + body)


def take_configs(seeds):
    for path in sorted((ROOT / "packaging").glob("*.yaml")):
        seeds.add("config", path.read_bytes())
    for page in sorted((ROOT / "docs").glob("*.md")):
        for block in page.read_text(encoding="utf-8").split("```yaml\n")[1:]:
            seeds.add("config", block.split("```")[0].encode())


def main():
    replayer, folder = sys.argv[1], Path(sys.argv[2])
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run([replayer, "--write-seeds", str(folder)], check=True)
    for kept in sorted((HERE / "regressions").glob("*/*")):
        (folder / kept.parent.name).mkdir(exist_ok=True)
        shutil.copy(kept, folder / kept.parent.name / ("kept-" + kept.name))
    seeds = Seeds(folder)
    take_configs(seeds)
    corpus = Path(os.environ.get("DCMFLOW_CORPUS") or ROOT.parent / "shared" / "corpus")
    if not corpus.is_dir():
        print("make_seeds: no corpus, only our own seeds", file=sys.stderr)
        return
    for path in sorted(corpus.rglob("*")):
        if path.is_file() and 140 < path.stat().st_size <= MAX_FILE:
            try:
                take_file(seeds, path)
            except (struct.error, ValueError, IndexError):
                continue  # an odd file: the targets get odd ones anyway
    print("make_seeds: of the corpus: " + ", ".join(f"{n} {k}" for k, n in sorted(seeds.counts.items())), file=sys.stderr)


if __name__ == "__main__":
    main()

"""The judge itself: a right result is acquitted, every kind of wrong one is found. Run before the corpus."""
import importlib.util
import json
import re
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

missing = [name for name in ("numpy", "pydicom", "xxhash") if importlib.util.find_spec(name) is None]
if missing:
    print(f"skipped: no {', '.join(missing)} (packaging/packages-test.txt)")
    sys.exit(77)

import numpy as np

import pixels
import recompress
import tables
from elements import File, compare
from verdict import KEPT, TARGETS, Court, Verdict

EXPLICIT = TARGETS["explicit-le"]


def element(group, number, vr, value):
    value += (b" " if vr in (b"CS", b"LO", b"IS") else b"\0") * (len(value) % 2)
    if vr in (b"OB", b"OW", b"SQ", b"UN"):
        return struct.pack("<HH2sHI", group, number, vr, 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr, len(value)) + value


def us(group, number, value):
    return element(group, number, b"US", struct.pack("<H", value))


def image(cells, private=b"\1\2\3", nested=b"inner", group_length=None, stored=12):
    """An explicit little endian object with private, unknown and nested elements around 16-bit cells."""
    rows, columns = cells.shape
    sop = b"1.2.840.10008.5.1.4.1.1.7"
    meta = b"".join([element(2, 1, b"OB", b"\0\1"), element(2, 2, b"UI", sop), element(2, 3, b"UI", b"1.2.3"),
                     element(2, 0x10, b"UI", EXPLICIT.encode()), element(2, 0x12, b"UI", b"1.2.3.4")])
    item = element(8, 0x1155, b"UI", b"1.2") + element(9, 0x10, b"LO", nested)
    item = struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item
    pixel_module = us(0x28, 2, 1) + element(0x28, 4, b"CS", b"MONOCHROME2") + us(0x28, 0x10, rows)
    pixel_module += us(0x28, 0x11, columns) + us(0x28, 0x100, 16) + us(0x28, 0x101, stored)
    pixel_module += us(0x28, 0x102, stored - 1) + us(0x28, 0x103, 0)
    if group_length is not None:
        pixel_module = element(0x28, 0, b"UL", struct.pack("<I", group_length)) + pixel_module
    body = element(8, 0x16, b"UI", sop) + element(8, 0x18, b"UI", b"1.2.3") + element(8, 0x1115, b"SQ", item)
    body += element(9, 0x10, b"LO", b"ME") + element(9, 0x1001, b"UN", private) + pixel_module
    body += element(0x7FE0, 0x10, b"OW", cells.astype("<u2").tobytes())
    return b"\0" * 128 + b"DICM" + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + body


def encapsulate(native, syntax, stream, table=None):
    """The same object with Pixel Data replaced, byte by byte; nothing else changes."""
    file = File(native)
    old = file.get(0x7FE0, 0x10)
    stream += b"\0" * (len(stream) % 2)
    value = struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)
    table = struct.pack("<I", 0) if table is None else table
    for part in (table, stream):
        value += struct.pack("<HHI", 0xFFFE, 0xE000, len(part)) + part
    value += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    meta = b"".join(element(2, 0x10, b"UI", syntax.encode()) if e.tag == (2, 0x10) else bytes(e.raw)
                    for e in file.meta if e.tag != (2, 0))
    return native[:132] + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + \
        native[file.start:old.start] + value


def noise(seed=1, most=4096):
    return np.random.default_rng(seed).integers(0, most, (24, 40))


class JudgeTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = Path(scratch.name)
        (self.folder / "source").mkdir()
        (self.folder / "out").mkdir()

    def judge(self, before, after, target, **line):
        (self.folder / "source" / "a.dcm").write_bytes(before)
        (self.folder / "out" / "a.dcm").write_bytes(after)
        said = {"status": "compressed", "bytes_in": len(before), "bytes_out": len(after), "verified": True,
                "pixel_digest": pixels.xxhash.xxh3_128_hexdigest(bytes(File(before).get(0x7FE0, 0x10).value)), **line}
        return Court(self.folder / "source", self.folder).judge(self.folder / "out", target, "a.dcm", said)

    def assert_found(self, verdict, text):
        self.assertTrue(any(text in p for p in verdict.problems), f"{text!r} not in {verdict.problems}")

    def rle(self, cells):
        """One run of literals per byte plane, as PS3.5 G wants it."""
        planes = [(cells >> 8).astype("u1"), (cells & 255).astype("u1")]
        segments = []
        for plane in planes:
            segment = b"".join(bytes([len(row) - 1]) + row.tobytes() for row in plane)
            segments.append(segment + b"\0" * (len(segment) % 2))
        return struct.pack("<16I", 2, 64, 64 + len(segments[0]), *[0] * 13) + b"".join(segments)

    def coded(self, cells=None, **changes):
        cells = noise() if cells is None else cells
        return encapsulate(image(cells, **changes), TARGETS["rle"], self.rle(cells))

    def htj2k(self, cells, *options):
        source, target = self.folder / "a.pgm", self.folder / "a.j2c"
        source.write_bytes(f"P5\n{cells.shape[1]} {cells.shape[0]}\n4095\n".encode() + cells.astype(">u2").tobytes())
        subprocess.run(["ojph_compress", "-i", source, "-o", target, "-reversible", "true", *options], check=True,
                       stdout=subprocess.DEVNULL)
        return target.read_bytes()

    def test_a_right_result_is_acquitted(self):
        verdict = self.judge(image(noise()), self.coded(), "rle")
        self.assertEqual(verdict.problems, [])
        self.assertEqual((verdict.judge, verdict.second, verdict.unjudged), ("dcmdrle", "gdcmconv", ""))

    def test_one_pixel_off_by_one(self):
        cells = noise()
        cells[23, 39] ^= 1
        self.assert_found(self.judge(image(noise()), self.coded(cells), "rle"), "WRONG PIXELS")

    def test_a_lost_bit_above_bits_stored(self):
        dirty = noise()
        dirty[0, 0] |= 0x8000
        verdict = self.judge(image(dirty), encapsulate(image(dirty), TARGETS["rle"], self.rle(dirty & 0xFFF)), "rle")
        self.assert_found(verdict, "WRONG PIXELS")

    def test_a_wrong_digest_or_none(self):
        self.assert_found(self.judge(image(noise()), self.coded(), "rle", pixel_digest="00"), "pixel_digest 00")
        self.assert_found(self.judge(image(noise()), self.coded(), "rle", pixel_digest=""), "no pixel_digest")

    def test_not_verified(self):
        self.assert_found(self.judge(image(noise()), self.coded(), "rle", verified=False), "verified")

    def test_a_private_element_changed(self):
        self.assert_found(self.judge(image(noise()), self.coded(private=b"\1\2\4"), "rle"), "(0009,1001)")

    def test_a_nested_private_element_changed(self):
        self.assert_found(self.judge(image(noise()), self.coded(nested=b"outer"), "rle"), "(0008,1115)[0].(0009,0010)")

    def test_an_element_came_or_went(self):
        self.assert_found(self.judge(image(noise()), self.coded(group_length=0), "rle"), "new ['(0028,0000)']")
        self.assert_found(self.judge(image(noise(), group_length=0), self.coded(), "rle"), "gone ['(0028,0000)']")

    def test_bits_stored_is_not_ours_to_change(self):
        self.assert_found(self.judge(image(noise()), self.coded(stored=16), "rle"), "(0028,0101)")

    def test_another_syntax_than_asked_for(self):
        self.assert_found(self.judge(image(noise()), self.coded(), "jpeg-ls"), "the result is in 1.2.840.10008.1.2.5")

    def test_fragments_and_offset_table(self):
        made = encapsulate(image(noise()), TARGETS["rle"], self.rle(noise()), struct.pack("<I", 8))
        self.assert_found(self.judge(image(noise()), made, "rle"), "Basic Offset Table")

    def test_kept_and_copied_must_be_the_same_bytes_for_a_reason(self):
        native = image(noise())
        kept = {"status": "kept", "reason": "incompressible"}
        self.assertEqual(self.judge(native, native, "rle", **kept).problems, [])
        self.assert_found(self.judge(native, native[:-2] + b"\0\0", "rle", **kept), "not the original's")
        self.assert_found(self.judge(native, native, "rle", status="kept", reason="tired"), "closed list")
        self.assert_found(self.judge(native, native, "rle", status="kept", reason="verify_failed"), "closed list")
        for target in ("rle", "auto"):
            self.assert_found(self.judge(native, native, target, status="kept", reason="same_syntax"), "same_syntax")
        self.assertEqual(self.judge(native, native, "explicit-le", status="kept", reason="same_syntax").problems, [])

    def test_the_closed_list_is_that_of_the_transcoder(self):
        header = Path(__file__).resolve().parents[2] / "pipeline" / "dicom" / "transcode.h"
        body = re.search(r"enum class TranscodeReason[^{]*\{(.*?)\}", header.read_text(), re.S).group(1)
        reasons = set(re.findall(r"^ *([a-z_]+),", body, re.M))
        # No reason to keep anything: done, a bug, a full disk.
        self.assertEqual(reasons - KEPT, {"ok", "verify_failed", "write_failed", "internal"})

    def test_sizes_are_as_reported(self):
        self.assert_found(self.judge(image(noise()), self.coded(), "rle", bytes_out=1), "bytes_out 1 reported")

    def test_htj2k_rpcl_has_its_constraints(self):
        cells = noise()
        plain = self.htj2k(cells, "-prog_order", "LRCP", "-num_decomps", "2")
        verdict = self.judge(image(cells), encapsulate(image(cells), TARGETS["htj2k-rpcl"], plain), "htj2k-rpcl")
        self.assert_found(verdict, "progression order 0")
        self.assert_found(verdict, "no TLM")
        self.assertEqual((verdict.judge, verdict.second), ("ojph_expand", "grk_decompress"))
        self.assertEqual([p for p in verdict.problems if "rpcl" not in p], [])

    def test_implicit_is_compared_value_by_value(self):
        native = File(image(noise()))
        self.assertEqual(compare(native, File(self.implicit(image(noise())))), [])
        found = compare(native, File(self.implicit(image(noise(), private=b"\1\2\4"))))
        self.assertTrue(any("(0009,1001)" in p for p in found), found)

    def implicit(self, native):
        source, target = self.folder / "e.dcm", self.folder / "i.dcm"
        source.write_bytes(native)
        subprocess.run(["dcmconv", "+ti", "+e", source, target], check=True)
        made = File(target.read_bytes())
        meta = b"".join(bytes(e.raw) for e in File(native).meta if e.tag not in ((2, 0), (2, 0x10)))
        meta = element(2, 0x10, b"UI", TARGETS["implicit-le"].encode()) + meta
        return native[:132] + element(2, 0, b"UL", struct.pack("<I", len(meta))) + meta + made.data.bytes[made.start:]

    def test_a_round_trip_that_is_none(self):
        cells = noise()
        cells[5, 5] ^= 1
        (self.folder / "source" / "a.dcm").write_bytes(image(noise()))
        (self.folder / "out" / "a.dcm").write_bytes(image(cells))
        court = Court(self.folder / "source", self.folder)
        line = {"status": "compressed", "pixel_digest": "1"}
        found = court.judge_round_trip(self.folder / "out", "a.dcm", line, {**line, "pixel_digest": "2"})
        self.assertTrue(any("Pixel Data" in p for p in found), found)
        self.assertTrue(any("pixel_digest" in p for p in found), found)
        (self.folder / "out" / "a.dcm").write_bytes(image(noise()))
        self.assertEqual(court.judge_round_trip(self.folder / "out", "a.dcm", line, line), [])

    def test_the_report_must_add_up(self):
        source, out, report = self.folder / "source", self.folder / "out", self.folder / "report"
        for path in (source / "a", source / "b", out / "a", out / "c"):
            path.write_bytes(b"")
        report.write_text("".join(json.dumps({"path": p}) + "\n" for p in (str(source / "a"), "a", "d")))
        run = recompress.Run()
        recompress.read_report(run, source, report, "rle")
        recompress.compare_folders(run, source, out, "rle")
        self.assertEqual(run.problems, ["rle: a is reported twice", "rle: b is not in the report",
                                        "rle: d is in the report, not in the source", "rle: b has no result",
                                        "rle: c came out of nothing"])

    def test_auto_may_be_one_per_cent_larger(self):
        def verdicts(auto):
            return [Verdict("x/CT1_UNC", t, bytes_in=4000, bytes_out=s)
                    for t, s in (("rle", 1500), ("jpeg-ls", 1000), ("auto", auto))]
        self.assertEqual(tables.sizes(verdicts(1010))[1], [])
        self.assertEqual(len(tables.sizes(verdicts(1011))[1]), 1)


if __name__ == "__main__":
    unittest.main()

"""Judges one result of `dcmflow recompress`: a source file, what became of it, and the report's line about it."""
import hashlib
import json
import os
import struct
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import pixels
from elements import NATIVE, PIXELS, File, Malformed, compare
from judges import Judges
from pixels import (HTJ2K, HTJ2K_LOSSY, HTJ2K_RPCL, JPEG2000, JPEG2000_LOSSY, JPEG_LOSSY, JPEG_LS, JPEG_LS_NEAR, RLE,
                    Geometry, Unreadable)

TARGETS = {"jpeg-ls": JPEG_LS, "jpeg2000": JPEG2000, "htj2k": HTJ2K, "htj2k-rpcl": HTJ2K_RPCL, "rle": RLE,
           "explicit-le": "1.2.840.10008.1.2.1", "implicit-le": "1.2.840.10008.1.2",
           "deflated": "1.2.840.10008.1.2.1.99"}
CODED = {JPEG_LS, JPEG2000, HTJ2K, HTJ2K_RPCL, RLE}
# The closed lists: why an object stays as it is (TranscodeReason, ScanFault), why a file is no object for us.
KEPT = {"same_syntax", "not_image", "unsupported_source", "unsupported_target", "lossy_source", "dirty_bits",
        "float_pixels", "bad_pixel_header", "pixel_length", "frame_count", "frame_too_large", "corrupt_stream",
        "decoder_died", "decoder_unavailable", "stream_mismatch", "incompressible", "signed_object", "nested_pixels", "unknown_vr", "limits",
        "truncated", "bad_length", "bad_vr", "too_deep", "too_many_elements", "element_too_large",
        "object_too_large", "bad_sequence", "bad_fragments", "bad_group", "bad_uid", "bad_deflate", "bad_file_meta"}
COPIED = {"not_dicom", "dicomdir", "symlink"}


@dataclass
class Verdict:
    path: str
    target: str
    status: str = ""
    reason: str = ""
    problems: list = field(default_factory=list)
    judge: str = ""           # who decoded the result; "bytes" where nothing is coded
    second: str = ""          # another decoder that agreed, or why there is none
    unjudged: str = ""        # why nobody could decode the source or the result
    bytes_in: int = 0
    bytes_out: int = 0
    syntax_out: str = ""
    digest: str = ""          # what the report says
    native: str = ""          # the source's syntax if it is native little endian and was coded


class Court:
    """One per process. Decodings are kept by the content of the file: `auto` often equals another target."""

    def __init__(self, source, work):
        self.source, self.work = Path(source), Path(work)
        self.judges = Judges(self.work)
        self.cache = self.work / "decoded"
        self.cache.mkdir(parents=True, exist_ok=True)

    def judge(self, out, target, path, line):
        verdict = Verdict(path, target, line.get("status", ""), line.get("reason", ""))
        try:
            self.check(Path(out), line, verdict)
        except Exception:  # a judge that stumbles has not acquitted anybody
            verdict.problems.append("the judge failed: " + traceback.format_exc(limit=-3))
        return verdict

    def check(self, out, line, v):
        before, after = (self.source / v.path).read_bytes(), (out / v.path).read_bytes()
        v.bytes_in, v.bytes_out = len(before), len(after)
        v.digest = line.get("pixel_digest", "")
        for key, size in (("bytes_in", len(before)), ("bytes_out", len(after))):
            if line.get(key) != size:
                v.problems.append(f"{key} {line.get(key)} reported, {size} found")
        if v.status in ("kept", "copied"):
            if before != after:
                v.problems.append(f"{v.status}, but the bytes are not the original's")
            if v.reason not in (KEPT if v.status == "kept" else COPIED):
                v.problems.append(f"{v.status} for the reason {v.reason!r}, which is not in the closed list")
            if v.reason == "same_syntax":
                self.check_same_syntax(before, v)
        elif v.status == "compressed":
            self.check_transcoded(before, after, out, line, v)
        else:
            v.problems.append(f"status {v.status!r} {line.get('error', '')!r}")

    @staticmethod
    def check_same_syntax(before, v):
        """A reason must be true: in the target's syntax already, or in one that `auto` chooses from."""
        try:
            syntax = File(before).syntax
        except Malformed:
            return  # told before the data set was read
        if syntax not in (CODED if v.target == "auto" else {TARGETS[v.target]}):
            v.problems.append(f"kept as same_syntax, but it is in {syntax}")

    def check_transcoded(self, before, after, out, line, v):
        try:
            a = File(before)
        except Malformed as error:
            v.problems.append(f"transcoded, though the source cannot be read: {error}")
            return
        try:
            b = File(after)
        except Malformed as error:
            v.problems.append(f"the result cannot be read: {error}")
            return
        v.syntax_out = b.syntax
        expected = CODED | {TARGETS["deflated"]} if v.target == "auto" else {TARGETS[v.target]}
        if b.syntax not in expected:
            v.problems.append(f"the result is in {b.syntax}")
        if v.reason not in ("", "ok"):
            v.problems.append(f"compressed, with the reason {v.reason!r}")
        v.problems += compare(a, b)
        if a.get(0x7FE0, 0x10) is None or (a.syntax in NATIVE and b.syntax in NATIVE):
            v.judge = "bytes"  # compare() has seen every value
            return
        self.check_pixels(a, b, before, after, out, line, v)

    def check_pixels(self, a, b, before, after, out, line, v):
        v.problems += lossy(a)
        if b.syntax in CODED:
            v.problems += pixels.check_encapsulation(b, b.number(0x28, 8) or 1)
            if line.get("verified") is not True:
                v.problems.append("coded, but not reported as verified")
        if b.syntax == HTJ2K_RPCL:
            v.problems += rpcl(b)
        if a.syntax in ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1") and b.syntax in CODED:
            v.native = a.syntax
        source = self.decoded(before, self.source / v.path, a)
        result = self.decoded(after, out / v.path, b)
        unread = source.get("unreadable") or result.get("unreadable")
        if unread:
            v.unjudged = ("source: " if source.get("unreadable") else "result: ") + unread
            v.problems.append("transcoded, and no judge can tell whether rightly: " + v.unjudged)
            return
        v.judge, v.second = result["judge"], result["second"]
        truths = {source["digest"]} | ({source["other"]} if source["other"] else set())
        if result["digest"] not in truths:
            v.problems.append(f"WRONG PIXELS: {source['judge']} of the source and {result['judge']} of the result "
                              f"differ")
        if result["other"] and result["other"] not in truths:
            v.problems.append(f"{result['second']} reads other pixels than {result['judge']}")
        if v.digest and Geometry.of(b).allocated >= 8 and v.digest != result["digest"]:
            v.problems.append(f"pixel_digest {v.digest} reported, {result['digest']} of what {result['judge']} reads")
        if not v.digest:
            v.problems.append("coded, but no pixel_digest in the report")

    def decoded(self, raw, path, file):
        """{digest, other (second judge's, if it differs), judge, second} or {unreadable}."""
        kept = self.cache / hashlib.sha256(raw).hexdigest()
        if kept.exists():
            return json.loads(kept.read_text())
        try:
            first, second = self.judges.decode(path, file)
            answer = {"digest": first.digest, "judge": first.judge, "other": "",
                      "second": second if isinstance(second, str) else second.judge}
            if not isinstance(second, str) and second.bytes != first.bytes and \
                    second.judge == "gdcmconv" and pixels.same_stored_bits(first, second, Geometry.of(file)):
                answer["second"] = "GDCM drops unused bits"
            elif not isinstance(second, str) and second.bytes != first.bytes:
                answer["other"] = second.digest
        except Unreadable as error:
            answer = {"unreadable": str(error)}
        temporary = kept.with_suffix(f".{os.getpid()}")
        temporary.write_text(json.dumps(answer))
        temporary.rename(kept)
        return answer

    def judge_round_trip(self, back, path, first, second):
        """native → coded → native: `first` and `second` are the lines of the two reports."""
        try:
            return [f"round trip: {p}" for p in self.check_round_trip(back, path, first, second)]
        except Exception:
            return ["round trip: the judge failed: " + traceback.format_exc(limit=-3)]

    def check_round_trip(self, back, path, first, second):
        if second.get("status") != "compressed":
            return [f"back to native: {second.get('status')} {second.get('reason')}"]
        a, b = File((self.source / path).read_bytes()), File((Path(back) / path).read_bytes())
        problems = compare(a, b, skip=PIXELS | {(0x28, 6)}) + check_native_pixels(a, b)
        if first.get("pixel_digest") != second.get("pixel_digest"):
            problems.append(f"pixel_digest {first.get('pixel_digest')} became {second.get('pixel_digest')}")
        return problems


def check_native_pixels(a, b):
    """Pixel Data byte for byte. Its VR may be OB or OW; odd Pixel Data, which no writer may make, gets its pad byte;
    colour by plane comes back by pixel (codecs.md §4, 7)."""
    before, after = bytes(a.get(0x7FE0, 0x10).value), bytes(b.get(0x7FE0, 0x10).value)
    planes, now = a.number(0x28, 6), b.number(0x28, 6)
    if planes == 1 and now == 0:
        before = pixels.by_pixel(before, Geometry.of(a))
    elif planes != now:
        return [f"Planar Configuration {planes} became {now}"]
    if before != after and before + b"\0" * (len(before) % 2) != after:
        at = next((i for i, (p, q) in enumerate(zip(before, after)) if p != q), min(len(before), len(after)))
        return [f"Pixel Data of {len(before)} bytes became {len(after)}, different from byte {at} on"]
    return []


def lossy(file):
    """Lossy sources are never re-encoded (design §6)."""
    if file.syntax in JPEG_LOSSY:
        return ["a lossy JPEG was decoded"]
    try:
        stream = pixels.frame_streams(file, file.number(0x28, 8) or 1)[0]
        if file.syntax == JPEG_LS_NEAR and pixels.jpeg_ls_header(stream)[1] != 0:
            return ["a near-lossless JPEG-LS was decoded"]
        if file.syntax in (JPEG2000_LOSSY, HTJ2K_LOSSY) and not pixels.is_reversible(stream):
            return ["an irreversible JPEG 2000 was decoded"]
    except (Unreadable, Malformed):
        pass  # native, or unreadable: said elsewhere
    return []


def rpcl(file):
    """PS3.5 10.18: progression RPCL, a resolution of at most 64 rows or columns, TLM in the main header."""
    out = []
    for stream in pixels.frame_streams(file, file.number(0x28, 8) or 1):
        at, progression, levels, tlm = 2, None, None, False
        width, height, x0, y0 = struct.unpack(">4I", stream[8:24])
        while at + 4 <= len(stream) and stream[at:at + 2] != b"\xff\x90":
            if stream[at + 1] == 0x52:
                progression, levels = stream[at + 5], stream[at + 9]
            tlm = tlm or stream[at + 1] == 0x55
            at += 2 + struct.unpack(">H", stream[at + 2:at + 4])[0]
        if progression != 2:
            out.append(f"htj2k-rpcl: progression order {progression}")
        if not tlm:
            out.append("htj2k-rpcl: no TLM marker")
        if levels is None or min(width - x0, height - y0) > 64 << levels:
            out.append(f"htj2k-rpcl: {levels} decompositions of {width - x0}x{height - y0}")
    return out[:3]

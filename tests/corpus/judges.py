"""Decoders that dcmflow does not verify with, first judge and second:
  JPEG-LS        dcmdjpls (DCMTK's own CharLS 1.x; dcmflow verifies with CharLS 2.4)      jpegls.py where small, gdcmconv
  JPEG 2000      grk_decompress (Grok; dcmflow verifies with OpenJPEG)                    gdcmconv
  HTJ2K          ojph_expand (OpenJPH; dcmflow verifies with OpenJPEG)                    grk_decompress
  RLE            dcmdrle (DCMTK)                                                          gdcmconv
  JPEG lossless  dcmdjpeg (DCMTK)                                                         gdcmconv
  deflated image frame   Python's zlib                                                    none
Frames are taken out of their fragments by code of this file, except where a tool reads the object itself.
"""
import os
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np

import jpegls
from elements import NATIVE, File, Malformed
from pixels import (DEFLATED_FRAME, HTJ2K, HTJ2K_LOSSY, HTJ2K_RPCL, JPEG2000, JPEG2000_LOSSY, JPEG_LOSSLESS, JPEG_LS,
                    JPEG_LS_NEAR, RLE, Geometry, Pixels, Unreadable, codestream, extend, frame_streams, jpeg_ls_header,
                    jpeg_precision, native_value, normalise)

PATIENCE = 120
SMALL = 70_000  # samples that the decoder in Python may take


def run(*command):
    try:
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE)
    except subprocess.TimeoutExpired as error:
        raise Unreadable(f"{command[0]} did not end") from error
    if done.returncode != 0:
        last = done.stdout.decode("latin-1").strip().splitlines()[-1:] or [""]
        raise Unreadable(f"{command[0]} exited {done.returncode}: {last[0][:120]}")
    return done


def read_made(path, geometry, precision, judge):
    """What a tool wrote as a native file. Its header is believed for its own layout only."""
    if not path.exists():
        raise Unreadable(f"{judge} wrote nothing")
    try:
        file = File(path.read_bytes())
        made = Geometry.of(file)
    except Malformed as error:
        raise Unreadable(f"{judge} wrote no file that can be read: {error}") from error
    finally:
        path.unlink()
    if (made.rows, made.columns, made.samples, made.allocated, made.frames) != \
            (geometry.rows, geometry.columns, geometry.samples, geometry.allocated, geometry.frames):
        raise Unreadable(f"{judge} made another shape: {made}")
    return normalise(native_value(file, made), plain(geometry), made.planar, precision, judge)


def plain(geometry):
    """Decoded frames are not subsampled any more."""
    if not geometry.subsampled:
        return geometry
    return Geometry(**{**geometry.__dict__, "photometric": "YBR_FULL"})


class Judges:
    """Decodes files with other people's tools, in a scratch folder of its own (one per process)."""

    def __init__(self, scratch):
        self.scratch = Path(scratch) / f"judge-{os.getpid()}"
        self.scratch.mkdir(parents=True, exist_ok=True)

    def decode(self, path, file=None):
        """(Pixels by the first judge, Pixels by the second or the reason why there is none)."""
        file = file or File(Path(path).read_bytes())
        geometry, syntax = Geometry.of(file), file.syntax
        if syntax in NATIVE:
            return normalise(native_value(file, geometry), geometry, geometry.planar, None, "bytes"), "native"
        if syntax in (JPEG_LS, JPEG_LS_NEAR):
            return self.jpeg_ls(path, file, geometry)
        if syntax in (JPEG2000, JPEG2000_LOSSY):
            return self.first_of(lambda: self.grok(file, geometry), lambda: self.gdcm_or_raise(path, geometry, None))
        if syntax in (HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY):
            return self.first_of(lambda: self.openjph(file, geometry), lambda: self.grok(file, geometry))
        if syntax == RLE and geometry.allocated == 1:
            return self.own_rle(file, geometry), "none reads 1 bit"
        if syntax == RLE:
            return self.first_of(lambda: self.dcmtk("dcmdrle", [], path, geometry, None),
                                 lambda: self.gdcm_or_raise(path, geometry, None))
        if syntax in JPEG_LOSSLESS:
            precision = jpeg_precision(frame_streams(file, geometry.frames)[0])
            return self.first_of(lambda: self.dcmtk("dcmdjpeg", ["+cn"], path, geometry, precision),
                                 lambda: self.gdcm_or_raise(path, geometry, precision))
        if syntax == DEFLATED_FRAME:
            return self.deflated_frames(file, geometry), "none reads it"
        raise Unreadable(f"no judge for {syntax}")

    @staticmethod
    def first_of(first, second):
        """Both; where the first cannot read, the second is the judge."""
        try:
            verdict = first()
        except Unreadable as error:
            return second(), str(error)
        try:
            return verdict, second()
        except Unreadable as error:
            return verdict, str(error)

    def jpeg_ls(self, path, file, geometry):
        streams = frame_streams(file, geometry.frames)
        precision = jpeg_ls_header(streams[0])[0]
        narrow = precision <= 8 < geometry.allocated  # DCMTK refuses, GDCM gives garbage: codecs.md §4, 12

        def first():
            if narrow:
                return self.rewrapped_jpeg_ls(streams, geometry, precision)
            return self.dcmtk("dcmdjpls", [], path, geometry, precision)

        def second():
            if geometry.samples == 1 and (narrow or precision < 8 or geometry.cells * geometry.frames <= SMALL):
                return self.own_jpeg_ls(streams, geometry, precision)
            return self.gdcm_or_raise(path, geometry, precision)  # the library that dcmflow uses: second best
        return self.first_of(first, second)

    @staticmethod
    def own_jpeg_ls(streams, geometry, precision):
        try:
            cells = np.concatenate([np.array(jpegls.Decoder(s).decode(), np.int64) for s in streams])
        except (jpegls.Bad, IndexError, struct.error) as error:
            raise Unreadable(f"jpegls.py: {error}") from error
        if cells.size != geometry.cells * geometry.frames:
            raise Unreadable("jpegls.py: another shape")
        return Pixels(extend(cells, precision, geometry).tobytes(), "jpegls.py")

    def rewrapped_jpeg_ls(self, streams, geometry, precision):
        """As an 8-bit object for DCMTK, then widened."""
        narrow = Geometry(**{**geometry.__dict__, "allocated": 8, "stored": 8, "signed": False})
        path = self.scratch / "wrapped.dcm"
        path.write_bytes(minimal_file(streams, narrow, JPEG_LS))
        made = self.dcmtk("dcmdjpls", [], path, narrow, None)
        cells = np.frombuffer(made.bytes, "u1").astype(geometry.dtype)
        return Pixels(extend(cells, precision, geometry).tobytes(), "dcmdjpls (as 8 bit)")

    def dcmtk(self, tool, options, path, geometry, precision):
        out = self.scratch / "dcmtk.dcm"
        run(tool, *options, path, out)
        return read_made(out, geometry, precision, tool)

    def gdcm_or_raise(self, path, geometry, precision):
        if geometry.samples > 1 and geometry.allocated > 8:
            raise Unreadable("GDCM misreads colour of more than 8 bits")
        out = self.scratch / "gdcm.dcm"
        out.unlink(missing_ok=True)
        run("gdcmconv", "--raw", path, out)
        return read_made(out, geometry, precision, "gdcmconv")

    def gdcm(self, path, geometry, precision):
        try:
            return self.gdcm_or_raise(path, geometry, precision)
        except Unreadable as error:
            return str(error)

    def grok(self, file, geometry):
        out = []
        for stream in frame_streams(file, geometry.frames):
            source = self.scratch / "frame.j2k"
            source.write_bytes(codestream(stream))
            run("grk_decompress", "-i", source, "-o", self.scratch / "frame.pgx")
            planes = []
            for i in range(geometry.samples):
                name = self.scratch / f"frame_{i}.pgx"
                if not name.exists():
                    raise Unreadable("grk_decompress: a component is missing")
                planes.append(read_pgx(name, geometry))
                name.unlink()
            out.append(np.stack(planes, axis=-1).astype(np.int64))
        return Pixels(in_cells(out, geometry), "grk_decompress")

    def openjph(self, file, geometry):
        if geometry.samples not in (1, 3):
            raise Unreadable("ojph_expand writes one or three components")
        out = []
        for stream in frame_streams(file, geometry.frames):
            source = self.scratch / "frame.j2c"
            target = self.scratch / ("frame.pgm" if geometry.samples == 1 else "frame.ppm")
            stream, lifted = as_unsigned(codestream(stream), geometry.samples)
            source.write_bytes(stream)
            target.unlink(missing_ok=True)
            run("ojph_expand", "-i", source, "-o", target)
            out.append(read_pnm(target, geometry) - lifted)
        return Pixels(in_cells(out, geometry), "ojph_expand")

    @staticmethod
    def deflated_frames(file, geometry):
        size, out = (geometry.cells * geometry.allocated + 7) // 8, []
        for stream in frame_streams(file, geometry.frames):
            frame = zlib.decompressobj(-15).decompress(stream)
            if len(frame) < size:
                raise Unreadable("a deflated frame is short")
            out.append(frame[:size])
        return joined(out, geometry, geometry.planar, "zlib")

    @staticmethod
    def own_rle(file, geometry):
        """For what no tool reads: 1-bit cells."""
        size = (geometry.cells * geometry.allocated + 7) // 8
        frames = [rle_frame(stream, size) for stream in frame_streams(file, geometry.frames)]
        return joined(frames, geometry, geometry.planar, "this script")


def joined(frames, geometry, planar, judge):
    """Native frames, each from a fragment of its own."""
    if geometry.allocated != 1:
        return normalise(b"".join(frames), geometry, planar, None, judge)
    one = Geometry(**{**geometry.__dict__, "frames": 1})
    return Pixels(b"".join(normalise(f, one, planar, None, judge).bytes for f in frames), judge)


def rle_frame(stream, size):
    """PS3.5 G.3 for images of one segment."""
    count, start = struct.unpack("<2I", stream[:8])
    if count != 1:
        raise Unreadable(f"{count} RLE segments")
    at, out = start, bytearray()
    while len(out) < size and at < len(stream):
        n = stream[at]
        if n < 128:
            out += stream[at + 1:at + 2 + n]
            at += 2 + n
        else:
            out += stream[at + 1:at + 2] * (257 - n if n > 128 else 0)
            at += 2 if n > 128 else 1
    if len(out) < size:
        raise Unreadable("an RLE segment is short")
    return bytes(out[:size])


def in_cells(frames, geometry):
    """Values of a codestream as stored cells: two's complement of Bits Allocated bits."""
    cells = np.concatenate([f.reshape(-1) for f in frames])
    if geometry.allocated == 1:
        return (cells & 1).astype("u1").tobytes()
    if geometry.allocated not in (8, 16, 32):
        raise Unreadable(f"{geometry.allocated} bits allocated")
    if geometry.signed and cells.size and cells.min() >= 0:
        # A stream that says unsigned where the header says signed: the header is right about the bits.
        sign = 1 << (geometry.stored - 1)
        cells = ((cells & (2 * sign - 1)) ^ sign) - sign
    return (cells & ((1 << geometry.allocated) - 1)).astype(geometry.dtype).tobytes()


def as_unsigned(stream, components):
    """ojph_expand cuts negative values off. Said to be unsigned, the same coefficients give values lifted by half the
    range (T.800 G.1), which nothing cuts off."""
    first = stream[42]
    if not first & 0x80:
        return stream, 0
    patched = bytearray(stream)
    for i in range(components):
        patched[42 + 3 * i] &= 0x7F
    return bytes(patched), 1 << (first & 0x7F)


def read_pgx(path, geometry):
    raw = path.read_bytes()
    end = raw.index(b"\n") + 1
    words = raw[:end].decode("ascii").replace("+", " + ").replace("-", " - ").split()
    order, sign, bits = words[1], words[2], int(words[3])
    columns, rows = int(words[4]), int(words[5])
    if (rows, columns) != (geometry.rows, geometry.columns):
        raise Unreadable("grk_decompress: other dimensions")
    kind = {1: "1", 2: "2"}.get((bits + 7) // 8, "4")
    dtype = (">" if order == "ML" else "<") + ("i" if sign == "-" else "u") + kind
    return np.frombuffer(raw, dtype, rows * columns, end)


def read_pnm(path, geometry):
    raw = path.read_bytes()
    words = raw[:64].split(maxsplit=4)
    columns, rows, most = int(words[1]), int(words[2]), int(words[3])
    if (rows, columns) != (geometry.rows, geometry.columns):
        raise Unreadable("ojph_expand: other dimensions")
    dtype = "u1" if most < 256 else ">u2"
    count = rows * columns * geometry.samples
    start = len(raw) - count * np.dtype(dtype).itemsize
    return np.frombuffer(raw, dtype, count, start).astype(np.int64)


def minimal_file(streams, geometry, syntax):
    """A Secondary Capture around codestreams, for a judge that refuses the true header."""
    def element(group, number, vr, value):
        value += b"\0" * (len(value) % 2)
        return struct.pack("<HH2sH", group, number, vr, len(value)) + value

    def us(group, number, value):
        return element(group, number, b"US", struct.pack("<H", value))
    sop = b"1.2.840.10008.5.1.4.1.1.7"
    meta = b"".join([struct.pack("<HH2sHI2s", 2, 1, b"OB", 0, 2, b"\0\1"), element(2, 2, b"UI", sop),
                     element(2, 3, b"UI", b"1.2.3"), element(2, 0x10, b"UI", syntax.encode()),
                     element(2, 0x12, b"UI", b"1.2.3.4")])
    body = element(8, 0x16, b"UI", sop) + element(8, 0x18, b"UI", b"1.2.3") + us(0x28, 2, geometry.samples)
    body += element(0x28, 4, b"CS", b"RGB " if geometry.samples == 3 else b"MONOCHROME2 ")
    if geometry.samples > 1:
        body += us(0x28, 6, 0)
    body += element(0x28, 8, b"IS", str(geometry.frames).encode().ljust(2))
    body += us(0x28, 0x10, geometry.rows) + us(0x28, 0x11, geometry.columns) + us(0x28, 0x100, geometry.allocated)
    body += us(0x28, 0x101, geometry.stored) + us(0x28, 0x102, geometry.stored - 1) + us(0x28, 0x103, geometry.signed)
    body += struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF) + struct.pack("<HHI", 0xFFFE, 0xE000, 0)
    for stream in streams:
        stream += b"\0" * (len(stream) % 2)
        body += struct.pack("<HHI", 0xFFFE, 0xE000, len(stream)) + stream
    body += struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return b"\0" * 128 + b"DICM" + struct.pack("<HH2sHI", 2, 0, b"UL", 4, len(meta)) + meta + body

"""Stored pixel cells: the one normal form of all comparisons (see `Pixels` and `normalise`), and what lies between
Pixel Data's bytes and it: geometry, fragments, offset tables, headers of codestreams.
"""
import struct
from dataclasses import dataclass

import numpy as np
import xxhash

from elements import BIG_ENDIAN, Malformed

JPEG_LS, JPEG_LS_NEAR = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.81"
JPEG2000, JPEG2000_LOSSY = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"
HTJ2K, HTJ2K_RPCL, HTJ2K_LOSSY = ("1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202", "1.2.840.10008.1.2.4.203")
RLE, DEFLATED_FRAME = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.8.1"
JPEG_LOSSLESS = {"1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70"}
JPEG_LOSSY = {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"}


class Unreadable(Exception):
    """A judge cannot read it: no verdict."""


@dataclass
class Geometry:
    rows: int
    columns: int
    samples: int
    allocated: int
    stored: int
    signed: bool
    planar: int
    photometric: str
    frames: int

    @staticmethod
    def of(file):
        try:
            return Geometry.read(file)
        except Malformed as error:
            raise Unreadable(str(error)) from error

    @staticmethod
    def read(file):
        rows, columns, allocated = (file.number(0x28, e) for e in (0x10, 0x11, 0x100))
        if not rows or not columns or not allocated:
            raise Unreadable("no image geometry")
        return Geometry(rows, columns, file.number(0x28, 2) or 1, allocated, file.number(0x28, 0x101) or allocated,
                        bool(file.number(0x28, 0x103)), file.number(0x28, 6) or 0, file.text(0x28, 4),
                        file.number(0x28, 8) or 1)

    @property
    def cells(self):  # of a frame
        samples = 2 if self.subsampled else self.samples
        return self.rows * self.columns * samples

    @property
    def subsampled(self):
        return self.photometric in ("YBR_FULL_422", "YBR_PARTIAL_422")

    @property
    def bytes(self):  # of all frames, without a pad byte
        return (self.cells * self.frames * self.allocated + 7) // 8

    @property
    def dtype(self):
        return {8: "u1", 16: "<u2", 32: "<u4", 64: "<u8"}[self.allocated]


@dataclass
class Pixels:
    """The normal form: all frames in order; cells of Bits Allocated bits, little endian, unused bits as stored
    (sign extension where a codestream holds fewer bits than the cell); colour by pixel; no pad byte.
    A cell of 1 bit is one byte here: native frames are packed across frames, encapsulated ones each for itself."""
    bytes: bytes
    judge: str

    @property
    def digest(self):
        return xxhash.xxh3_128_hexdigest(self.bytes)


def normalise(raw, geometry, planar, precision, judge):
    """`raw`: native little endian cells of all frames, by plane if `planar`, pads behind the last frame allowed.
    `precision`: bits that the codestream holds; above them the cells are filled here."""
    if len(raw) < geometry.bytes:
        raise Unreadable(f"{len(raw)} bytes of pixels, {geometry.bytes} expected")
    raw = raw[:geometry.bytes]
    if geometry.allocated == 1:
        bits = np.unpackbits(np.frombuffer(raw, "u1"), bitorder="little")[:geometry.cells * geometry.frames]
        return Pixels(bits.tobytes(), judge)
    if geometry.allocated not in (8, 16, 32, 64):
        raise Unreadable(f"{geometry.allocated} bits allocated")
    cells = np.frombuffer(raw, geometry.dtype)
    if planar and geometry.samples > 1 and not geometry.subsampled:
        shape = (geometry.frames, geometry.samples, geometry.rows * geometry.columns)
        cells = cells.reshape(shape).transpose(0, 2, 1).reshape(-1)
    if precision is not None and precision < geometry.allocated:
        cells = extend(cells, precision, geometry)
    return Pixels(np.ascontiguousarray(cells).tobytes(), judge)


def by_pixel(raw, geometry):
    """The bytes of native frames by plane, and what follows them, by pixel."""
    one = normalise(raw, geometry, 1, None, "").bytes
    return one + raw[len(one):]


def same_stored_bits(first, second, geometry):
    """Whether two decodings differ in the bits above Bits Stored only."""
    if geometry.allocated not in (8, 16, 32) or len(first.bytes) != len(second.bytes):
        return False
    a, b = (np.frombuffer(p.bytes, geometry.dtype) for p in (first, second))
    return not ((a ^ b) & np.array((1 << geometry.stored) - 1, geometry.dtype)).any()


def extend(cells, precision, geometry):
    wide = cells.astype(np.int64) & ((1 << precision) - 1)
    if geometry.signed:
        sign = 1 << (precision - 1)
        wide = (wide ^ sign) - sign
    return wide.astype(geometry.dtype.replace("u", "i")).view(geometry.dtype)


# ---- frames out of fragments ----------------------------------------------------------------------------------------

def native_value(file, geometry):
    """Pixel Data of a native object with little endian cells, pads and all."""
    element = file.get(0x7FE0, 0x10)
    if element is None or element.fragments is not None:
        raise Unreadable("no native Pixel Data")
    value = bytes(element.value)
    if file.syntax != BIG_ENDIAN or element.vr == b"OB":
        return value
    return swap(value, swapped_cell(geometry))


def swapped_cell(geometry):
    # OW is a string of 16-bit words; who writes 32-bit cells in big endian swaps the whole cell.
    return max(2, geometry.allocated // 8)


def swap(value, cell):
    whole = len(value) // cell * cell
    out = bytearray(value)
    for i in range(cell):
        out[i:whole:cell] = value[cell - 1 - i:whole:cell]
    return bytes(out)


def frame_streams(file, frames):
    """Every frame's codestream, its fragments joined."""
    element = file.get(0x7FE0, 0x10)
    if element is None or element.fragments is None:
        raise Unreadable("no encapsulated Pixel Data")
    data, spans = file.data.bytes, element.fragments
    if not spans:
        raise Unreadable("no Basic Offset Table")
    table, spans = data[spans[0][0]:spans[0][1]], spans[1:]
    if frames == 1:
        groups = [spans]
    elif len(spans) == frames:
        groups = [[s] for s in spans]
    elif len(table) == 4 * frames:
        groups = by_table(table, spans)
    else:
        groups = by_marker(data, spans)
    if len(groups) != frames:
        raise Unreadable(f"{len(groups)} frames in {len(spans)} fragments, {frames} expected")
    return [b"".join(data[s:e] for s, e in group) for group in groups]


def by_table(table, spans):
    offsets = struct.unpack(f"<{len(table) // 4}I", table)
    base = spans[0][0] - 8
    starts = {s - 8 - base: i for i, (s, _) in enumerate(spans)}
    try:
        firsts = [starts[o] for o in offsets] + [len(spans)]
    except KeyError as error:
        raise Unreadable("Basic Offset Table points at no fragment") from error
    return [spans[a:b] for a, b in zip(firsts, firsts[1:])]


def by_marker(data, spans):
    groups = []
    for s, e in spans:
        if not groups or data[s:s + 3] in (b"\xff\xd8\xff",) or data[s:s + 4] == b"\xff\x4f\xff\x51":
            groups.append([])
        groups[-1].append((s, e))
    return groups


def check_encapsulation(file, frames):
    """What PS3.5 A.4 asks of fragments and offset tables, of files that dcmflow wrote."""
    element = file.get(0x7FE0, 0x10)
    if element.fragments is None:
        return ["Pixel Data is not encapsulated"]
    if element.vr != b"OB":
        return [f"encapsulated Pixel Data has VR {element.vr}"]
    out = [f"fragment of odd length {e - s}" for s, e in element.fragments if (e - s) % 2]
    data, (table_start, table_end), spans = file.data.bytes, element.fragments[0], element.fragments[1:]
    starts = [s - 8 - (table_end) for s, _ in spans]
    table = data[table_start:table_end]
    if table:
        offsets = struct.unpack(f"<{len(table) // 4}I", table)
        if len(offsets) != frames or offsets[0] != 0 or not set(offsets) <= set(starts) or \
                list(offsets) != sorted(set(offsets)):
            out.append("Basic Offset Table does not point at the frames")
    offsets, lengths = file.get(0x7FE0, 1), file.get(0x7FE0, 2)
    if (offsets is None) != (lengths is None):
        out.append("half an Extended Offset Table")
    elif offsets is not None:
        if table:
            out.append("two offset tables")
        if list(struct.unpack(f"<{len(offsets.value) // 8}Q", offsets.value)) != starts:
            out.append("Extended Offset Table does not point at the fragments")
    return out


# ---- headers of codestreams ------------------------------------------------------------------------------------------

def jpeg_ls_header(stream):
    """Precision, NEAR and interleave of a JPEG-LS stream; by its markers."""
    at, precision, near = 2, None, None
    while at + 4 <= len(stream) and stream[at] == 0xFF:
        marker, length = stream[at + 1], struct.unpack(">H", stream[at + 2:at + 4])[0]
        if marker == 0xF7:
            precision = stream[at + 4]
        if marker == 0xDA:
            near = stream[at + 5 + 2 * stream[at + 4]]
            break
        at += 2 + length
    if precision is None or near is None:
        raise Unreadable("no JPEG-LS header")
    return precision, near


def jpeg_precision(stream):
    at = 2
    while at + 5 <= len(stream) and stream[at] == 0xFF:
        if stream[at + 1] in (0xC0, 0xC1, 0xC2, 0xC3):
            return stream[at + 4]
        at += 2 + struct.unpack(">H", stream[at + 2:at + 4])[0]
    raise Unreadable("no JPEG header")


def is_reversible(stream):
    """JPEG 2000: the 5/3 transform in every COD and COC, so that the stream may be lossless."""
    stream = codestream(stream)
    at = 2
    while at + 4 <= len(stream) and stream[at] == 0xFF and stream[at + 1] not in (0x90, 0x93):
        length = struct.unpack(">H", stream[at + 2:at + 4])[0]
        if stream[at + 1] == 0x52 and stream[at + 13] != 1:
            return False
        at += 2 + length
    return True


def codestream(stream):
    """Without JP2 boxes."""
    if stream[:2] == b"\xff\x4f":
        return stream
    at = stream.find(b"jp2c")
    if at < 0:
        raise Unreadable("no JPEG 2000 codestream")
    return stream[at + 4:] if stream[at - 4:at] != b"\0\0\0\1" else stream[at + 12:]

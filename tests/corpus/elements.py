"""Data sets as bytes, read by code that shares nothing with dcmflow, DCMTK or pydicom.

A strict reader of Part 10 files (explicit and implicit little endian, explicit big endian, deflated) that keeps
where every element's bytes are, and the comparison of two data sets element by element: private and unknown ones,
lengths of sequences, nested icons and group lengths included. What a transcode may change (design §6) is named in
one place, `allowed_to_change`. Anything else that differs is a difference.

Not a general reader: it stops (Malformed) where a byte does not fit, and guesses nothing.
"""
import struct
import zlib

IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2",
                                            "1.2.840.10008.1.2.1.99")
NATIVE = {IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED}
DEPTH = 64
UNDEFINED = 0xFFFFFFFF
SHORT = {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL",
         b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
CELL = {b"US": 2, b"SS": 2, b"OW": 2, b"AT": 2, b"UL": 4, b"SL": 4, b"FL": 4, b"OF": 4, b"OL": 4, b"FD": 8,
        b"OD": 8, b"OV": 8, b"SV": 8, b"UV": 8}


class Malformed(Exception):
    pass


class Element:
    __slots__ = ("tag", "vr", "start", "value_start", "value_end", "end", "undefined", "items", "fragments", "data")

    def __init__(self, tag, vr, start):
        self.tag, self.vr, self.start = tag, vr, start
        self.items = None       # of a sequence: lists of elements
        self.fragments = None   # of encapsulated Pixel Data: (start, end), the Basic Offset Table first
        self.undefined = False

    @property
    def value(self):
        return self.data.bytes[self.value_start:self.value_end]

    @property
    def raw(self):
        return self.data.bytes[self.start:self.end]


class Data:
    """Bytes and how to read them. Elements point back here: a data set may hold parts in another encoding."""

    def __init__(self, raw, implicit, big):
        self.bytes, self.implicit, self.big = raw, implicit, big
        order = ">" if big else "<"
        self.tag_at = struct.Struct(order + "HH").unpack_from
        self.u16 = struct.Struct(order + "H").unpack_from
        self.u32 = struct.Struct(order + "I").unpack_from

    def header(self, at, end):
        if at + 8 > end:
            raise Malformed(f"{end - at} bytes left at {at}")
        tag = self.tag_at(self.bytes, at)
        element = Element(tag, None, at)
        element.data = self
        if tag[0] == 0xFFFE or self.implicit:
            return element, at + 8, self.u32(self.bytes, at + 4)[0]
        vr = bytes(self.bytes[at + 4:at + 6])
        element.vr = vr
        if vr in SHORT:
            return element, at + 8, self.u16(self.bytes, at + 6)[0]
        if vr not in LONG or at + 12 > end:
            raise Malformed(f"VR {vr!r} of {name(tag)} at {at}")
        return element, at + 12, self.u32(self.bytes, at + 8)[0]

    def elements(self, at, end, delimited=False, depth=0):
        """The elements of [at, end), or up to an Item Delimitation; and where they end."""
        if depth > DEPTH:
            raise Malformed("too deep")
        out = []
        while at < end:
            if not delimited and depth == 0 and not any(self.bytes[at:end]):
                return out, at  # zeros of a last block
            element, value, length = self.header(at, end)
            if element.tag == (0xFFFE, 0xE00D) and delimited:  # its length is 0, and nothing if it is not
                return out, value
            if element.tag[0] == 0xFFFE:
                raise Malformed(f"{name(element.tag)} at {at}")
            element.value_start = value
            if length == UNDEFINED:
                element.undefined = True
                if element.tag == (0x7FE0, 0x0010) and element.vr in (b"OB", b"OW", b"UN"):
                    element.fragments, element.value_end, at = self.read_fragments(value, end)
                else:
                    # PS3.5 6.2.2: the content of UN of undefined length is in implicit little endian.
                    inner = Data(self.bytes, True, False) if element.vr == b"UN" else self
                    if element.vr not in (b"UN", b"SQ", None):
                        raise Malformed(f"undefined length of {name(element.tag)} {element.vr!r}")
                    element.items, element.value_end, at = inner.read_items(value, end, True, depth)
            else:
                if length > end - value:
                    raise Malformed(f"{name(element.tag)} of {length} bytes where {end - value} are left")
                element.value_end = at = value + length
                if element.vr == b"SQ":
                    element.items, _, _ = self.read_items(value, at, False, depth)
            element.end = at
            out.append(element)
        if delimited:
            raise Malformed("an item without its end")
        return out, at

    def read_items(self, at, end, delimited, depth):
        items = []
        while at < end:
            element, value, length = self.header(at, end)
            if element.tag == (0xFFFE, 0xE0DD) and delimited:
                return items, at, value
            if element.tag != (0xFFFE, 0xE000):
                raise Malformed(f"{name(element.tag)} in a sequence at {at}")
            if length == UNDEFINED:
                content, at = self.elements(value, end, True, depth + 1)
            elif length > end - value:
                raise Malformed("an item longer than its sequence")
            else:
                content, at = self.elements(value, value + length, False, depth + 1)
            items.append((content, length == UNDEFINED))
        if delimited:
            raise Malformed("a sequence without its end")
        return items, at, at

    def read_fragments(self, at, end):
        fragments = []
        while at < end:
            element, value, length = self.header(at, end)
            if element.tag == (0xFFFE, 0xE0DD) and length == 0:
                return fragments, at, value
            if element.tag != (0xFFFE, 0xE000) or length > end - value:
                raise Malformed(f"no fragment at {at}")
            fragments.append((value, value + length))
            at = value + length
        raise Malformed("fragments without their end")


def name(tag):
    return f"({tag[0]:04X},{tag[1]:04X})"


class File:
    """A Part 10 file: preamble, file meta information, data set (inflated), and what follows it."""

    def __init__(self, raw):
        if raw[128:132] != b"DICM":
            raise Malformed("no Part 10 header")
        self.size = len(raw)
        self.preamble = raw[:128]
        meta = Data(raw, False, False)
        at, self.meta = 132, []
        while at + 8 <= len(raw) and raw[at:at + 2] == b"\x02\x00":
            element, value, length = meta.header(at, len(raw))
            if length > len(raw) - value:
                raise Malformed("file meta information too long")
            element.value_start, element.value_end, element.end = value, value + length, value + length
            self.meta.append(element)
            at = value + length
        syntax = [e for e in self.meta if e.tag == (2, 0x10)]
        if not syntax:
            raise Malformed("no Transfer Syntax UID")
        self.syntax = bytes(syntax[0].value).rstrip(b"\0 ").decode("ascii", "replace")
        body, start = raw, at
        if self.syntax == DEFLATED:
            try:
                body, start = zlib.decompressobj(-15).decompress(raw[at:]), 0
            except zlib.error as error:
                raise Malformed(f"deflate: {error}") from error
        self.data = Data(body, self.syntax == IMPLICIT, self.syntax == BIG_ENDIAN)
        self.start = start
        self.elements, self.end = self.data.elements(start, len(body))
        self.tail = body[self.end:]
        self.by_tag = {e.tag: e for e in self.elements}

    def get(self, group, element):
        return self.by_tag.get((group, element))

    def number(self, group, element):
        """Value of US, UL or IS, None if absent or empty."""
        e = self.get(group, element)
        if e is None or e.value_end == e.value_start:
            return None
        value = bytes(e.value)
        if (group, element) == (0x28, 0x08):
            text = value.split(b"\\")[0].strip(b" \0")
            if not text.isdigit():
                raise Malformed(f"Number of Frames is {text!r}")
            return int(text)
        if len(value) < 2:
            raise Malformed(f"{name((group, element))} has {len(value)} bytes")
        return self.data.u16(value, 0)[0]

    def text(self, group, element):
        e = self.get(group, element)
        return "" if e is None else bytes(e.value).strip(b" \0").decode("latin-1")


# ---- comparison ----------------------------------------------------------------------------------------------------

PIXELS = {(0x7FE0, 0x0010), (0x7FE0, 0x0001), (0x7FE0, 0x0002)}
# The writer's own signature in the file meta information (PS3.10 7.1).
BOOKKEEPING = {(2, 0x00), (2, 0x01), (2, 0x10), (2, 0x12), (2, 0x13)}


def allowed_to_change(before, after):
    """Tags at the top level whose change is checked by rules of their own (design §6)."""
    if same_syntax_family(before, after):
        return set()
    return PIXELS | {(0x28, 0x04), (0x28, 0x06)}


def same_syntax_family(before, after):
    return before.syntax in NATIVE and after.syntax in NATIVE


def compare(before, after, skip=None):
    """Every difference outside design §6, as text; empty when there is none. `skip`: tags that the caller compares."""
    out = []
    if before.preamble != after.preamble:
        out.append("preamble differs")
    out += compare_meta(before, after)
    by_rule = skip is None
    skip = allowed_to_change(before, after) if by_rule else skip
    same = (before.data.implicit, before.data.big) == (after.data.implicit, after.data.big)
    compare_levels(before.elements, after.elements, "", same, skip, out)
    compare_tail(before, after, out)
    if by_rule and skip:
        check_colour(before, after, out)
    return out


def compare_tail(before, after, out):
    # A deflated stream may end in a pad byte that is no part of the data set.
    if before.syntax != DEFLATED and after.syntax != DEFLATED and before.tail != after.tail:
        out.append(f"{len(before.tail)} bytes after the data set became {len(after.tail)}")


def compare_meta(before, after):
    a = {e.tag: bytes(e.value) for e in before.meta if e.tag not in BOOKKEEPING}
    b = {e.tag: bytes(e.value) for e in after.meta if e.tag not in BOOKKEEPING}
    out = [f"file meta {name(t)}: {a.get(t)!r} became {b.get(t)!r}" for t in sorted(a.keys() | b.keys())
           if a.get(t) != b.get(t)]
    length = [e for e in after.meta if e.tag == (2, 0)]
    if not length or length[0] is not after.meta[0]:
        out.append("file meta: no group length first")
    elif struct.unpack("<I", bytes(length[0].value))[0] != after.meta[-1].end - length[0].end:
        out.append("file meta: group length is wrong")
    return out


def compare_levels(a, b, path, same, skip, out):
    """Two lists of elements of one level, in order."""
    a_kept = [e for e in a if e.tag not in skip]
    b_kept = [e for e in b if e.tag not in skip]
    tags_a, tags_b = [e.tag for e in a_kept], [e.tag for e in b_kept]
    if tags_a != tags_b:
        gone = [name(t) for t in tags_a if t not in tags_b]
        new = [name(t) for t in tags_b if t not in tags_a]
        out.append(f"{path or 'top'}: gone {gone[:5]}, new {new[:5]}" if gone or new else f"{path}: another order")
        return
    for x, y in zip(a_kept, b_kept):
        if x.tag[1] == 0:
            compare_group_length(x, y, a, b, path, out)
        elif same:
            if x.raw != y.raw:
                explain(x, y, path, out)
        else:
            compare_element(x, y, path, out)


def explain(x, y, path, out):
    """Same encoding, other bytes: say what, down to the nested element."""
    before = len(out)
    if x.items is not None and y.items is not None and len(x.items) == len(y.items):
        for i, ((p, _), (q, _)) in enumerate(zip(x.items, y.items)):
            compare_levels(p, q, f"{path}{name(x.tag)}[{i}].", True, set(), out)
    if len(out) == before:
        out.append(f"{path}{name(x.tag)}: {bytes(x.raw[:24]).hex()}… ({x.end - x.start} bytes) became "
                   f"{bytes(y.raw[:24]).hex()}… ({y.end - y.start} bytes)")


def compare_group_length(x, y, level_a, level_b, path, out):
    """As it was where its group is as it was; else what the group has (PS3.5 7.2, retired)."""
    if y.value_end - y.value_start != 4:
        out.append(f"{path}{name(y.tag)}: group length of {y.value_end - y.value_start} bytes")
        return
    was = [e.raw for e in level_a if e.tag[0] == x.tag[0] and e.tag[1] != 0]
    now = [e.raw for e in level_b if e.tag[0] == y.tag[0] and e.tag[1] != 0]
    said, actual = y.data.u32(y.value, 0)[0], sum(len(r) for r in now)
    if was == now and x.raw != y.raw and said != actual:
        out.append(f"{path}{name(y.tag)}: group length changed though its group did not")
    elif was != now and said != actual:
        out.append(f"{path}{name(y.tag)}: group length {said}, the group has {actual} bytes")


def in_little_endian(element):
    """The value with little endian cells."""
    value, cell = bytes(element.value), CELL.get(element.vr, 1)
    if not element.data.big or cell == 1 or len(value) % cell:
        return value
    view = memoryview(value)
    out = bytearray(len(value))
    for i in range(cell):
        out[i::cell] = view[cell - 1 - i::cell]
    return bytes(out)


def compare_element(x, y, path, out):
    """One element in two encodings: values equal after byte order, sequences item by item, VRs plausible."""
    where = path + name(x.tag)
    if x.fragments is not None or y.fragments is not None:
        if x.fragments is None or y.fragments is None or \
                [x.data.bytes[s:e] for s, e in x.fragments] != [y.data.bytes[s:e] for s, e in y.fragments]:
            out.append(f"{where}: encapsulated nested Pixel Data changed")
        return
    check_vr(x, y, where, out)
    items_a, items_b = as_items(x, y), as_items(y, x)
    if items_a is None and items_b is None:
        a, b = in_little_endian(x), in_little_endian(y)
        if a != b:
            out.append(f"{where} {x.vr}→{y.vr}: {a[:24].hex()}… ({len(a)} bytes) became {b[:24].hex()}… ({len(b)})")
        return
    if items_a is None or items_b is None or len(items_a) != len(items_b):
        out.append(f"{where}: a sequence is no sequence any more, or has other items")
        return
    if x.undefined != y.undefined:
        out.append(f"{where}: sequence of {'undefined' if x.undefined else 'defined'} length changed its kind")
    for i, ((p, undefined_a), (q, undefined_b)) in enumerate(zip(items_a, items_b)):
        if undefined_a != undefined_b:
            out.append(f"{where}[{i}]: item changed its kind of length")
        compare_levels(p, q, f"{where}[{i}].", False, set(), out)


def as_items(element, other):
    """Items of a sequence; also of one that only its counterpart's VR shows to be one."""
    if element.items is not None:
        return element.items
    if other.items is None or element.vr not in (None, b"UN"):
        return None
    inner = Data(element.data.bytes, True, False)
    try:
        return inner.read_items(element.value_start, element.value_end, False, 0)[0]
    except Malformed:
        return None


def check_vr(x, y, where, out):
    if x.vr is not None and y.vr is not None and x.vr != y.vr:
        out.append(f"{where}: VR {x.vr} became {y.vr}")
    if x.vr is None and y.vr is not None:
        length = y.value_end - y.value_start
        known = dictionary_vrs(x.tag)
        if known is None:  # private, or not in the dictionary
            if x.tag[0] % 2 and 0x10 <= x.tag[1] <= 0xFF:
                known = {b"LO", b"UN"}
            else:
                known = {b"UN", b"SQ"}
        if length > 0xFFFF:
            known = known | {b"UN"}
        if y.vr not in known:
            out.append(f"{where}: VR {y.vr} given, {sorted(known)} expected")


def dictionary_vrs(tag):
    from pydicom.datadict import dictionary_VR  # PS3.6 as data: nothing of pydicom's reading is used
    if tag[0] % 2:
        return None
    try:
        return {part.strip().encode() for part in dictionary_VR((tag[0] << 16) | tag[1]).split(" or ")}
    except KeyError:
        return None


def check_colour(before, after, out):
    """Photometric Interpretation and Planar Configuration: only what the encoding demands."""
    a, b = before.text(0x28, 4), after.text(0x28, 4)
    coded = after.syntax not in NATIVE
    allowed = {a}
    if a == "RGB" and coded:
        allowed.add("YBR_RCT")
    if a == "YBR_RCT":
        allowed = {"RGB", "YBR_RCT"} if coded else {"RGB"}
    if b not in allowed:
        out.append(f"Photometric Interpretation {a} became {b} in {after.syntax}")
    if a == b and before.get(0x28, 4) is not None and before.get(0x28, 4).value != after.get(0x28, 4).value:
        out.append("Photometric Interpretation written in another way")
    p, q = before.number(0x28, 6), after.number(0x28, 6)
    if p != q and q not in (0, 1):
        out.append(f"Planar Configuration {p} became {q}")
    if (before.get(0x28, 6) is None) != (after.get(0x28, 6) is None) and before.number(0x28, 2) in (None, 1):
        out.append("Planar Configuration came or went in an image of one sample")

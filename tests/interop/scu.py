"""A small C-STORE SCU and maker of small objects, written from PS3.7 and PS3.8: each answer is seen as it comes, which
no command line tool shows. Explicit VR Little Endian only."""
import hashlib
import random
import socket
import struct

EXPLICIT_LE = "1.2.840.10008.1.2.1"
MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
VERIFICATION = "1.2.840.10008.1.1"


def element(group, number, vr, value):
    if isinstance(value, str):
        value = value.encode("latin-1")
    if len(value) % 2:
        value += b"\0" if vr == "UI" else b" "
    if vr in ("OW", "OB", "SQ", "UN"):
        return struct.pack("<HH2sHI", group, number, vr.encode(), 0, len(value)) + value
    return struct.pack("<HH2sH", group, number, vr.encode(), len(value)) + value


def small_image(uid, seed, sop_class=CT_IMAGE, modality="CT", rows=64, columns=64):
    """Data set bytes of a 12-bit image with some structure and noise."""
    chance = random.Random(seed)
    pixels = b"".join(struct.pack("<H", (x * 13 + y * 7 + chance.getrandbits(4)) & 0xFFF)
                      for y in range(rows) for x in range(columns))
    us = lambda n: struct.pack("<H", n)
    return b"".join([
        element(0x0008, 0x0016, "UI", sop_class), element(0x0008, 0x0018, "UI", uid),
        element(0x0008, 0x0020, "DA", "20260101"), element(0x0008, 0x0060, "CS", modality),
        element(0x0010, 0x0010, "PN", "Test^Kill"), element(0x0010, 0x0020, "LO", "K1"),
        element(0x0020, 0x000D, "UI", "2.25.1"), element(0x0020, 0x000E, "UI", "2.25.2"),
        element(0x0028, 0x0002, "US", us(1)), element(0x0028, 0x0004, "CS", "MONOCHROME2"),
        element(0x0028, 0x0010, "US", us(rows)), element(0x0028, 0x0011, "US", us(columns)),
        element(0x0028, 0x0100, "US", us(16)), element(0x0028, 0x0101, "US", us(12)),
        element(0x0028, 0x0102, "US", us(11)), element(0x0028, 0x0103, "US", us(0)),
        element(0x7FE0, 0x0010, "OW", pixels)])


def digest(data):
    return hashlib.sha256(data).hexdigest()


def item(kind, value):
    return struct.pack(">BBH", kind, 0, len(value)) + value


def command(fields):
    body = b""
    for (group, number), value in fields:
        body += struct.pack("<HHI", group, number, len(value)) + value
    return struct.pack("<HHII", 0, 0, 4, len(body)) + body


def ui(text):
    value = text.encode()
    return value + b"\0" * (len(value) % 2)


class Rejected(Exception):
    pass


class Association:
    def __init__(self, port, contexts, called="DCMFLOW", calling="PYSCU", timeout=30, host="127.0.0.1"):
        """contexts: [(abstract syntax, [transfer syntaxes])]"""
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ids = {}
        self.message_id = 0
        self.socket.sendall(self.request(contexts, called, calling))
        kind, body = self.read_pdu()
        if kind == 3:
            raise Rejected(body)
        assert kind == 2, f"PDU type {kind} instead of A-ASSOCIATE-AC"
        self.accepted = self.parse_accept(body)

    def request(self, contexts, called, calling):
        body = struct.pack(">HH", 1, 0) + called.ljust(16).encode() + calling.ljust(16).encode() + b"\0" * 32
        body += item(0x10, b"1.2.840.10008.3.1.1.1")
        for number, (abstract, syntaxes) in enumerate(contexts):
            identifier = 2 * number + 1
            self.ids.setdefault(abstract, identifier)
            value = struct.pack(">BBBB", identifier, 0, 0, 0) + item(0x30, abstract.encode())
            value += b"".join(item(0x40, s.encode()) for s in syntaxes)
            body += item(0x20, value)
        body += item(0x50, item(0x51, struct.pack(">I", 131072)) + item(0x52, b"2.25.99"))
        return struct.pack(">BBI", 1, 0, len(body)) + body

    @staticmethod
    def parse_accept(body):
        accepted, at = {}, 68
        while at + 4 <= len(body):
            kind, _, length = struct.unpack_from(">BBH", body, at)
            if kind == 0x21:
                identifier, _, result, _ = struct.unpack_from(">BBBB", body, at + 4)
                _, _, size = struct.unpack_from(">BBH", body, at + 8)
                syntax = body[at + 12:at + 12 + size].decode()
                accepted[identifier] = (result, syntax)
            at += 4 + length
        return accepted

    def exactly(self, count):
        data = b""
        while len(data) < count:
            piece = self.socket.recv(count - len(data))
            if not piece:
                raise ConnectionError("closed by the peer")
            data += piece
        return data

    def read_pdu(self):
        kind, _, length = struct.unpack(">BBI", self.exactly(6))
        return kind, self.exactly(length)

    def send_pdv(self, context, is_command, data, most=131072):
        most -= 12
        at = 0
        while True:
            piece = data[at:at + most]
            at += len(piece)
            last = at >= len(data)
            flags = (1 if is_command else 0) | (2 if last else 0)
            pdv = struct.pack(">IBB", len(piece) + 2, context, flags) + piece
            self.socket.sendall(struct.pack(">BBI", 4, 0, len(pdv)) + pdv)
            if last:
                return

    def read_response(self):
        """{(group, element): bytes} of a response command"""
        data = b""
        while True:
            kind, body = self.read_pdu()
            if kind != 4:
                raise ConnectionError(f"PDU type {kind} instead of a response")
            at, last = 0, False
            while at + 6 <= len(body):
                length, _, flags = struct.unpack_from(">IBB", body, at)
                data += body[at + 6:at + 4 + length]
                last = last or flags & 2
                at += 4 + length
            if last:
                break
        at, fields = 0, {}
        while at + 8 <= len(data):
            group, number, length = struct.unpack_from("<HHI", data, at)
            fields[(group, number)] = data[at + 8:at + 8 + length]
            at += 8 + length
        return fields

    def store(self, uid, data_set, sop_class=CT_IMAGE):
        """The status of the answer."""
        self.message_id = self.message_id % 65535 + 1
        context = self.ids[sop_class]
        self.send_pdv(context, True, command([
            ((0, 2), ui(sop_class)), ((0, 0x100), struct.pack("<H", 1)),
            ((0, 0x110), struct.pack("<H", self.message_id)), ((0, 0x700), struct.pack("<H", 0)),
            ((0, 0x800), struct.pack("<H", 1)), ((0, 0x1000), ui(uid))]))
        self.send_pdv(context, False, data_set)
        answer = self.read_response()
        self.comment = answer.get((0, 0x902), b"").decode("latin-1").rstrip("\0 ")
        return struct.unpack("<H", answer[(0, 0x900)])[0]

    def echo(self):
        self.message_id += 1
        self.send_pdv(self.ids[VERIFICATION], True, command([
            ((0, 2), ui(VERIFICATION)), ((0, 0x100), struct.pack("<H", 0x30)),
            ((0, 0x110), struct.pack("<H", self.message_id)), ((0, 0x800), struct.pack("<H", 0x101))]))
        return struct.unpack("<H", self.read_response()[(0, 0x900)])[0]

    def release(self):
        self.socket.sendall(struct.pack(">BBII", 5, 0, 4, 0))
        try:
            self.read_pdu()
        finally:
            self.socket.close()

    def close(self):
        self.socket.close()

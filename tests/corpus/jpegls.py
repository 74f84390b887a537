"""A JPEG-LS decoder (T.87) for one component, for the streams that DCMTK and GDCM refuse or misread (precision below 8).

Written from the standard; slow (some 100,000 samples a second), which is enough for the few files that need it.
"""
import struct

RUN_ORDER = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15]
RESET = 64


class Bad(Exception):
    pass


class Bits:
    """The entropy-coded segment: a zero bit is stuffed after every byte FF (T.87 9.1)."""

    def __init__(self, data, at):
        self.data, self.at, self.buffer, self.count = data, at, 0, 0

    def bit(self):
        if self.count == 0:
            if self.at >= len(self.data):
                raise Bad("the stream ends early")
            previous, byte = self.data[self.at - 1], self.data[self.at]
            stuffed = previous == 0xFF and self.started
            if stuffed and byte & 0x80:
                raise Bad("a marker inside the data")
            self.buffer, self.count = byte, 7 if stuffed else 8
            self.at += 1
            self.started = True
        self.count -= 1
        return self.buffer >> self.count & 1

    started = False

    def bits(self, n):
        value = 0
        for _ in range(n):
            value = value << 1 | self.bit()
        return value


def thresholds(most, near):
    def clamp(value, low):
        return low if value > most or value < low else value
    if most >= 128:
        factor = (min(most, 4095) + 128) // 256
        t1 = clamp(factor + 2 + 3 * near, near + 1)
        t2 = clamp(factor * 4 + 3 + 5 * near, t1)
        return t1, t2, clamp(factor * 17 + 4 + 7 * near, t2)
    factor = 256 // (most + 1)
    t1 = clamp(max(2, 3 // factor + 3 * near), near + 1)
    t2 = clamp(max(3, 7 // factor + 5 * near), t1)
    return t1, t2, clamp(max(4, 21 // factor + 7 * near), t2)


class Decoder:
    def __init__(self, stream):
        self.most = self.near = None
        self.limits = None
        at = 2
        while True:
            if at + 4 > len(stream) or stream[at] != 0xFF:
                raise Bad("no marker where one should be")
            marker, length = stream[at + 1], struct.unpack(">H", stream[at + 2:at + 4])[0]
            body = stream[at + 4:at + 2 + length]
            at += 2 + length
            if marker == 0xF7:
                precision, self.rows, self.columns, components = struct.unpack(">BHHB", body[:6])
                self.most = (1 << precision) - 1
                if components != 1:
                    raise Bad(f"{components} components")
            elif marker == 0xF8 and body[0] == 1:
                most, t1, t2, t3, reset = struct.unpack(">5H", body[1:11])
                self.most, self.limits = most or self.most, (t1, t2, t3) if t1 else None
                if reset not in (0, RESET):
                    raise Bad("another RESET")
            elif marker == 0xDA:
                self.near = body[3]
                break
            elif marker in (0xDD, 0xF8):
                raise Bad("restart intervals or mapping tables")
        self.bits = Bits(stream, at)
        self.prepare()

    def prepare(self):
        most, near = self.most, self.near
        self.t1, self.t2, self.t3 = self.limits or thresholds(most, near)
        self.range = (most + 2 * near) // (2 * near + 1) + 1
        self.qbpp = (self.range - 1).bit_length()
        bpp = max(2, most.bit_length())
        self.limit = 2 * (bpp + max(8, bpp))
        self.a = [max(2, (self.range + 32) // 64)] * 367
        self.b, self.c, self.n = [0] * 365, [0] * 365, [1] * 367
        self.negative = [0, 0]
        self.run_index = 0

    def quantise(self, d):
        if d < 0:
            return -self.quantise(-d)
        return 0 if d <= self.near else 1 if d < self.t1 else 2 if d < self.t2 else 3 if d < self.t3 else 4

    def golomb(self, k, limit):
        q = 0
        while not self.bits.bit():
            q += 1
            if q > limit:
                raise Bad("a code longer than its limit")
        if q < limit - self.qbpp - 1:
            return (q << k) + self.bits.bits(k)
        return self.bits.bits(self.qbpp) + 1

    def reconstruct(self, predicted, error):
        step = 2 * self.near + 1
        value = predicted + error * step
        if value < -self.near:
            value += self.range * step
        elif value > self.most + self.near:
            value -= self.range * step
        return min(max(value, 0), self.most)

    def regular(self, q, ra, rb, rc):
        sign = 1
        if q < 0:
            q, sign = -q, -1
        a, b, n = self.a[q], self.b[q], self.n[q]
        k = 0
        while n << k < a:
            k += 1
        low, high = min(ra, rb), max(ra, rb)
        predicted = low if rc >= high else high if rc <= low else ra + rb - rc
        predicted = min(max(predicted + sign * self.c[q], 0), self.most)
        mapped = self.golomb(k, self.limit)
        error = -((mapped + 1) >> 1) if mapped & 1 else mapped >> 1
        if self.near == 0 and k == 0 and 2 * b <= -n:
            error = -error - 1
        b += error * (2 * self.near + 1)
        a += abs(error)
        if n == RESET:
            a, b, n = a >> 1, b >> 1, n >> 1
        n += 1
        if b <= -n:
            b = max(b + n, 1 - n)
            self.c[q] = max(self.c[q] - 1, -128)
        elif b > 0:
            b = min(b - n, 0)
            self.c[q] = min(self.c[q] + 1, 127)
        self.a[q], self.b[q], self.n[q] = a, b, n
        return self.reconstruct(predicted, sign * error)

    def interruption(self, ra, rb):
        kind = int(abs(ra - rb) <= self.near)
        q, sign = 365 + kind, -1 if not kind and ra > rb else 1
        a = self.a[q] + (self.n[q] >> 1 if kind else 0)
        k = 0
        while self.n[q] << k < a:
            k += 1
        coded = self.golomb(k, self.limit - RUN_ORDER[self.run_index] - 1)
        mapped = coded + kind
        odd = mapped & 1
        error = (mapped + odd) >> 1
        if (k != 0 or 2 * self.negative[kind] >= self.n[q]) == bool(odd):
            error = -error
        self.negative[kind] += error < 0
        self.a[q] += (coded + 1 - kind) >> 1
        if self.n[q] == RESET:
            self.a[q], self.n[q], self.negative[kind] = self.a[q] >> 1, self.n[q] >> 1, self.negative[kind] >> 1
        self.n[q] += 1
        return self.reconstruct(ra if kind else rb, sign * error)

    def run(self, line, above, x):
        """From x on; gives where the line goes on."""
        value = line[x]
        while x < self.columns:
            length = 1 << RUN_ORDER[self.run_index]
            if self.bits.bit():
                end = min(x + length, self.columns)
                line[x + 1:end + 1] = [value] * (end - x)
                if end - x == length and self.run_index < 31:
                    self.run_index += 1
                x = end
                continue
            length = self.bits.bits(RUN_ORDER[self.run_index])
            if x + length >= self.columns:
                raise Bad("a run beyond its line")
            line[x + 1:x + length + 1] = [value] * length
            x += length
            line[x + 1] = self.interruption(value, above[x + 1])
            self.run_index = max(self.run_index - 1, 0)
            return x + 1
        return x

    def decode(self):
        """All samples, by row."""
        out, width = [], self.columns
        above = [0] * (width + 2)  # one edge sample left and right
        for _ in range(self.rows):
            above[width + 1] = above[width]
            line = [above[1]] + [0] * (width + 1)
            x = 0
            while x < width:
                ra, rb, rc, rd = line[x], above[x + 1], above[x], above[x + 2]
                q = (self.quantise(rd - rb) * 9 + self.quantise(rb - rc)) * 9 + self.quantise(rc - ra)
                if q == 0:
                    x = self.run(line, above, x)
                else:
                    line[x + 1] = self.regular(q, ra, rb, rc)
                    x += 1
            out += line[1:width + 1]
            above = line
        return out

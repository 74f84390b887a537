"""Every syntax in and out by the front door: HTJ2K, which DCMTK does not know; RLE; auto; lossy pixels for a peer that
takes nothing else; a codec worker that dies."""
from harness import *

JPEG_BASELINE, RLE, HTJ2K, HTJ2K_RPCL, EXPLICIT_LE = ("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5",
                                                      "1.2.840.10008.1.2.4.201", "1.2.840.10008.1.2.4.202",
                                                      "1.2.840.10008.1.2.1")


def fragments(path):
    """The items of encapsulated Pixel Data, the Basic Offset Table first."""
    data_set = read_part10(path)[1]
    at = data_set.rfind(struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OB", 0, 0xFFFFFFFF)) + 12
    found = []
    while True:
        group, element, length = struct.unpack_from("<HHI", data_set, at)
        if (group, element) == (0xFFFE, 0xE0DD):
            return found
        found.append(data_set[at + 8:at + 8 + length])
        at += 8 + length


def native(path):
    return find_pixel_data(read_part10(path)[1], False)


def as_ojph_sees(path, scratch):
    """Cells of gray images, little endian; OpenJPH is not what dcmflow verifies HTJ2K with."""
    cells = b""
    for stream in fragments(path)[1:]:
        coded, image = scratch / "frame.j2c", scratch / "frame.pgm"
        coded.write_bytes(stream)
        tool("ojph_expand", "-i", coded, "-o", image)
        header, rest = re.match(rb"P5\s+\d+\s+\d+\s+(\d+)\s", image.read_bytes()), image.read_bytes()
        values = bytearray(rest[header.end():])
        if int(header[1]) > 255:
            values[0::2], values[1::2] = values[1::2], values[0::2]
        cells += bytes(values)
    return cells


class Syntaxes(Case):
    def deliver(self, files, ladders, peers=()):
        """Sends `files` as they are through a router to folders with these ladders; {name: {uid: file}}."""
        block = "".join(f"{name}: {{folder: {self.scratch / 'out' / name}, syntax: [{ladder}]}}\n"
                        for name, ladder in ladders.items()) + "".join(peers)
        for name in ladders:
            (self.scratch / "out" / name).mkdir(parents=True, exist_ok=True)
        names = [*ladders, *(p.split(":")[0] for p in peers)]
        router = self.started(Router(self.scratch / f"router{free_port()}", block,
                                     f"- {{name: all, send: [{', '.join(names)}]}}")).start()
        tool(DCMFLOW, "send", f"DCMFLOW@127.0.0.1:{router.port}", *files)
        wait_until(router.idle, "everything is delivered")
        self.assertEqual(router.undelivered(), [])
        self.router = router
        return {name: files_by_uid(self.scratch / "out" / name) for name in ladders}

    def test_htj2k_out_and_in_again(self):
        files = synthetic(self.scratch / "in", "cr:1,us:1")
        gray = [p for p in files if b"MONOCHROME" in top_level(read_part10(p)[1]).get((0x28, 4), b"")]
        self.assertTrue(gray)
        out = self.deliver(gray, {"plain": "htj2k", "rpcl": "htj2k-rpcl", "rle": "rle"})
        for path in gray:
            uid = sop_uid_of(path)
            for name, syntax in (("plain", HTJ2K), ("rpcl", HTJ2K_RPCL)):
                self.assertEqual(syntax_of(out[name][uid]), syntax)
                self.assertEqual(as_ojph_sees(out[name][uid], self.scratch), native(path))
            self.assertIn(b"\xff\x55", fragments(out["rpcl"][uid])[1][:400], "TLM (PS3.5 10.18)")
            self.assertEqual(syntax_of(out["rle"][uid]), RLE)
            self.assertSamePixels(path, out["rle"][uid])
        # DCMTK takes none of it as it is: decoded for storescp, by a codec worker; carried for the folder.
        scp = self.started(Storescp(free_port(), self.scratch / "scp", "+xe"))
        sent = [*out["plain"].values(), *out["rpcl"].values()][:len(gray)]
        back = self.deliver(sent, {"carried": "original"},
                            [f'scp: {{dicom: "STORESCP@127.0.0.1:{scp.port}", syntax: [jpeg-ls, explicit-le]}}\n'])
        arrived = files_by_uid(scp.folder)
        for path in sent:
            uid = sop_uid_of(path)
            source = next(p for p in gray if sop_uid_of(p) == uid)
            self.assertEqual(read_part10(back["carried"][uid])[1], read_part10(path)[1])
            self.assertEqual(syntax_of(arrived[uid]), EXPLICIT_LE)
            self.assertEqual(native(arrived[uid]), native(source))
        self.assertGreater(self.router.status()["codec_workers"]["decoded"], 0)

    def test_auto_is_the_smallest_of_what_is_there(self):
        files = synthetic(self.scratch / "in", "ct:2,us:1,cr:1,sr:1")
        singles = ("jpeg-ls", "jpeg2000", "htj2k", "rle")
        out = self.deliver(files, {"auto": "auto", **{s.replace("-", "_"): s for s in singles}})
        size = lambda name, uid: out[name][uid].stat().st_size
        total = sum(size("auto", uid) for uid in out["auto"])
        best = sum(min(size(s.replace("-", "_"), uid) for s in singles) for uid in out["auto"])
        self.assertEqual(set(out["auto"]), {sop_uid_of(p) for p in files})
        self.assertLessEqual(total, best * 1.02)
        for path in files:
            uid = sop_uid_of(path)
            if native(path) is None:
                self.assertEqual(read_part10(out["auto"][uid])[1], read_part10(path)[1])
            else:
                self.assertSamePixels(path, out["auto"][uid])

    def test_lossy_is_carried_and_decoded_only_for_who_takes_nothing_else(self):
        colour, lossy = synthetic(self.scratch / "in", "us:1")[0], self.scratch / "lossy.dcm"
        single = self.scratch / "single.dcm"
        shutil.copy(colour, single)
        tool("dcmcjpeg", "+eb", "+cy", single, lossy)
        self.assertEqual(syntax_of(lossy), JPEG_BASELINE)
        scp = self.started(Storescp(free_port(), self.scratch / "scp", "+xe"))
        out = self.deliver([lossy], {"folder": "jpeg-ls, explicit-le", "auto": "auto"},
                           [f'scp: {{dicom: "STORESCP@127.0.0.1:{scp.port}", syntax: [jpeg-ls, explicit-le]}}\n'])
        uid = sop_uid_of(lossy)
        for name in ("folder", "auto"):
            self.assertEqual(read_part10(out[name][uid])[1], read_part10(lossy)[1], "carried as received")
        arrived = files_by_uid(scp.folder)[uid]
        self.assertEqual(syntax_of(arrived), EXPLICIT_LE)
        dump = tool("dcmdump", "-q", "+P", "0028,0004", "+P", "0028,2110", arrived).stdout
        self.assertIn("RGB", dump)
        self.assertIn("[01]", dump, "the lossy history stays")
        tool("dcmdjpeg", lossy, self.scratch / "theirs.dcm")
        ours, theirs = native(arrived), native(self.scratch / "theirs.dcm")
        self.assertEqual(len(ours), len(theirs))
        # Two decoders' colour conversions may differ by a step or two.
        self.assertLessEqual(max(abs(a - b) for a, b in zip(ours[::97], theirs[::97])), 3)

    def test_a_codec_worker_that_is_killed_costs_nothing_else(self):
        files = synthetic(self.scratch / "in", "ct:6")
        coded = list(self.deliver(files, {"jpegls": "jpeg-ls"})["jpegls"].values())
        scp = self.started(Storescp(free_port(), self.scratch / "scp", "+xe"))
        router = self.started(Router(self.scratch / "router",
                                     f'scp: {{dicom: "STORESCP@127.0.0.1:{scp.port}", syntax: [explicit-le]}}',
                                     "- {name: all, send: [scp]}")).start()
        for n, path in enumerate(coded):
            tool(DCMFLOW, "send", f"DCMFLOW@127.0.0.1:{router.port}", path)
            wait_until(router.idle, "it is delivered")
            workers = tool("pgrep", "-P", router.process.pid, check=False).stdout.split()
            for pid in workers if n < 3 else []:
                os.kill(int(pid), signal.SIGKILL)
        self.assertEqual(router.undelivered(), [])
        arrived = files_by_uid(scp.folder)
        for path in files:
            self.assertEqual(native(arrived[sop_uid_of(path)]), native(path))


if __name__ == "__main__":
    main()

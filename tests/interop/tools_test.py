"""DCMTK's tools in; storescp, Orthanc and folders out: right syntax, same pixels, same elements."""
from harness import *

JPEG_LS, JPEG_2000, EXPLICIT_LE, IMPLICIT_LE = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.1",
                                               "1.2.840.10008.1.2")
SR_CLASSES = ("1.2.840.10008.5.1.4.1.1.88.",)


class Tools(Case):
    def route(self, ladder, files, send="dcmsend", options=(), scp_options=()):
        """Sends files through a router to a storescp; {uid: file} there."""
        scp = self.started(Storescp(free_port(), self.scratch / "scp", *scp_options))
        router = self.started(Router(self.scratch / "router",
                                     f'scp: {{dicom: "STORESCP@127.0.0.1:{scp.port}", syntax: [{ladder}]}}',
                                     "- {name: all, send: [scp]}")).start()
        if send == "dcmsend":
            router.dcmsend(files)
        elif send == "dcmflow":
            tool(DCMFLOW, "send", f"DCMFLOW@127.0.0.1:{router.port}", *files)
        else:
            router.storescu(files, *options)
        wait_until(lambda: router.idle(), "everything is delivered")
        self.assertEqual(router.undelivered(), [])
        self.router = router
        return files_by_uid(scp.folder)

    def check_pixels(self, sent, arrived, syntax):
        compressed = 0
        for path in sent:
            uid = sop_uid_of(path)
            self.assertIn(uid, arrived)
            has_pixels = find_pixel_data(read_part10(path)[1], False) is not None
            if has_pixels:
                self.assertEqual(syntax_of(arrived[uid]), syntax)
                self.assertSamePixels(path, arrived[uid])
                compressed += 1
        self.assertGreater(compressed, 0)

    def check_elements(self, sent, arrived, private=True):
        """Elements outside design §6 compare equal, by DCMTK's reading. Private ones have no VR in Implicit VR."""
        for path in sent:
            there = arrived[sop_uid_of(path)]
            before, after = (self.dump(p) for p in (path, there))
            if not private:
                before, after = ([l for l in lines if int(l[4], 16) % 2 == 0] for lines in (before, after))
            self.assertEqual(before, after)

    def dump(self, path):
        # Pixel Data, what may change with it, and the comments that dcmdump adds about its own view of the encoding
        skipped = re.compile(r"^\((0002,....|7fe0,....|0028,0004|0028,0006|fffe,e...)\)")
        lines = tool("dcmdump", "+L", "-q", "+U8", path).stdout.splitlines()
        kept = [re.sub(r"\s*#.*$", "", line.strip()) for line in lines if re.match(r"^\s*\(", line)]
        return [re.sub(r"\((Sequence|Item) with (explicit|undefined) length", r"(\1", k) for k in kept if not skipped.match(k)]

    def test_dcmsend_to_storescp_as_jpeg_ls(self):
        files = synthetic(self.scratch / "in", "ct:6,mr:4,us:1,sr:2")
        arrived = self.route("jpeg-ls, explicit-le", files)
        self.check_pixels(files, arrived, JPEG_LS)
        self.check_elements(files, arrived)

    def test_dcmsend_to_storescp_as_jpeg_2000(self):
        files = synthetic(self.scratch / "in", "ct:3,mr:3,us:1")
        arrived = self.route("jpeg2000, explicit-le", files)
        self.check_pixels(files, arrived, JPEG_2000)
        self.check_elements(files, arrived)

    def test_storescu_implicit_in_explicit_out(self):
        files = synthetic(self.scratch / "in", "ct:3,sr:1")
        arrived = self.route("explicit-le", files, send="storescu", options=("-xi",))
        for path in files:
            self.assertEqual(syntax_of(arrived[sop_uid_of(path)]), EXPLICIT_LE)
        self.check_pixels(files, arrived, EXPLICIT_LE)
        self.check_elements(files, arrived, private=False)

    def test_original_is_byte_for_byte(self):
        """Sent by `dcmflow send`, which sends a file's bytes as they are (DCMTK's tools write sequences anew)."""
        files = synthetic(self.scratch / "in", "ct:3,us:1,sr:1")
        arrived = self.route("original", files, send="dcmflow")
        for path in files:
            self.assertEqual(read_part10(path)[1], read_part10(arrived[sop_uid_of(path)])[1])

    def test_peer_that_takes_only_implicit_gets_the_next_step(self):
        files = synthetic(self.scratch / "in", "ct:3")
        arrived = self.route("jpeg-ls, explicit-le, implicit-le", files, scp_options=("+xi",))
        for path in files:
            self.assertEqual(syntax_of(arrived[sop_uid_of(path)]), IMPLICIT_LE)
            self.assertSamePixels(path, arrived[sop_uid_of(path)])
        self.assertEqual(self.router.json("queue")[0]["failed"], 0)

    def test_echoscu(self):
        self.route("original", synthetic(self.scratch / "in", "sr:1"))
        tool("echoscu", "-aec", "DCMFLOW", "127.0.0.1", self.router.port)
        tool("echoscu", "-aec", "DCMFLOW", "--repeat", "20", "127.0.0.1", self.router.port)

    def test_orthanc(self):
        files = synthetic(self.scratch / "in", "ct:4,us:1,sr:1,mr:2")
        orthanc = self.started(Orthanc(self.scratch / "orthanc"))
        router = self.started(Router(self.scratch / "router",
                                     f'orthanc: {{dicom: "ORTHANC@127.0.0.1:{orthanc.port}", syntax: [jpeg2000, explicit-le]}}',
                                     "- {name: all, send: [orthanc]}")).start()
        router.dcmsend(files)
        wait_until(router.idle, "everything is delivered")
        self.assertEqual(router.undelivered(), [])
        arrived = orthanc.save_all(self.scratch / "out")
        self.assertEqual(len(arrived), len(files))
        self.check_pixels(files, arrived, JPEG_2000)

    def test_corpus_through_the_router(self):
        corpus = Path(os.environ.get("DCMFLOW_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
        if not (corpus / "index.tsv").exists():
            self.skipTest(f"no corpus at {corpus}")
        rows = [dict(zip(lines[0], row)) for lines in [[l.split("\t") for l in
                (corpus / "index.tsv").read_text().splitlines()]] for row in lines[1:]]
        files = [corpus / r["path"] for r in rows if r["role"] == "perf"][:120]
        uids = {}
        for path in files:
            try:
                uids.setdefault(sop_uid_of(path), path)
            except (AssertionError, KeyError):
                pass
        arrived = self.route("jpeg-ls, jpeg2000, explicit-le", list(uids.values()))
        self.assertEqual(set(arrived), set(uids))
        compressed = 0
        for uid, path in uids.items():
            self.assertSamePixels(path, arrived[uid])
            compressed += syntax_of(arrived[uid]) == JPEG_LS
        print(f"{compressed} of {len(uids)} corpus images went as JPEG-LS", file=sys.stderr)
        self.assertGreater(compressed, len(uids) // 2)


if __name__ == "__main__":
    main()

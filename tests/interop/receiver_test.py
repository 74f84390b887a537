"""The receiver at its limits: silent connections, a full disk, more memory wanted than there is."""
from harness import *
from scu import (Association, CT_IMAGE, EXPLICIT_LE, Rejected, VERIFICATION, digest, small_image)


class Receiver(Case):
    def router(self, **kwargs):
        folder = self.scratch / "out"
        folder.mkdir(exist_ok=True)
        return self.started(Router(self.scratch / "router", f'folder: {{folder: "{folder}", layout: "{{SOPInstanceUID}}.dcm", '
                                   f'retry: {{first: 200ms, max: 500ms}}}}', "- {name: all, send: [folder]}", **kwargs))

    def test_64_silent_connections(self):
        router = self.router().start()
        silent = [socket.create_connection(("127.0.0.1", router.port)) for _ in range(64)]
        for s in silent[:16]:
            s.sendall(b"\x01")  # a byte of an A-ASSOCIATE-RQ, then nothing
        times = []
        for _ in range(10):
            started = time.monotonic()
            link = Association(router.port, [(VERIFICATION, [EXPLICIT_LE])])
            self.assertEqual(link.echo(), 0)
            times.append(time.monotonic() - started)
            link.release()
        for s in silent:
            s.close()
        print(f"C-ECHO beside 64 silent connections: median {sorted(times)[5] * 1000:.1f} ms, worst {max(times) * 1000:.1f} ms",
              file=sys.stderr)
        self.assertLess(sorted(times)[5], 5, "a silent connection delays others")

    def test_rejected_at_once_above_the_limit(self):
        router = self.router(listen=", max_associations: 4").start()
        links = [Association(router.port, [(VERIFICATION, [EXPLICIT_LE])]) for _ in range(4)]
        with self.assertRaises(Rejected) as rejected:
            Association(router.port, [(VERIFICATION, [EXPLICIT_LE])])
        self.assertEqual(rejected.exception.args[0][1:4], bytes([2, 3, 2]), "transient, presentation layer, local limit")
        links.pop().release()
        wait_until(lambda: self.try_echo(router), "a place is free again")

    def try_echo(self, router):
        try:
            link = Association(router.port, [(VERIFICATION, [EXPLICIT_LE])])
            status = link.echo()
            link.release()
            return status == 0
        except Rejected:
            return False

    def test_wrong_ae_title_is_rejected(self):
        router = self.router(allow='"CT*@127.0.0.0/8"').start()
        with self.assertRaises(Rejected) as rejected:
            Association(router.port, [(VERIFICATION, [EXPLICIT_LE])], calling="EVIL")
        self.assertEqual(rejected.exception.args[0][1:4], bytes([1, 1, 3]), "permanent, calling AE title not recognised")
        self.assertEqual(Association(router.port, [(VERIFICATION, [EXPLICIT_LE])], calling="CT1").echo(), 0)

    def test_contradiction_and_nonsense(self):
        router = self.router().start()
        link = Association(router.port, [(CT_IMAGE, [EXPLICIT_LE])])
        self.assertEqual(link.store("2.25.5", small_image("2.25.6", 1)) & 0xFF00, 0xA900)
        self.assertEqual(link.store("2.25.7", b"\xde\xad\xbe\xef" * 100) & 0xF000, 0xC000)
        self.assertEqual(link.store("2.25.8", small_image("2.25.8", 1)[:-100]) & 0xF000, 0xC000)
        nested = small_image("2.25.9", 1)[:-8204] + (
            b"\x40\x00\x30\xa7SQ\0\0\xff\xff\xff\xff\xfe\xff\x00\xe0\xff\xff\xff\xff" * 20000)
        self.assertEqual(link.store("2.25.9", nested) & 0xF000, 0xC000)
        self.assertEqual(link.store("2.25.10", small_image("2.25.10", 1)), 0, "and the association lives on")
        link.release()
        wait_until(lambda: len(dicom_files(self.scratch / "out")) == 1, "only the good one is delivered")

    def test_same_uid_same_bytes_and_other_bytes(self):
        router = self.router().start()
        link = Association(router.port, [(CT_IMAGE, [EXPLICIT_LE])])
        for seed in (1, 1, 2):
            self.assertEqual(link.store("2.25.5", small_image("2.25.5", seed)), 0)
        link.release()
        wait_until(router.idle, "delivered")
        delivered = {digest(read_part10(p)[1]) for p in dicom_files(self.scratch / "out")}
        self.assertEqual(delivered, {digest(small_image("2.25.5", seed)) for seed in (1, 2)})
        received = router.json("queue", "show", "1")  # delivered rows are not listed; ids start at 1
        self.assertEqual(sorted(r["version"] for r in received), [1, 2])
        self.assertTrue(all(r["flagged"] for r in received))

    def test_full_disk_gives_a700_and_service_resumes(self):
        router = self.router(node="memory: 256MiB")
        data = router.data
        data.mkdir(parents=True)
        # Its own mount namespace, so that no mount is left behind whatever happens.
        script = f"mount -t tmpfs -o size=24m tmpfs {data} && exec \"$@\""
        wrapper = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
        if tool(*wrapper, "sh", "-c", f"mount -t tmpfs -o size=1m tmpfs {data}", check=False).returncode != 0:
            self.skipTest("no mount namespace here")
        router.start(*wrapper, "sh", "-c", script, "sh")
        router.command_data = f"/proc/{router.process.pid}/root{data}"
        tool(DCMFLOW, "pause", "folder", "--data", router.command_data, "-c", router.config)
        link = Association(router.port, [(CT_IMAGE, [EXPLICIT_LE])])
        acknowledged, refused = {}, 0
        for n in range(60):
            uid = f"2.25.40.{n + 1}"
            image = small_image(uid, n, rows=512, columns=512)
            status = link.store(uid, image)
            if status == 0:
                acknowledged[uid] = digest(image)
            else:
                self.assertEqual(status & 0xFF00, 0xA700, f"status {status:04x}")
                refused += 1
        self.assertGreater(refused, 0, "the disk was full")
        self.assertGreater(len(acknowledged), 5)
        # No truncated file: each blob in the spool is one that was acknowledged, whole.
        blobs = dicom_files(Path(router.command_data) / "objects")
        self.assertEqual({digest(read_part10(p)[1]) for p in blobs}, set(acknowledged.values()))
        # Space returns when the queue drains: the folder is elsewhere.
        tool(DCMFLOW, "resume", "folder", "--data", router.command_data, "-c", router.config)
        wait_until(lambda: len(dicom_files(self.scratch / "out")) == len(acknowledged), "what was accepted is delivered")
        last = small_image("2.25.41", 1, rows=512, columns=512)
        wait_until(lambda: link.store("2.25.41", last) == 0, "service resumes")
        for uid, sha in acknowledged.items():
            self.assertEqual(digest(read_part10(self.scratch / "out" / f"{uid}.dcm")[1]), sha)

    def test_32_senders_of_50_mb_in_256_mib(self):
        scp = self.started(Storescp(free_port(), self.scratch / "scp", "--ignore"))
        router = self.started(Router(self.scratch / "router",
                                     f'scp: {{dicom: "STORESCP@127.0.0.1:{scp.port}", syntax: [jpeg-ls], associations: 4}}',
                                     "- {name: all, send: [scp]}", node="memory: 256MiB")).start()
        frame = small_image("0", 1, rows=512, columns=512)[-512 * 512 * 2:]
        statuses, lock = [], threading.Lock()

        def send(number):
            uid = f"2.25.50.{number + 1}"
            head = small_image(uid, 1, rows=512, columns=512)[:-(12 + 512 * 512 * 2)]
            # Number of Frames goes where its tag belongs, behind (0028,0004)
            cut = head.index(struct.pack("<HH", 0x28, 0x10))
            frames = 96
            head = head[:cut] + struct.pack("<HH2sH", 0x28, 0x08, b"IS", 2) + str(frames).encode() + head[cut:]
            data = head + struct.pack("<HH2sHI", 0x7FE0, 0x10, b"OW", 0, frames * len(frame)) + frame * frames
            link = Association(router.port, [(CT_IMAGE, [EXPLICIT_LE])], timeout=280)
            status = link.store(uid, data)
            link.release()
            with lock:
                statuses.append(status)

        senders = [threading.Thread(target=send, args=(n,)) for n in range(32)]
        for s in senders:
            s.start()
        for s in senders:
            s.join()
        self.assertEqual(statuses, [0] * 32, "senders slow down, none fails")
        wait_until(router.idle, "all delivered", 300)
        peak = int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{router.process.pid}/status").read_text())[1]) / 1024
        print(f"peak resident memory {peak:.0f} MiB", file=sys.stderr)
        self.assertLess(peak, 512)
        self.assertEqual(router.status()["flow"]["reasons"], {"ok": 32})


if __name__ == "__main__":
    main()

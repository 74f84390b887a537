"""Destinations that are down, silent, broken or choosy: the others do not notice, and nothing is lost."""
import select

from harness import *
from scu import Association, CT_IMAGE, EXPLICIT_LE, small_image


class SilentPeer:
    """Accepts TCP and never says a word."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        self.held = []
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.ended.is_set():
            if select.select([self.socket], [], [], 0.2)[0]:
                self.held.append(self.socket.accept()[0])

    def kill(self):
        self.ended.set()
        self.thread.join()
        for s in [*self.held, self.socket]:
            s.close()


class Outages(Case):
    def send_small(self, router, count, base, sop_class=CT_IMAGE):
        link = Association(router.port, [(sop_class, [EXPLICIT_LE])])
        uids = [f"{base}.{n + 1}" for n in range(count)]
        for n, uid in enumerate(uids):
            self.assertEqual(link.store(uid, small_image(uid, n, sop_class), sop_class), 0)
        link.release()
        return set(uids)

    def test_down_while_studies_arrive_and_the_router_dies(self):
        port = free_port()
        router = self.started(Router(
            self.scratch / "router",
            f'archive: {{dicom: "ARCHIVE@127.0.0.1:{port}", syntax: [jpeg-ls, explicit-le], retry: {{first: 200ms, max: 1s}}}}',
            "- {name: all, send: [archive]}")).start()
        sent = self.send_small(router, 60, "2.25.11")
        wait_until(lambda: router.queue()["archive"]["state"] in ("throttled", "down"), "the lane notices")
        router.kill()
        router.start()
        sent |= self.send_small(router, 60, "2.25.12")
        router.stop()  # and a polite restart too
        router.start()
        self.assertEqual(router.queue()["archive"]["ready"] + router.queue()["archive"]["sending"], 120)
        self.assertTrue(all(row["attempts"] == 0 for row in router.undelivered()), "a dead link counts nothing")
        scp = self.started(Storescp(port, self.scratch / "archive", aet="ARCHIVE"))
        wait_until(router.idle, "all delivered, unaided")
        self.assertEqual(set(files_by_uid(scp.folder)), sent)
        self.assertEqual(router.undelivered(), [])

    def throughput(self, name, bad_destinations):
        """Seconds until `count` objects are at the good destination."""
        folder = self.scratch / name
        good = self.started(Storescp(free_port(), folder / "good", aet="GOOD"))
        names = ["good", *bad_destinations]
        destinations = f'good: {{dicom: "GOOD@127.0.0.1:{good.port}", syntax: [jpeg-ls], associations: 2}}\n' + "".join(
            f"{key}: {value}\n" for key, value in bad_destinations.items())
        router = self.started(Router(folder / "router", destinations, f"- {{name: all, send: [{', '.join(names)}]}}")).start()
        started = time.monotonic()
        sent = self.send_small(router, 300, "2.25.21")
        wait_until(lambda: len(list(good.folder.iterdir())) == len(sent), "the good destination has everything")
        took = time.monotonic() - started
        rows = router.queue()
        good.stop()
        router.close()
        return took, rows

    def test_hanging_aborting_and_refusing_cost_the_fourth_nothing(self):
        silent = self.started(SilentPeer())
        aborting = self.started(Storescp(free_port(), self.scratch / "aborting", "--abort-during", aet="ABORT"))
        # Refuses CT: takes only what is in its configuration file.
        profile = self.scratch / "scp.cfg"
        profile.write_text("[[TransferSyntaxes]]\n[LE]\nTransferSyntax1 = LittleEndianExplicit\n[[PresentationContexts]]\n[MR]\n"
                           "PresentationContext1 = MRImageStorage\\LE\n[[Profiles]]\n[Default]\nPresentationContexts = MR\n")
        refusing = self.started(Storescp(free_port(), self.scratch / "refusing", "-xf", profile, "Default", aet="REFUSE"))
        bad = {"silent": f'{{dicom: "SILENT@127.0.0.1:{silent.port}", response_timeout: 60s, connect_timeout: 60s}}',
               "aborting": f'{{dicom: "ABORT@127.0.0.1:{aborting.port}", retry: {{first: 500ms, max: 2s}}}}',
               "refusing": f'{{dicom: "REFUSE@127.0.0.1:{refusing.port}", retry: {{first: 100ms, max: 200ms}}}}'}
        alone, _ = self.throughput("alone", {})
        together, rows = self.throughput("together", bad)
        print(f"good destination: {alone:.2f} s alone, {together:.2f} s beside three bad ones", file=sys.stderr)
        # The rate itself is measured in bench; here only that it does not wait for the others' time-outs (60 s).
        self.assertLess(together, alone + 45)
        for name in bad:
            waiting = sum(rows[name][state] for state in ("ready", "sending", "retry", "held", "failed"))
            self.assertEqual(waiting, 300, f"{name}: every object is accounted for: {rows[name]}")

    def test_refused_sop_class_fails_after_its_tries_and_can_be_retried(self):
        profile = self.scratch / "scp.cfg"
        profile.write_text("[[TransferSyntaxes]]\n[LE]\nTransferSyntax1 = LittleEndianExplicit\n[[PresentationContexts]]\n[MR]\n"
                           "PresentationContext1 = MRImageStorage\\LE\n[[Profiles]]\n[Default]\nPresentationContexts = MR\n")
        port = free_port()
        refusing = self.started(Storescp(port, self.scratch / "refusing", "-xf", profile, "Default", aet="REFUSE"))
        router = self.started(Router(
            self.scratch / "router",
            f'picky: {{dicom: "REFUSE@127.0.0.1:{port}", syntax: [jpeg-ls, explicit-le], retry: {{first: 50ms, max: 100ms}}}}',
            "- {name: all, send: [picky]}")).start()
        sent = self.send_small(router, 5, "2.25.31")
        wait_until(lambda: router.queue()["picky"]["failed"] == 5, "the objects fail, the lane does not")
        self.assertEqual(router.queue()["picky"]["state"], "up")
        for row in router.undelivered():
            self.assertIn("SOP class", row["last_error"])
        refusing.stop()
        willing = self.started(Storescp(port, self.scratch / "willing", aet="REFUSE"))
        self.assertIn("5 deliveries changed", router.command("queue", "retry", "--destination", "picky", "--all").stdout)
        wait_until(lambda: set(files_by_uid(willing.folder)) == sent, "retry delivers them")


if __name__ == "__main__":
    main()

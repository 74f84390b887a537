"""A drain ends at its deadline even if a codec worker hangs, and what it had goes on after the next start."""
from harness import *

EXPLICIT_LE = "1.2.840.10008.1.2.1"


class DrainTest(Case):
    def test_a_hanging_worker_does_not_hold_up_the_stop(self):
        source, = synthetic(self.scratch / "in", "cr:1")
        coded = self.scratch / "coded.dcm"
        tool("dcmcjpls", source, coded)
        out = self.scratch / "out"
        out.mkdir()
        router = self.started(Router(self.scratch / "router", f"folder: {{folder: {out}, syntax: [explicit-le]}}",
                                     "- {name: all, send: [folder]}", node="workers: 1"))
        router.config.write_text(router.config.read_text().replace("drain: 10s", "drain: 1s"))
        router.start()
        workers = tool("pgrep", "-P", router.process.pid).stdout.split()
        self.assertEqual(len(workers), 1)
        os.kill(int(workers[0]), signal.SIGSTOP)
        tool(DCMFLOW, "send", f"DCMFLOW@127.0.0.1:{router.port}", coded)
        began = time.monotonic()
        router.stop()
        # Its own deadline would be a minute and more.
        self.assertLess(time.monotonic() - began, 30)
        self.assertEqual(dicom_files(out), [], "no original in the place of what was asked for")
        router.start()
        wait_until(router.idle, "it is delivered")
        arrived, = dicom_files(out)
        self.assertEqual(syntax_of(arrived), EXPLICIT_LE)
        self.assertSamePixels(arrived, source)


if __name__ == "__main__":
    main()

"""dcmflow recompress as an administrator uses it: every file accounted for, same pixels, nothing half done."""
import importlib.util

from harness import *

JPEG_LS, JPEG_2000 = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"
FIELDS = ["path", "status", "reason", "from", "to", "frames", "bytes_in", "bytes_out", "verified"]


def recompress(*words, check=True):
    return tool(DCMFLOW, "recompress", *words, check=check)


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def names(folder):
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*"))


def large():
    """The script of `make large` as a module."""
    path = Path(__file__).resolve().parents[1] / "large" / "recompress_memory.py"
    spec = importlib.util.spec_from_file_location("recompress_memory", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Recompress(Case):
    def setUp(self):
        super().setUp()
        self.source, self.target = self.scratch / "in", self.scratch / "out"
        self.report = self.scratch / "report.jsonl"

    def run_all(self, *words, to="jpeg-ls", check=True):
        done = recompress(self.source, self.target, "--to", to, "--report", self.report, *words, check=check)
        rows = {os.path.relpath(row["path"], self.source): row for row in lines(self.report)}
        return done, rows

    def mixed_tree(self):
        synthetic(self.source, "ct:4,mr:3,us:1,sr:2")
        (self.source / "notes").mkdir()
        (self.source / "notes" / "empty folder").mkdir()
        (self.source / "notes" / "read me.txt").write_text("not DICOM")
        (self.source / "notes" / "nothing").write_bytes(b"")
        (self.source / "notes" / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\2\0")
        (self.source / "link").symlink_to("notes/read me.txt")
        (self.source / "out of the tree").symlink_to("/etc")

    def test_every_file_of_a_tree_has_its_line_and_its_place(self):
        self.mixed_tree()
        done, rows = self.run_all()
        self.assertEqual(done.returncode, 0)
        self.assertEqual(names(self.source), names(self.target))
        files = [n for n in names(self.source) if not (self.source / n).is_dir() or (self.source / n).is_symlink()]
        self.assertEqual(sorted(rows), files)
        for name, row in rows.items():
            self.assertEqual(list(row)[:9], FIELDS)
            before, after = self.source / name, self.target / name
            if before.is_symlink():
                self.assertEqual((row["status"], row["reason"]), ("copied", "symlink"))
                self.assertEqual(os.readlink(before), os.readlink(after))
                continue
            self.assertEqual((row["bytes_in"], row["bytes_out"]), (before.stat().st_size, after.stat().st_size))
            self.assertEqual(before.stat().st_mtime_ns, after.stat().st_mtime_ns)
            if row["status"] == "compressed":
                self.assertEqual((row["from"], row["to"], row["frames"], row["verified"]),
                                 ("explicit-le", "jpeg-ls", 20 if name.startswith("us") else 1, True))
                self.assertEqual(syntax_of(after), JPEG_LS)
                self.assertLess(row["bytes_out"], row["bytes_in"])
                self.assertSamePixels(before, after)
            else:
                self.assertEqual(before.read_bytes(), after.read_bytes(), name)
        self.assertEqual(rows["notes/read me.txt"]["reason"], "not_dicom")
        self.assertEqual(rows["notes/broken.dcm"]["status"], "kept")
        self.assertEqual(rows["sr/00001.dcm"]["reason"], "not_image")
        self.assertEqual(sum(row["status"] == "compressed" for row in rows.values()), 8)
        self.assertRegex(done.stdout, r"explicit-le +jpeg-ls +8 ")
        self.assertRegex(done.stdout, r"kept +not_image +2")

    def test_report_and_json_say_the_same(self):
        synthetic(self.source, "mr:5,sr:1")
        done, _ = self.run_all("-j")
        self.assertEqual(done.stdout, self.report.read_text())

    def test_file_meta_is_the_sources_but_for_syntax_and_implementation(self):
        synthetic(self.source, "mr:1")
        path = next(self.source.rglob("*.dcm"))
        recompress(path, self.scratch / "one.dcm", "--to", "jpeg2000")
        before, after = read_part10(path)[0], read_part10(self.scratch / "one.dcm")[0]
        self.assertEqual(text(after[(2, 0x10)]), JPEG_2000)
        for tag in before:
            if tag not in ((2, 0), (2, 0x10), (2, 0x12), (2, 0x13)):
                self.assertEqual(before[tag], after[tag], tag)

    def test_there_and_back(self):
        synthetic(self.source, "ct:2,us:1")
        self.run_all(to="jpeg-ls")
        recompress(self.target, self.scratch / "back", "--to", "explicit-le")
        for name in names(self.source):
            if (self.source / name).is_file():
                self.assertEqual(read_part10(self.source / name)[1], read_part10(self.scratch / "back" / name)[1])

    def test_auto_is_never_larger_than_one_of_them(self):
        synthetic(self.source, "ct:2,us:1")
        self.run_all(to="auto")
        automatic = sum(p.stat().st_size for p in self.target.rglob("*.dcm"))
        for syntax in ("jpeg-ls", "jpeg2000"):
            recompress(self.source, self.scratch / syntax, "--to", syntax)
            one = sum(p.stat().st_size for p in (self.scratch / syntax).rglob("*.dcm"))
            self.assertLessEqual(automatic, one * 1.01, syntax)

    def test_other_peoples_compression_and_lossy_sources(self):
        files = synthetic(self.source, "mr:3")
        tool("dcmcrle", files[0], self.source / "lossless.dcm")
        tool("dcmcjpls", "+el", files[0], self.source / "smaller.dcm")
        tool("dcmcjpls", "+en", "+md", "2", files[1], self.source / "lossy.dcm")
        _, rows = self.run_all(to="jpeg2000")
        self.assertEqual((rows["lossless.dcm"]["status"], rows["lossless.dcm"]["from"]), ("compressed", "rle"))
        self.assertSamePixels(files[0], self.target / "lossless.dcm")
        self.assertEqual((rows["smaller.dcm"]["status"], rows["smaller.dcm"]["reason"]), ("kept", "incompressible"))
        self.assertEqual((self.source / "smaller.dcm").read_bytes(), (self.target / "smaller.dcm").read_bytes())
        self.assertEqual((rows["lossy.dcm"]["status"], rows["lossy.dcm"]["reason"]), ("kept", "lossy_source"))
        self.assertEqual((self.source / "lossy.dcm").read_bytes(), (self.target / "lossy.dcm").read_bytes())

    def test_dicomdir_is_copied(self):
        synthetic(self.source, "mr:2")
        for n, path in enumerate(sorted((self.source / "mr").iterdir())):
            path.rename(self.source / f"MR{n}")
        tool("dcmmkdir", "+r", "+id", ".", "-W", "MR0", "MR1", cwd=self.source, check=False)
        self.assertTrue((self.source / "DICOMDIR").exists())
        _, rows = self.run_all()
        self.assertEqual((rows["DICOMDIR"]["status"], rows["DICOMDIR"]["reason"]), ("copied", "dicomdir"))

    def test_usage(self):
        synthetic(self.source, "mr:1")
        inside = self.source / "deeper" / "out"
        (self.scratch / "alias").symlink_to(self.source)
        for words, says in (([self.source, "--to", "jpeg-ls"], "DST is missing"),
                            ([self.source, inside, "--to", "jpeg-ls"], "inside the source"),
                            ([self.source, self.scratch / "alias" / "x", "--to", "jpeg-ls"], "inside the source"),
                            ([self.source, self.source, "--to", "jpeg-ls"], "inside the source"),
                            ([self.source, self.scratch / "new" / ".." / "alias" / "x", "--to", "jpeg-ls"], "does not exist"),
                            ([self.source, self.scratch, "--to", "jpeg-ls"], "inside the destination"),
                            ([self.source, self.target, "--to", "jpegls"], "did you mean jpeg-ls"),
                            ([self.source, self.target, "--to", "jpeg-baseline"], "do not write"),
                            ([self.source, self.target, "--to", "original"], "only copy"),
                            ([self.source, self.target, "--to", "rle", "--report", self.source / "report"], "inside the source"),
                            ([self.source, self.target], "--to")):
            done = recompress(*words, check=False)
            self.assertEqual(done.returncode, 2, words)
            self.assertIn(says, done.stderr)
        self.assertFalse(inside.parent.exists())
        self.assertFalse(self.target.exists())
        self.assertEqual(recompress(self.scratch / "none", self.target, "--to", "rle", check=False).returncode, 1)

    def test_a_report_never_replaces_what_is_no_report(self):
        source = synthetic(self.source, "mr:1")[0]
        before = source.read_bytes()
        twin, note, old = self.scratch / "twin", self.scratch / "note", self.scratch / "old.jsonl"
        os.link(source, twin)
        note.write_text("precious")
        one = self.scratch / "one.dcm"
        for src, dst, report in ((source, one, source), (source, one, twin), (source, one, one), (source, one, note),
                                 (self.source, self.target, twin), (self.source, self.target, note)):
            done = recompress(src, dst, "--to", "jpeg-ls", "--report", report, check=False)
            self.assertEqual(done.returncode, 2, (src, report))
            self.assertIn("the report", done.stderr)
            self.assertEqual(source.read_bytes(), before)
        self.assertEqual(note.read_text(), "precious")
        self.assertFalse(one.exists() or self.target.exists())
        for _ in range(2):
            recompress(source, one, "--to", "jpeg-ls", "--report", old)
            self.assertEqual(len(lines(old)), 1)
        recompress(source, one, "--to", "jpeg-ls", "--report", "/dev/null")

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount")
    def test_another_mount_of_the_source_is_the_source(self):
        files = synthetic(self.source, "mr:1")
        mount = self.scratch / "mount"
        mount.mkdir()
        if not any(line.split()[4] == "/" for line in Path("/proc/self/mountinfo").read_text().splitlines()):
            self.skipTest("the root is no mount here: a chroot into a plain folder")
        if tool("mount", "--bind", files[0].parent, mount, check=False).returncode:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(tool, "umount", mount)
        before = names(self.source)
        for source, target, says in ((self.source, mount / "new", "inside the source"),
                                     (mount, self.source, "inside the destination"),
                                     (mount, files[0].parent / "x", "inside the source")):
            done = recompress(source, target, "--to", "jpeg-ls", check=False)
            self.assertEqual(done.returncode, 2, (source, target))
            self.assertIn(says, done.stderr)
        self.assertEqual(names(self.source), before)

    def test_one_failure_is_partly_and_only_failures_are_failed(self):
        synthetic(self.source, "mr:3")
        os.mkfifo(self.source / "pipe")
        done, rows = self.run_all(check=False)
        self.assertEqual(done.returncode, 4)
        self.assertEqual(rows["pipe"]["status"], "failed")
        self.assertIn("regular file", rows["pipe"]["error"])
        self.assertIn("pipe", done.stderr)
        self.assertEqual(len([r for r in rows.values() if r["status"] == "compressed"]), 3)
        self.assertEqual(recompress(self.source / "pipe", self.scratch / "x", "--to", "rle", check=False).returncode, 1)

    def test_hard_links_to_the_source_are_not_written_over(self):
        files = synthetic(self.source, "mr:2")
        before = files[0].read_bytes()
        (self.target / "mr").mkdir(parents=True)
        os.link(files[0], self.target / "mr" / files[0].name)
        done, rows = self.run_all(check=False)
        self.assertEqual(done.returncode, 4)
        self.assertIn("same file", rows[f"mr/{files[0].name}"]["error"])
        self.assertEqual(files[0].read_bytes(), before)

    def test_folder_links_in_the_destination_are_not_followed(self):
        synthetic(self.source, "mr:1,sr:1")
        elsewhere = self.scratch / "elsewhere"
        elsewhere.mkdir()
        self.target.mkdir()
        (self.target / "mr").symlink_to(elsewhere)
        done, rows = self.run_all(check=False)
        self.assertEqual(done.returncode, 4)
        self.assertEqual([rows[n]["status"] for n in ("mr", "mr/00001.dcm")], ["failed"] * 2)
        self.assertEqual(names(elsewhere), [])

    def test_again_replaces_whole_files(self):
        synthetic(self.source, "mr:2")
        self.run_all(to="explicit-le")
        self.run_all(to="jpeg-ls")
        self.assertEqual({syntax_of(p) for p in dicom_files(self.target)}, {JPEG_LS})
        self.assertEqual(names(self.source), names(self.target))

    def test_kill_leaves_no_half_file(self):
        synthetic(self.source, "ct:30,mr:30")
        whole = self.scratch / "whole"
        recompress(self.source, whole, "--to", "jpeg2000")
        killed = 0
        for enough in (1, 5, 17, 30):
            shutil.rmtree(self.target, ignore_errors=True)
            process = self.started(Process([DCMFLOW, "recompress", self.source, self.target, "--to", "jpeg2000",
                                            "--jobs", "1"], self.scratch / "log"))
            wait_until(lambda: len(dicom_files(self.target)) >= enough, "files arrive")
            process.kill()
            killed += process.popen.returncode == -signal.SIGKILL  # else it was done: nothing to see
            for name in (n for n in names(self.target) if n.endswith(".dcm")):
                self.assertEqual((self.target / name).read_bytes(), (whole / name).read_bytes(), name)
        self.assertGreater(killed, 0, "always killed too late")
        recompress(self.source, self.target, "--to", "jpeg2000")
        self.assertEqual(names(whole), names(self.target), "what the killed run left is taken over")

    def test_sigterm_finishes_what_is_in_hand(self):
        synthetic(self.source, "ct:60")
        process = self.started(Process([DCMFLOW, "recompress", self.source, self.target, "--to", "jpeg2000",
                                        "--jobs", "1", "--report", self.report], self.scratch / "log"))
        wait_until(lambda: self.report.exists() and self.report.read_text(), "the first file is done")
        stopped = process.stop() == 1
        rows = lines(self.report)
        self.assertEqual(stopped, len(rows) < 60, "1 if and only if something was left out")
        self.assertEqual(stopped, "stopped before the end" in process.log())
        self.assertEqual(sorted(os.path.basename(r["path"]) for r in rows),
                         sorted(p.name for p in self.target.rglob("*.dcm")))
        self.assertEqual([p for p in names(self.target) if p.endswith(".tmp")], [])

    @unittest.skipUnless(os.geteuid() == 0, "needs root to mount a small file system")
    def test_full_disk(self):
        synthetic(self.source, "ct:20")
        self.target.mkdir()
        if tool("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.target, check=False).returncode:
            self.skipTest("mounting is not allowed here")
        self.addCleanup(tool, "umount", self.target)
        done, rows = self.run_all(check=False)
        self.assertEqual(done.returncode, 4)
        failed = [r for r in rows.values() if r["status"] == "failed"]
        self.assertEqual(len(rows), 20)
        self.assertTrue(failed and all("No space" in r["error"] for r in failed), failed)
        self.assertEqual(sorted(r["path"].rsplit("/", 1)[1] for r in rows.values() if r["status"] == "compressed"),
                         sorted(p.name for p in self.target.rglob("*") if p.is_file()), "no partial file")

    def test_corpus(self):
        corpus = Path(os.environ.get("DCMFLOW_CORPUS") or Path(__file__).resolve().parents[3] / "shared" / "corpus")
        if not (corpus / "index.tsv").exists():
            self.skipTest("no corpus: set DCMFLOW_CORPUS to the folder that holds index.tsv")
        self.source = corpus
        done, rows = self.run_all()
        self.assertEqual(done.returncode, 0)
        self.assertEqual(names(corpus), names(self.target))
        self.assertEqual(len(rows), sum(p.is_file() for p in corpus.rglob("*")))
        for name, row in rows.items():
            if row["status"] == "compressed":
                self.assertEqual((row["to"], row["verified"]), ("jpeg-ls", True), name)
                self.assertEqual(syntax_of(self.target / name), JPEG_LS, name)
            else:
                self.assertEqual((corpus / name).read_bytes(), (self.target / name).read_bytes(), name)

    def test_large_object_streams(self):
        large().check(DCMFLOW, 300, 128, "jpeg-ls", self.scratch)  # 150 MiB

    def test_memory_is_bounded_by_images_not_by_files(self):
        """Six flat images of 3000 x 3000 x 16, a few KB each: one at a time, though there are threads for all."""
        self.source.mkdir()
        flat, side = self.source / "0.dcm", 3000
        large().make_flat(DCMFLOW, self.scratch / "one", self.scratch / "native.dcm", side)
        recompress(self.scratch / "native.dcm", flat, "--to", "jpeg-ls")
        self.assertLess(flat.stat().st_size, 1 << 20)
        for n in range(1, 6):
            shutil.copy(flat, self.source / f"{n}.dcm")
        code, peak = large().run_measured(DCMFLOW, "recompress", self.source, self.target, "--to", "jpeg2000",
                                          "--memory", "64MiB", "--jobs", "6")
        self.assertEqual(code, 0)
        frame = side * side * 2
        # One at work takes eight frames; a thread and its worker may each keep the last one.
        self.assertLess(peak, (8 + 6 * 2) * frame + (48 << 20), f"peak {peak >> 20} MiB")

    def test_a_source_cut_short_while_it_is_mapped_harms_itself_only(self):
        self.source.mkdir()
        (self.source / "zz.txt").write_text("after it")
        big = self.source / "big.dcm"
        large().make_object(DCMFLOW, self.scratch / "slices", big, 300)  # 150 MiB, about a third in JPEG-LS
        # The least memory: results over 8 MiB go to their file as they are made.
        process = self.started(Process([DCMFLOW, "recompress", self.source, self.target, "--to", "jpeg-ls", "--report",
                                        self.report, "--memory", "64MiB", "--jobs", "1"], self.scratch / "log"))
        wait_until(lambda: any(p.stat().st_size > 4 << 20 for p in self.target.glob(".dcmflow*.tmp")) or
                   not process.alive(), "it is being written")
        process.popen.send_signal(signal.SIGSTOP)  # the rest of the source is not read before it is gone
        self.assertTrue(process.alive() and list(self.target.glob(".dcmflow*.tmp")), process.log())
        os.truncate(big, 1 << 20)
        process.popen.send_signal(signal.SIGCONT)
        wait_until(lambda: not process.alive(), "the end")
        self.assertEqual(process.popen.returncode, 4, process.log())
        rows = {os.path.basename(row["path"]): row for row in lines(self.report)}
        self.assertEqual((rows["big.dcm"]["status"], rows["zz.txt"]["status"]), ("failed", "copied"))
        self.assertRegex(rows["big.dcm"]["error"], "cut short")  # SIGBUS; not only its size
        self.assertEqual(names(self.target), ["zz.txt"])


if __name__ == "__main__":
    main()

"""The command line as an administrator uses it: exit codes, messages, JSON fields, running and stopped router."""
from harness import *
from scu import Association, CT_IMAGE, EXPLICIT_LE, small_image

SUMMARY_FIELDS = {"destination", "state", "ready", "sending", "retry", "held", "failed", "bytes", "oldest_seconds",
                  "last_error"}
LIST_FIELDS = {"id", "destination", "state", "sop_instance_uid", "study_instance_uid", "series_instance_uid", "patient_id",
               "accession_number", "bytes", "syntax", "received", "attempts", "due", "last_error"}

TEN_MISTAKES = """node:
  ae_title: THIS_TITLE_IS_TOO_LONG
  memory: lots
  colour: blue
listen:
  dicom: [{port: 99999, allow: ["CT@10.0.0.0/99"]}]
destinations:
  archive: {dicom: "ARCHIVE@host", syntax: [jpeg-ls]}
  viewer: {dicom: "VIEWER@10.0.0.9:11112", syntax: [jpeg-xl]}
  folder: {folder: ./out, associations: many}
rules:
  - name: one
    when: Modalty == CT
    send: [archive]
  - name: two
    when: Rows == "abc
    send: [nowhere]
unmatched: perhaps
"""


class Commands(Case):
    def setUp(self):
        super().setUp()
        self.out = self.scratch / "out"
        self.out.mkdir()
        self.dead = free_port()
        self.router = self.started(Router(
            self.scratch / "router",
            f'folder: {{folder: "{self.out}", layout: "{{SOPInstanceUID}}.dcm"}}\n'
            f'dead: {{dicom: "DEAD@127.0.0.1:{self.dead}", syntax: [jpeg-ls, explicit-le], retry: {{first: 100ms, max: 300ms}}}}',
            "- {name: ct, when: Modality == CT, send: [dead]}"))

    def send(self, count=3, modality="CT", base="2.25.61"):
        link = Association(self.router.port, [(CT_IMAGE, [EXPLICIT_LE])])
        for n in range(count):
            uid = f"{base}.{n + 1}"
            self.assertEqual(link.store(uid, small_image(uid, n, modality=modality)), 0)
        link.release()

    def states(self):
        return sorted((r["destination"], r["state"]) for r in self.router.undelivered())

    def test_ten_mistakes_in_one_run(self):
        config = self.scratch / "bad.yaml"
        config.write_text(TEN_MISTAKES)
        done = tool(DCMFLOW, "check", "-c", config, check=False)
        self.assertEqual(done.returncode, 78)
        places = re.findall(rf"{re.escape(str(config))}:(\d+):(\d+): ", done.stderr)
        lines = [int(line) for line, _ in places]
        for line in (2, 3, 4, 6, 8, 9, 10, 13, 16, 17, 18):
            self.assertIn(line, lines, done.stderr)
        self.assertGreaterEqual(len(places), 10)
        self.assertIn("Modality", done.stderr, "suggests what was meant")
        self.assertIn(":13:11: ", done.stderr, "the position of the word inside the condition")

    def test_usage(self):
        self.assertEqual(tool(DCMFLOW, "nonsense", check=False).returncode, 2)
        self.assertEqual(tool(DCMFLOW, check=False).returncode, 2)
        self.assertEqual(tool(DCMFLOW, "queue", "drop", "-c", self.router.config, check=False).returncode, 2)
        for command in ("run", "check", "explain", "echo", "send", "queue", "pause", "resume", "recompress", "version"):
            self.assertIn("Example", tool(DCMFLOW, command, "--help").stdout, command)
        self.assertEqual(tool(DCMFLOW, "run", "-c", self.scratch / "none.yaml", check=False).returncode, 78)

    def test_version(self):
        self.assertIn("CharLS", tool(DCMFLOW, "version").stdout)
        self.assertTrue(all(json.loads(l) for l in tool(DCMFLOW, "version", "-j").stdout.splitlines()))

    def test_queue_running_and_stopped(self):
        router = self.router.start()
        self.send()
        wait_until(lambda: router.queue()["dead"]["last_error"], "the error is shown")
        for running in (True, False):
            if not running:
                router.stop()
            rows = router.json("queue")
            for row in rows:
                self.assertLessEqual(SUMMARY_FIELDS, set(row))
            self.assertEqual([r["destination"] for r in rows], ["folder", "dead"])
            entries = router.json("queue", "list")
            self.assertEqual(len(entries), 3)
            for entry in entries:
                self.assertLessEqual(LIST_FIELDS, set(entry))
            shown = router.json("queue", "show", str(entries[0]["id"]))[0]
            self.assertEqual(shown["rules"], ["ct"])
            self.assertEqual(shown["calling_aet"], "PYSCU")
            self.assertIn("dead", router.command("queue").stdout)
            self.assertIn(entries[0]["sop_instance_uid"], router.command("queue", "list").stdout)
        self.assertEqual(router.command("queue", "show", "4711", check=False).returncode, 1)

    def test_hold_release_move_drop(self):
        router = self.router.start()
        self.send()
        one = str(router.undelivered()[0]["id"])
        # What is on the wire at this moment is left alone, and the command says so.
        wait_until(lambda: router.json("queue", "hold", one)[0]["changed"] == 1, "held between two tries")
        self.assertIn(("dead", "held"), self.states())
        router.command("queue", "release", one)
        self.assertNotIn(("dead", "held"), self.states())
        wait_until(lambda: router.json("queue", "move", one, "--to", "folder")[0]["changed"] == 1, "moved between two tries")
        wait_until(lambda: len(dicom_files(self.out)) == 1, "moved and delivered")
        self.assertEqual(router.command("queue", "move", one, "--to", "nowhere", check=False).returncode, 1)
        router.stop()
        changed = router.json("queue", "drop", "--destination", "dead", "--all")[0]["changed"]
        self.assertEqual(changed, 2)
        self.assertEqual(router.undelivered(), [])

    def test_unmatched_is_held_and_released_by_new_rules(self):
        router = self.router.start()
        self.send(2, modality="US")
        self.assertEqual(self.states(), [("", "held")] * 2)
        self.assertIn("no rule matched", router.command("queue").stdout)
        router.command("queue", "release", "--unmatched")
        self.assertEqual(self.states(), [("", "held")] * 2, "today's rules still do not match")
        router.stop()
        router.config.write_text(router.config.read_text().replace(
            "unmatched: hold", "  - {name: us, when: Modality == US, send: [folder]}\nunmatched: hold"))
        router.start()
        self.assertEqual(self.states(), [("", "held")] * 2, "an edited rule re-decides nothing by itself")
        router.command("queue", "release", "--unmatched")
        wait_until(lambda: len(dicom_files(self.out)) == 2, "released by today's rules")

    def test_pause_survives_a_restart(self):
        router = self.router.start()
        router.command("pause", "dead")
        self.send()
        scp = self.started(Storescp(self.dead, self.scratch / "scp", aet="DEAD"))
        router.kill()
        router.start()
        self.assertEqual(router.queue()["dead"]["state"], "paused")
        self.assertEqual(len(dicom_files(scp.folder)), 0)
        router.command("resume", "dead")
        wait_until(lambda: len(dicom_files(scp.folder)) == 3, "resumed")
        self.assertEqual(router.command("pause", "nowhere", check=False).returncode, 1)

    def test_explain(self):
        files = synthetic(self.scratch / "in", "ct:1,sr:1")
        explained = self.router.json("explain", self.scratch / "in")
        self.assertEqual(len(explained), len(files))
        self.assertIn("ct", self.router.command("explain", files[0]).stdout)
        (self.scratch / "in" / "note.txt").write_text("not DICOM")
        self.assertEqual(self.router.command("explain", self.scratch / "in" / "note.txt", check=False).returncode in (1, 4), True)

    def test_echo(self):
        scp = self.started(Storescp(free_port(), self.scratch / "scp"))
        self.assertEqual(tool(DCMFLOW, "echo", f"STORESCP@127.0.0.1:{scp.port}", "-c", self.router.config).returncode, 0)
        self.assertEqual(self.router.command("echo", "dead", check=False).returncode, 1)
        self.assertEqual(self.router.command("check", "--connect", check=False).returncode in (1, 4), True)

    def test_second_router_on_one_folder_is_refused(self):
        self.router.start()
        done = tool(DCMFLOW, "run", "-c", self.router.config, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(str(self.router.process.pid), done.stderr)


if __name__ == "__main__":
    main()

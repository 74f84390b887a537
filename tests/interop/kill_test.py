"""kill -9 at random moments under four senders: everything that got 0000 is at every destination that its rules
name, with its bytes or pixels, with no stuck row and no manual clean-up. DCMFLOW_CRASH_ROUNDS sets the rounds."""
import os
import random
import threading
import time

from harness import *
from scu import Association, CT_IMAGE, EXPLICIT_LE, MR_IMAGE, digest, small_image

ROUNDS = int(os.environ.get("DCMFLOW_CRASH_ROUNDS", "50"))
SENDERS = 4
MOST_PER_ROUND = 40  # objects of one sender


class Sender(threading.Thread):
    """Sends new objects until the router dies or its share is done; records what was acknowledged."""

    def __init__(self, port, round_number, number):
        super().__init__()
        self.port, self.base = port, f"2.25.{round_number + 1}.{number + 1}"
        self.sop_class, self.modality = (MR_IMAGE, "MR") if number % 2 else (CT_IMAGE, "CT")
        self.seed = round_number * 100 + number
        self.acknowledged = {}
        self.refused = {}

    def run(self):
        try:
            link = Association(self.port, [(self.sop_class, [EXPLICIT_LE])])
            for n in range(MOST_PER_ROUND):
                uid = f"{self.base}.{n + 1}"
                data = small_image(uid, self.seed * 1000 + n, self.sop_class, self.modality)
                status = link.store(uid, data, self.sop_class)
                if status == 0:
                    self.acknowledged[uid] = (self.modality, digest(data))
                else:
                    self.refused[uid] = status
        except (OSError, ConnectionError):
            pass


class KillTest(Case):
    def test_nothing_acknowledged_is_lost(self):
        chance = random.Random(int(os.environ.get("DCMFLOW_CRASH_SEED", "20261125")))
        archive = self.started(Storescp(free_port(), self.scratch / "archive", aet="ARCHIVE"))
        viewer = self.started(Storescp(free_port(), self.scratch / "viewer", aet="VIEWER"))
        folder = self.scratch / "folder"
        folder.mkdir()
        router = self.started(Router(
            self.scratch / "router",
            f'archive: {{dicom: "ARCHIVE@127.0.0.1:{archive.port}", syntax: [jpeg-ls, explicit-le], associations: 2,\n'
            f'          retry: {{first: 200ms, max: 1s}}}}\n'
            f'viewer: {{dicom: "VIEWER@127.0.0.1:{viewer.port}", syntax: [explicit-le], retry: {{first: 200ms, max: 1s}}}}\n'
            f'folder: {{folder: "{folder}", layout: "{{Modality}}/{{SOPInstanceUID}}.dcm", retry: {{first: 200ms, max: 1s}}}}',
            "- {name: all, send: [archive, folder]}\n- {name: mr, when: Modality == MR, send: [viewer]}"))
        acknowledged, refused = {}, {}
        for number in range(ROUNDS):
            router.start()
            senders = [Sender(router.port, number, n) for n in range(SENDERS)]
            for sender in senders:
                sender.start()
            time.sleep(chance.uniform(0, 0.8))  # the random moment is the test
            router.kill()
            for sender in senders:
                sender.join()
                acknowledged.update(sender.acknowledged)
                refused.update(sender.refused)
        self.assertFalse(refused, "a healthy disk refuses nothing")
        self.assertGreater(len(acknowledged), ROUNDS, "the senders got through at all")
        router.start()
        wait_until(router.idle, "the queue runs dry by itself", 300)
        self.assertEqual(router.undelivered(), [], "no row is stuck")
        router.stop()
        self.check(acknowledged, archive, viewer, folder)
        self.assertNotIn("ALARM", router.log())
        print(f"{ROUNDS} kills, {len(acknowledged)} acknowledged, none lost", file=sys.stderr)

    def check(self, acknowledged, archive, viewer, folder):
        at_archive, at_viewer = files_by_uid(archive.folder), files_by_uid(viewer.folder)
        at_folder = files_by_uid(folder)
        for uid, (modality, sha) in acknowledged.items():
            self.assertIn(uid, at_folder, "acknowledged and not in the folder")
            self.assertEqual(digest(read_part10(at_folder[uid])[1]), sha, f"{uid} changed on its way to the folder")
            self.assertIn(uid, at_archive, "acknowledged and not at the archive")
            if modality == "MR":
                self.assertIn(uid, at_viewer, "acknowledged and not at the viewer")
        compressed = [u for u in at_archive if syntax_of(at_archive[u]) == "1.2.840.10008.1.2.4.80"]
        self.assertGreater(len(compressed), len(acknowledged) // 2)
        for uid in random.Random(1).sample(compressed, min(60, len(compressed))):
            self.assertSamePixels(at_archive[uid], at_folder[uid])


if __name__ == "__main__":
    main()

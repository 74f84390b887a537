"""make demo: a router between a hospital's modalities and its archive, cloud and viewer, on this machine.

Starts two dcmflow processes. The second plays the three receivers: it listens under their AE titles and keeps what
arrives in a folder each. Synthetic studies go through the first. Then everything that arrived is compared with what was
sent: where, in which syntax, how much smaller, and every pixel, by GDCM, which dcmflow does not use. Exits 0 only if
all of it holds.
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))
import harness
from harness import Process, files_by_uid, find_pixel_data, free_port, read_part10, sop_uid_of, syntax_of, wait_until

STUDIES = "ct:80,mr:40,us:2,sr:3"
TITLES = {"CT": "CT series", "MR": "MR series", "US": "colour ultrasound cine", "SR": "structured report"}
SYNTAXES = {"1.2.840.10008.1.2.4.80": "jpeg-ls", "1.2.840.10008.1.2.4.90": "jpeg2000", "1.2.840.10008.1.2.1": "explicit-le"}

HOSPITAL = """
node: {{ae_title: DCMFLOW, data: {data}, disk: {{quota: 5GiB, keep_free: 64MiB}}}}
listen:
  dicom: [{{port: {port}, allow: ["MODALITY@127.0.0.0/8"]}}]
destinations:
  archive: {{dicom: "ARCHIVE@127.0.0.1:{receivers}", syntax: [auto, explicit-le], associations: 2}}
  cloud:   {{dicom: "CLOUD@127.0.0.1:{receivers}", syntax: [jpeg2000, explicit-le], associations: 2}}
  viewer:  {{dicom: "VIEWER@127.0.0.1:{receivers}", syntax: [explicit-le]}}
rules:
  - name: everything to the archive
    send: [archive]
  - name: cines and reports to the cloud
    when: Modality in [US, SR]
    send: [cloud]
  - name: thin CT to the viewer
    when: Modality == CT and SliceThickness <= 1.25 and not ImageType == LOCALIZER
    send: [viewer]
    priority: stat
  - name: MR to the viewer
    when: Modality == MR
    send: [viewer]
unmatched: hold
"""
RECEIVERS = """
node: {{ae_title: RECEIVERS, data: {data}, disk: {{quota: 5GiB, keep_free: 64MiB}}}}
listen:
  dicom: [{{port: {port}, allow: ["DCMFLOW@127.0.0.0/8"], called: [ARCHIVE, CLOUD, VIEWER]}}]
destinations:
  archive: {{folder: {out}/archive, syntax: [original]}}
  cloud:   {{folder: {out}/cloud, syntax: [original]}}
  viewer:  {{folder: {out}/viewer, syntax: [original]}}
rules:
  - {{name: archive, when: called_aet == ARCHIVE, send: [archive]}}
  - {{name: cloud, when: called_aet == CLOUD, send: [cloud]}}
  - {{name: viewer, when: called_aet == VIEWER, send: [viewer]}}
unmatched: hold
"""


def run(*command):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} exited {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def start(dcmflow, folder, name, config):
    path = folder / f"{name}.yaml"
    path.write_text(config)
    process = Process([dcmflow, "run", "-c", path], folder / f"{name}.log")
    wait_until(lambda: " ready " in process.log() or not process.alive(), f"{name} is ready")
    assert process.alive(), process.log()
    return process, path


def idle(dcmflow, config):
    rows = [json.loads(line) for line in run(dcmflow, "queue", "-j", "-c", config).splitlines()]
    return not any(row["ready"] + row["sending"] + row["retry"] for row in rows)


def size(number):
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024 or unit == "GiB":
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024


class Comparison:
    """What arrived against what was sent and what the rules say."""

    def __init__(self, explained, sent, out, scratch):
        self.explained, self.sent, self.scratch = explained, sent, scratch
        self.arrived = {name: files_by_uid(out / name) for name in ("archive", "cloud", "viewer")}
        self.native = {}
        self.problems = []
        self.rows = {}

    def run(self):
        wanted = {name: set() for name in self.arrived}
        for one in self.explained:
            for delivery in one["deliveries"]:
                wanted[delivery["destination"]].add(one["sop_instance_uid"])
                self.check(one, delivery)
        for name, files in self.arrived.items():
            for uid in set(files) - wanted[name]:
                self.problems.append(f"{uid} is at {name}, where no rule sends it")

    def pixels_of(self, uid, path):
        if uid not in self.native:
            data_set = read_part10(path)[1]
            has = find_pixel_data(data_set, False) is not None
            self.native[uid] = harness.pixels(path, self.scratch) if has else None
        return self.native[uid]

    def check(self, one, delivery):
        uid, name, modality = one["sop_instance_uid"], delivery["destination"], one["modality"]
        there = self.arrived[name].get(uid)
        if there is None:
            self.problems.append(f"{uid} ({modality}) did not arrive at {name}")
            return
        original = self.sent[uid]
        syntax = SYNTAXES.get(syntax_of(there), syntax_of(there))
        if syntax != delivery["syntax"]:
            self.problems.append(f"{uid} is at {name} as {syntax} instead of {delivery['syntax']}")
        before = self.pixels_of(uid, original)
        if before is None:
            same = read_part10(original)[1] == read_part10(there)[1]
        else:
            same = before == harness.pixels(there, self.scratch)
        if not same:
            self.problems.append(f"{uid} differs at {name}")
        rules = [r["rule"] for r in one["rules"] if r["matched"]]
        row = self.rows.setdefault((modality, name, syntax), dict(count=0, sent=0, arrived=0, same=0, rules=rules,
                                                                  images=before is not None))
        row["count"] += 1
        row["sent"] += original.stat().st_size
        row["arrived"] += there.stat().st_size
        row["same"] += same


RULE_OF = {"archive": "everything to the archive", "cloud": "cines and reports to the cloud",
           ("CT", "viewer"): "thin CT to the viewer", ("MR", "viewer"): "MR to the viewer"}


def print_table(rows):
    header = ("what", "objects", "received", "rule", "sent to", "as", "size there", "ratio", "pixels")
    lines = [header]
    for (modality, name, syntax), row in sorted(rows.items()):
        rule = RULE_OF.get((modality, name)) or RULE_OF.get(name, "")
        assert rule in row["rules"], (rule, row["rules"])
        same = "identical" if row["same"] == row["count"] else f"{row['count'] - row['same']} DIFFER"
        lines.append((TITLES[modality], str(row["count"]), size(row["sent"]), rule, name, syntax, size(row["arrived"]),
                      f"{row['sent'] / row['arrived']:.2f} : 1", same if row["images"] else f"({same})"))
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    right = {1, 2, 6, 7}
    for n, line in enumerate(lines):
        print("  ".join(cell.rjust(w) if i in right else cell.ljust(w)
                        for i, (cell, w) in enumerate(zip(line, widths))).rstrip())
        if n == 0:
            print("  ".join("-" * w for w in widths))


def demo(dcmflow, folder):
    harness.DCMFLOW = dcmflow
    port, receivers_port = free_port(), free_port()
    out = folder / "received"
    for name in ("archive", "cloud", "viewer"):
        (out / name).mkdir(parents=True)
    print("Making synthetic studies:", STUDIES, flush=True)
    run(dcmflow, "send", "--write", folder / "studies", "--synthetic", STUDIES, "--seed", 7)
    sent = files_by_uid(folder / "studies")
    receivers, receivers_config = start(dcmflow, folder, "receivers", RECEIVERS.format(
        data=folder / "receivers-data", port=receivers_port, out=out))
    router, config = start(dcmflow, folder, "hospital", HOSPITAL.format(
        data=folder / "hospital-data", port=port, receivers=receivers_port))
    try:
        print(f"A router listens on port {port}; archive, cloud and viewer on port {receivers_port}. Sending …", flush=True)
        started = time.monotonic()
        report = run(dcmflow, "send", f"DCMFLOW@127.0.0.1:{port}", folder / "studies", "--calling", "MODALITY",
                     "--associations", 4, "-j")
        received = time.monotonic() - started
        wait_until(lambda: idle(dcmflow, config), "everything is delivered", 120)
        delivered = time.monotonic() - started
        wait_until(lambda: idle(dcmflow, receivers_config), "the receivers have written everything", 120)
        explained = [json.loads(line) for line in
                     run(dcmflow, "explain", "-j", "-c", config, folder / "studies").splitlines()]
        summary = json.loads(report.splitlines()[-1])
    finally:
        codes = [router.stop(), receivers.stop()]
    print("Comparing every object with what was sent (pixels decoded by GDCM) …\n", flush=True)
    comparison = Comparison(explained, sent, out, folder)
    comparison.run()
    print_table(comparison.rows)
    total = sum(p.stat().st_size for p in sent.values())
    deliveries = sum(row["count"] for row in comparison.rows.values())
    print(f"\n{len(sent)} objects, {size(total)}: received, kept durably and answered in {received:.1f} s "
          f"({total / received / 1e6:.0f} MB/s, median answer {summary['response_p50_us'] / 1000:.1f} ms);\n"
          f"{deliveries} deliveries transcoded, verified and sent {delivered:.1f} s after the first byte "
          f"({total / delivered / 1e6:.0f} MB/s in, on {os.cpu_count()} cores).")
    if any(codes):
        comparison.problems.append(f"a router ended with {codes}")
    if summary["delivered"] != len(sent):
        comparison.problems.append(f"{len(sent) - summary['delivered']} objects were not accepted")
    for problem in comparison.problems[:20]:
        print("PROBLEM:", problem)
    print("Everything arrived where the rules sent it, and every pixel is the same." if not comparison.problems
          else f"{len(comparison.problems)} problems; logs and files are in {folder}")
    return 1 if comparison.problems else 0


def main():
    dcmflow = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else "build/dcmflow")
    folder = Path(tempfile.mkdtemp(prefix="dcmflow-demo-"))
    try:
        code = demo(dcmflow, folder)
    except AssertionError as error:
        print("FAILED:", error)
        print("Logs and files are in", folder)
        return 1
    if code == 0:
        shutil.rmtree(folder)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""What the front-door tests share: routers, peers, files, judges.

Everything here drives real processes: the dcmflow binary, DCMTK's tools, Orthanc. Nothing sleeps for a fixed
time: wait_until polls a condition with a generous deadline, so a slow machine is slow, not red.
"""
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

# The first argument if it is a file; here and not in main(), for tests import the name.
DCMFLOW = (os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 and os.path.isfile(sys.argv[1]) else
           os.environ.get("DCMFLOW_BIN") or str(Path(__file__).resolve().parents[2] / "build" / "dcmflow"))
PATIENCE = float(os.environ.get("DCMFLOW_PATIENCE", "60"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(condition, what, patience=None):
    """Polls until condition() is true; gives its value. Fails the test with `what` after the deadline."""
    deadline = time.monotonic() + (patience or PATIENCE)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience or PATIENCE:.0f} s in vain: {what}")
        time.sleep(0.02)


def port_answers(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


def tool(*command, check=True, timeout=300, **kwargs):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          timeout=timeout, errors="replace", **kwargs)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done


# ---- DICOM files, read without anybody's library -------------------------------------------------------------------

LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}


def read_part10(path):
    """(file meta as {tag: bytes}, data set bytes)"""
    data = Path(path).read_bytes()
    assert data[128:132] == b"DICM", f"{path} is no Part 10 file"
    at, meta = 132, {}
    while at + 8 <= len(data):
        group, element = struct.unpack_from("<HH", data, at)
        if group != 2:
            break
        vr = data[at + 4:at + 6]
        if vr in LONG_VRS:
            length, = struct.unpack_from("<I", data, at + 8)
            start = at + 12
        else:
            length, = struct.unpack_from("<H", data, at + 6)
            start = at + 8
        meta[(group, element)] = data[start:start + length]
        at = start + length
    return meta, data[at:]


def text(value):
    return value.rstrip(b"\0 ").decode("latin-1")


def syntax_of(path):
    return text(read_part10(path)[0][(2, 0x10)])


def sop_uid_of(path):
    return text(read_part10(path)[0][(2, 3)])


def dicom_files(folder):
    return sorted(p for p in Path(folder).rglob("*") if p.is_file() and p.stat().st_size > 132 and
                  read_head(p)[128:132] == b"DICM")


def read_head(path):
    with Path(path).open("rb") as file:
        return file.read(132)


def files_by_uid(folder):
    return {sop_uid_of(p): p for p in dicom_files(folder)}


def top_level(data_set, implicit=False):
    """{(group, element): value bytes} of an Explicit or Implicit VR Little Endian data set, defined lengths only at
    the top; Pixel Data in fragments is left out."""
    at, found = 0, {}
    while at + 8 <= len(data_set):
        group, element = struct.unpack_from("<HH", data_set, at)
        if implicit:
            length, = struct.unpack_from("<I", data_set, at + 4)
            start = at + 8
        elif data_set[at + 4:at + 6] in LONG_VRS:
            length, = struct.unpack_from("<I", data_set, at + 8)
            start = at + 12
        else:
            length, = struct.unpack_from("<H", data_set, at + 6)
            start = at + 8
        if length == 0xFFFFFFFF:
            break
        found[(group, element)] = data_set[start:start + length]
        at = start + length
    return found


def pixels(path, scratch):
    """Native Pixel Data bytes as GDCM decodes them (not a decoder that dcmflow uses to verify)."""
    out = Path(scratch) / ("raw-" + Path(path).name)
    tool("gdcmconv", "--raw", path, out)
    meta, data_set = read_part10(out)
    implicit = text(meta[(2, 0x10)]) == "1.2.840.10008.1.2"
    value = find_pixel_data(data_set, implicit)
    out.unlink()
    return value


def find_pixel_data(data_set, implicit):
    # Walk from the front; sequences of undefined length are skipped by searching for the element itself.
    found = top_level(data_set, implicit).get((0x7FE0, 0x10))
    if found is not None:
        return found
    marker = struct.pack("<HH", 0x7FE0, 0x10)
    at = data_set.rfind(marker)
    while at >= 0:
        if implicit:
            length, = struct.unpack_from("<I", data_set, at + 4)
            start = at + 8
        else:
            length, = struct.unpack_from("<I", data_set, at + 8)
            start = at + 12
        if start + length <= len(data_set):
            return data_set[start:start + length]
        at = data_set.rfind(marker, 0, at)
    return None


def synthetic(folder, what, seed=1):
    """Files of seeded synthetic studies, e.g. "ct:5,mr:3"."""
    tool(DCMFLOW, "send", "--write", folder, "--synthetic", what, "--seed", seed)
    files = dicom_files(folder)
    assert files, f"no synthetic files in {folder}"
    return files


# ---- peers -----------------------------------------------------------------------------------------------------------


class Process:
    """A child process with its output in a file; killed when the test ends."""

    def __init__(self, command, log, **kwargs):
        self.log_path = Path(log)
        self.log_file = self.log_path.open("ab")
        self.popen = subprocess.Popen([str(c) for c in command], stdout=self.log_file, stderr=self.log_file, **kwargs)

    @property
    def pid(self):
        return self.popen.pid

    def alive(self):
        return self.popen.poll() is None

    def log(self):
        return self.log_path.read_text(errors="replace")

    def kill(self, how=signal.SIGKILL):
        if self.alive():
            self.popen.send_signal(how)
        self.popen.wait()
        self.log_file.close()

    def stop(self, patience=None):
        if self.alive():
            self.popen.terminate()
        try:
            return self.popen.wait(patience or PATIENCE)
        finally:
            self.kill()


class Storescp(Process):
    """DCMTK's storescp writing bit-preserving files into `folder`."""

    def __init__(self, port, folder, *options, aet="STORESCP"):
        self.port, self.folder, self.aet = port, Path(folder), aet
        self.folder.mkdir(parents=True, exist_ok=True)
        accept = [] if "-xf" in options else ["+xa"]
        super().__init__(["storescp", *accept, "+B", "-aet", aet, "-od", self.folder, *options, port],
                         str(self.folder) + ".log", env={**os.environ, "TCP_NODELAY": "1"})
        wait_until(lambda: port_answers(port) or not self.alive(), f"storescp on {port}")
        assert self.alive(), self.log()


class Orthanc(Process):
    def __init__(self, folder, aet="ORTHANC"):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.http, self.aet = free_port(), free_port(), aet
        config = {"Name": "test", "StorageDirectory": str(self.folder / "db"), "IndexDirectory": str(self.folder / "db"),
                  "DicomAet": aet, "DicomPort": self.port, "HttpPort": self.http, "RemoteAccessAllowed": False,
                  "AuthenticationEnabled": False, "Plugins": ["/usr/share/orthanc/plugins"], "DicomAlwaysAllowStore": True,
                  "StorageCompression": False, "OverwriteInstances": False}
        path = self.folder / "orthanc.json"
        path.write_text(json.dumps(config))
        super().__init__(["Orthanc", path], self.folder / "orthanc.log")
        wait_until(lambda: self.count() is not None or not self.alive(), "Orthanc answers")
        assert self.alive(), self.log()

    def get(self, path):
        import urllib.request
        with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=10) as answer:
            return answer.read()

    def count(self):
        try:
            return json.loads(self.get("/statistics"))["CountInstances"]
        except OSError:
            return None

    def save_all(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for identifier in json.loads(self.get("/instances")):
            (folder / (identifier + ".dcm")).write_bytes(self.get(f"/instances/{identifier}/file"))
        return files_by_uid(folder)


class Router:
    """One dcmflow router with its folder, config and log. `destinations` and `rules` are YAML blocks."""

    def __init__(self, folder, destinations, rules, unmatched="hold", node="", allow='"*"', listen=""):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.data = self.folder / "data"
        self.config = self.folder / "dcmflow.yaml"
        self.config.write_text(
            f"node:\n  ae_title: DCMFLOW\n  data: {self.data}\n  disk: {{quota: 20GiB, keep_free: 1MiB}}\n  drain: 10s\n"
            f"{indent(node, 2)}"
            f"listen:\n  dicom: [{{port: {self.port}, allow: [{allow}]{listen}}}]\n"
            f"destinations:\n{indent(destinations, 2)}rules:\n{indent(rules, 2)}unmatched: {unmatched}\n")
        self.process = None

    def start(self, *wrapper, env=None):
        self.process = Process([*wrapper, DCMFLOW, "run", "-c", self.config], self.folder / "router.log",
                               env={**os.environ, **(env or {})})
        mark = len(self.log())
        wait_until(lambda: " ready " in self.log()[mark:] or not self.process.alive(), "the router is ready")
        assert self.process.alive(), self.log()[-3000:]
        return self

    def log(self):
        path = self.folder / "router.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def stop(self):
        code = self.process.stop()
        assert code == 0, f"the router exited {code}\n{self.log()[-3000:]}"

    def kill(self):
        self.process.kill()

    def close(self):
        if self.process:
            self.process.kill()

    def command(self, *words, check=True):
        return tool(DCMFLOW, *words, "-c", self.config, check=check)

    def json(self, *words):
        out = self.command(*words, "-j").stdout
        return [json.loads(line) for line in out.splitlines()]

    def queue(self):
        return {row["destination"]: row for row in self.json("queue")}

    def status(self):
        """The router's counters, over its socket."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.data / "dcmflow.sock"))
            s.sendall(b'{"verb":"status"}\n')
            with s.makefile() as lines:
                return json.loads(lines.readline())

    def undelivered(self):
        return self.json("queue", "list")

    def idle(self):
        return not any(row["ready"] + row["sending"] + row["retry"] for row in self.queue().values())

    def dcmsend(self, files, check=True, *options):
        return tool("dcmsend", "-aec", "DCMFLOW", "-nuc", *options, "127.0.0.1", self.port, *files, check=check)

    def storescu(self, files, *options, check=True):
        return tool("storescu", "-aec", "DCMFLOW", *options, "127.0.0.1", self.port, *files, check=check)


def indent(block, by):
    lines = block.strip("\n").splitlines()
    return "".join(" " * by + line + "\n" for line in lines)


class Case(unittest.TestCase):
    """A test with a scratch folder; everything that was started is killed at the end."""

    def setUp(self):
        self.scratch = Path(tempfile.mkdtemp(prefix="dcmflow-"))
        self.addCleanup(shutil.rmtree, self.scratch, True)

    def started(self, thing):
        self.addCleanup(thing.close if hasattr(thing, "close") else thing.kill)
        return thing

    def assertSamePixels(self, a, b):
        self.assertEqual(pixels(a, self.scratch), pixels(b, self.scratch), f"pixels of {a} and {b} differ")


def main():
    if len(sys.argv) > 1 and os.path.isfile(sys.argv[1]):
        del sys.argv[1]
    unittest.main(module="__main__", verbosity=2, warnings="ignore")

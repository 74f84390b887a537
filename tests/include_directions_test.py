"""Keeps the include directions of the design (§2): which folder may include which, and who may see which library."""
import re
import sys
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)

# folder → folders of ours that it may include
ARROWS = {
    "codecs": {"codecs"},
    "rules": {"rules"},
    "pipeline": {"pipeline", "codecs", "rules"},
    "bench": {"bench", "tests", "pipeline", "codecs", "rules"},  # tests: the reader of the corpus
    "tests": {"tests", "pipeline", "codecs", "rules"},
}
# room of the pipeline → rooms that it may include; rooms not named may include all
ROOMS = {
    "dicom": {"dicom", ""},
    "config": {"config", "dicom", ""},
    "dimse": {"dimse", ""},
    "worker": {"worker", ""},
    "spool": {"spool", "dicom", ""},
    "receive": {"receive", "spool", "dimse", "dicom", "config", ""},
    "deliver": {"deliver", "dimse", "dicom", "config", ""},
}
# headers of the pipeline's root that any room may use
BASE = {"pipeline/result.h", "pipeline/log.h", "pipeline/thread_name.h"}
# library → places that may include it
LIBRARIES = {
    r"dcmtk/": ["pipeline/dicom/", "pipeline/receive/", "pipeline/deliver/", "tests/", "bench/"],
    r"(oneapi/)?tbb/": ["pipeline/flow.cpp", "pipeline/versions.cpp", "pipeline/recompress/recompress.cpp", "bench/", "tests/"],
    r"sqlite3\.h": ["pipeline/spool/sqlite", "pipeline/spool/versions.cpp", "tests/"],
    r"curl/": ["pipeline/deliver/"],
    r"charls/": ["codecs/", "tests/", "bench/"],
    r"openjpeg": ["codecs/", "tests/", "bench/"],
    r"yaml-cpp/": ["pipeline/config/", "tests/"],
    r"seccomp\.h": ["pipeline/worker/"],
    r"re2/": ["rules/", "tests/"],
}


def sources():
    for folder in ARROWS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".h", ".cpp"):
                yield folder, path.relative_to(ROOT).as_posix(), path.read_text(errors="replace")


def room_of(name):
    parts = name.split("/")
    return parts[1] if parts[0] == "pipeline" and len(parts) > 2 else ""


class IncludeDirections(unittest.TestCase):
    def test_folders(self):
        wrong = []
        for folder, name, text in sources():
            for quote, target in INCLUDE.findall(text):
                if quote == '"':
                    top = target.split("/")[0]
                    if top not in ARROWS[folder] and "/" in target:
                        wrong.append(f"{name} includes {target}")
        self.assertEqual(wrong, [])

    def test_rooms(self):
        wrong = []
        for _, name, text in sources():
            allowed = ROOMS.get(room_of(name)) if name.startswith("pipeline/") else None
            if allowed is None:
                continue
            for quote, target in INCLUDE.findall(text):
                if quote == '"' and target.startswith("pipeline/"):
                    room = room_of(target)
                    if room not in allowed or (room == "" and target not in BASE):
                        wrong.append(f"{name} includes {target}")
        self.assertEqual(wrong, [])

    def test_libraries(self):
        wrong = []
        for _, name, text in sources():
            for _, target in INCLUDE.findall(text):
                for library, places in LIBRARIES.items():
                    if re.match(library, target) and not any(name.startswith(place) for place in places):
                        wrong.append(f"{name} includes {target}")
        self.assertEqual(wrong, [])

    def test_no_dcmtk_type_in_other_headers(self):
        wrong = []
        for _, name, text in sources():
            if name.endswith(".h") and not any(name.startswith(p) for p in LIBRARIES[r"dcmtk/"]):
                code = re.sub(r"//.*", "", text)
                if re.search(r"\b(Dcm[A-Z]\w+|T_ASC_\w+|OFCondition)\b", code):
                    wrong.append(name)
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)

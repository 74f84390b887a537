"""Runs `dcmflow recompress` on a folder and checks what it says about itself: one line and one file for each."""
import json
import os
import subprocess
import time
from pathlib import Path


class Run:
    def __init__(self):
        self.problems, self.lines, self.seconds = [], {}, 0.0


def files_below(folder):
    return sorted(str(Path(root, name).relative_to(folder)) for root, _, names in os.walk(folder) for name in names)


def recompress(binary, source, out, target, report, patience, jobs=2):
    """Runs it; gives the report's lines by path below `source`, and every way in which they do not add up."""
    result, started = Run(), time.monotonic()
    report.unlink(missing_ok=True)
    command = [str(binary), "recompress", str(source), str(out), "--to", target, "--report", str(report),
               "--jobs", str(jobs)]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=patience)
    except subprocess.TimeoutExpired:
        result.problems.append(f"recompress --to {target} hung: {patience} s")
        return result
    result.seconds = time.monotonic() - started
    read_report(result, source, report, target)
    failed = [p for p, line in result.lines.items() if line.get("status") == "failed"]
    expected = {4, 1} if failed else {0}
    if done.returncode not in expected:
        result.problems.append(f"recompress --to {target} exited {done.returncode}, {sorted(expected)} expected: "
                               f"{done.stderr.decode('utf-8', 'replace')[-500:]}")
    compare_folders(result, source, out, target)
    return result


def read_report(result, source, report, target):
    if not report.exists():
        result.problems.append(f"{target}: no report")
        return
    for text in report.read_text(encoding="utf-8").splitlines():
        line = json.loads(text)
        path = line.get("path", "")
        path = os.path.relpath(path, source) if os.path.isabs(path) else path
        if path in result.lines:
            result.problems.append(f"{target}: {path} is reported twice")
        result.lines[path] = line


def compare_folders(result, source, out, target):
    there, made = set(files_below(source)), set(files_below(out))
    for path in sorted(there - set(result.lines))[:20]:
        result.problems.append(f"{target}: {path} is not in the report")
    for path in sorted(set(result.lines) - there)[:20]:
        result.problems.append(f"{target}: {path} is in the report, not in the source")
    for path in sorted(there - made)[:20]:
        result.problems.append(f"{target}: {path} has no result")
    for path in sorted(made - there)[:20]:
        result.problems.append(f"{target}: {path} came out of nothing")

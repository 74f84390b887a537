"""Throughput of the inline path: four stock dcmsend senders → dcmflow (durable, rules, transcode, verify) → storescp.

    python3 bench/scenarios/inline.py build/dcmflow [--objects 400] [--runs 3]

Prints one JSON object per measurement, with the peer (dcmsend → storescp without a router) in the same run. The machine
decides the numbers; compare by ratio. See docs/performance.md.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "interop"))
import harness
from harness import Router, Storescp, free_port, synthetic, wait_until

SENDERS = 4


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def threads(pid):
    """CPU seconds per thread name, as user + system. The graph's workers have the process's own name."""
    found = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            name = (task / "comm").read_text().strip()
            fields = (task / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue  # it ended meanwhile
        found[name] = found.get(name, 0) + (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return {name: round(seconds, 2) for name, seconds in sorted(found.items(), key=lambda x: -x[1]) if seconds >= 0.01}


def send(port, aet, shares, nodelay):
    env = {**os.environ, **({"TCP_NODELAY": "1"} if nodelay else {})}
    started = time.monotonic()
    senders = [subprocess.Popen(["dcmsend", "-nuc", "-aec", aet, "127.0.0.1", str(port), *map(str, share)], env=env,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for share in shares]
    if any(s.wait() for s in senders):
        raise SystemExit("a sender failed")
    return time.monotonic() - started


def storescp_alone(scratch, shares, nodelay):
    scp = Storescp(free_port(), scratch / "peer", "--ignore", "--fork")
    try:
        return {"wall": send(scp.port, "STORESCP", shares, nodelay)}
    finally:
        scp.kill()


def through_dcmflow(scratch, shares, ladder, rules=1):
    scp = Storescp(free_port(), scratch / "sink", "--ignore", "--fork")
    more = "".join(f"\n- {{name: r{n}, when: 'Modality == XX{n} and Rows > {n}', send: [scp]}}" for n in range(rules - 1))
    router = Router(scratch / f"router-{time.monotonic_ns()}",
                    f'scp: {{dicom: "STORESCP@127.0.0.1:{scp.port}", syntax: [{ladder}], associations: 4}}',
                    "- {name: all, send: [scp]}" + more, node="").start()
    try:
        started = time.monotonic()
        answered = send(router.port, "DCMFLOW", shares, False)
        objects = sum(map(len, shares))
        wait_until(lambda: router.status()["destinations"]["scp"]["delivered"] == objects, "delivered", 600)
        wall = time.monotonic() - started
        status = router.status()
        return {"wall": wall, "answered": answered, "cpu_dcmflow": cpu_seconds(router.process.pid), "threads": threads(router.process.pid),
                "ratio": status["flow"]["bytes_in"] / max(1, status["flow"]["bytes_out"])}
    finally:
        router.close()
        scp.kill()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dcmflow")
    parser.add_argument("--objects", type=int, default=400)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    harness.DCMFLOW = os.path.abspath(given.dcmflow)
    with tempfile.TemporaryDirectory(prefix="dcmflow-bench-") as folder:
        scratch = Path(folder)
        files = synthetic(scratch / "in", f"ct:{given.objects * 3 // 4},mr:{given.objects // 4}")
        total = sum(f.stat().st_size for f in files)
        shares = [files[n::SENDERS] for n in range(SENDERS)]
        cases = {"dcmsend to storescp, as shipped": lambda: storescp_alone(scratch, shares, False),
                 "dcmsend to storescp, TCP_NODELAY": lambda: storescp_alone(scratch, shares, True)}
        for ladder in ("original", "jpeg-ls", "jpeg2000"):
            cases[f"dcmflow {ladder}"] = lambda ladder=ladder: through_dcmflow(scratch, shares, ladder)
        cases["dcmflow original, 64 rules"] = lambda: through_dcmflow(scratch, shares, "original", 64)
        results = {name: [] for name in cases}
        for _ in range(given.runs):  # alternating, so that a drift of the machine hits all
            for name, case in cases.items():
                results[name].append(case())
        for name, runs in results.items():
            rates = sorted(total / r["wall"] / 1e6 for r in runs)
            line = {"case": name, "objects": len(files), "bytes": total, "cores": os.cpu_count(),
                    "MB_per_s": round(statistics.median(rates), 1), "min": round(rates[0], 1), "max": round(rates[-1], 1)}
            for key in ("answered", "cpu_dcmflow", "ratio"):
                values = [r[key] for r in runs if key in r]
                if values:
                    line[key] = round(statistics.median(values), 3)
            if "threads" in runs[-1]:
                line["threads_of_last_run"] = runs[-1]["threads"]
            print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()

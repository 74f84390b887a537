#!/usr/bin/env python3
"""run.py BUILD [TARGET …]: runs the fuzz targets of a build folder, one after another, and prints a table.

FUZZ_SECONDS each (60). Inputs found are kept in BUILD/corpus/TARGET from run to run, crashes in BUILD/crashes/TARGET;
inputs on which an assert of a foreign codec library failed in BUILD/library_asserts/TARGET. Exit 1 if one crashed, or
tested nothing.
"""
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# What is worth trying: longer inputs of a target are slower and find nothing that short ones do not.
MAX_LENGTH = {"condition": 2048, "config": 8192, "dimse": 4096, "part10": 4096, "fragments": 8192, "data_set": 8192,
              "transcode": 16384}
DECODER_MAX_LENGTH = 16384


def run(build, target, seconds):
    folders = {kind: build / kind / target for kind in ("corpus", "crashes", "library_asserts")}
    for folder in folders.values():
        folder.mkdir(parents=True, exist_ok=True)
    seeds = build / "seeds" / target
    seeds.mkdir(parents=True, exist_ok=True)
    command = [str(build / "tests/fuzz" / f"fuzz_{target}"), f"-max_total_time={seconds}", "-rss_limit_mb=2048",
               "-timeout=10", f"-max_len={MAX_LENGTH.get(target, DECODER_MAX_LENGTH)}", "-print_final_stats=1",
               f"-artifact_prefix={folders['crashes']}/", str(folders["corpus"]), str(seeds)]
    if (HERE / f"{target}.dict").exists():
        command.insert(1, f"-dict={HERE / (target + '.dict')}")
    # Leaks: a failed assert of a library leaves what the library held. Ours are found by `make test-asan`.
    options = "detect_leaks=0:" if target.startswith(("decoder_", "transcode")) else ""
    environment = dict(os.environ, DCMFLOW_FUZZ_FINDINGS=str(folders["library_asserts"]),
                       ASAN_OPTIONS=options + "detect_stack_use_after_return=1:allocator_may_return_null=1:quarantine_size_mb=32",
                       UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    with open(build / f"fuzz_{target}.log", "w+b") as log:
        code = subprocess.run(command, stdout=log, stderr=log, env=environment).returncode
        log.seek(0)
        text = log.read().decode("utf-8", "replace")
    return code, text


def last(pattern, text, default="0"):
    found = re.findall(pattern, text)
    return found[-1] if found else default


FEWEST_EDGES = 20  # a target that returns at once covers fewer


def judge(code, text):
    """(what the table says, whether it failed)"""
    if code != 0:
        return "CRASHED: " + last(r"Test unit written to (\S+)", text, f"exit code {code}"), True
    edges = int(last(r"cov: (\d+)", text))
    if edges < FEWEST_EDGES:
        return f"TESTED NOTHING: {edges} edges; no codec, or no way in", True
    return "clean", False


def main():
    build = Path(sys.argv[1]).resolve()
    listed = subprocess.run([build / "tests/fuzz/fuzz_regressions", "--list"], check=True, capture_output=True, text=True)
    targets = sys.argv[2:] or listed.stdout.split()
    seconds = int(os.environ.get("FUZZ_SECONDS", "60"))
    failed = False
    print(f"{'target':<26}{'executions':>11}{'edges':>8}{'corpus':>8}  result", flush=True)
    for target in targets:
        code, text = run(build, target, seconds)
        executions = last(r"stat::number_of_executed_units: (\d+)", text, last(r"#(\d+)\s", text))
        edges, units = last(r"cov: (\d+)", text), last(r"corp: (\d+)", text)
        asserts = len(re.findall(r"^library assert: ", text, re.M))
        result, bad = judge(code, text)
        if asserts:
            result += f"; asserts of libraries at {asserts} places"
        failed = failed or bad
        print(f"{target:<26}{executions:>11}{edges:>8}{units:>8}  {result}", flush=True)
        if bad:
            print(f"  log: {build}/fuzz_{target}.log; replay, minimise: docs/fuzzing.md", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""make corpus: every file of the corpus to every output of `dcmflow recompress`, judged by other people's decoders.

    corpus.py build/dcmflow [--to jpeg-ls,rle] [--only SUBSTRING] [--write-docs docs/lossless.md]

Exit 0: every result is the same image in another syntax, or the original's bytes with a reason. Anything else is
named on stderr: file, output, what was expected; exit 1. Without a corpus it says so and passes.
"""
import argparse
import csv
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import tables
from recompress import files_below, recompress
from verdict import TARGETS, Court

NATIVE_NAMES = {"1.2.840.10008.1.2": "implicit-le", "1.2.840.10008.1.2.1": "explicit-le"}
court = None  # of this process


def open_court(source, work):
    global court
    court = Court(source, work)


def judge(task):
    return court.judge(*task)


def judge_round_trip(task):
    return task[1], court.judge_round_trip(*task)


class Sitting:
    """One run over the corpus: its folders, processes and what was found."""

    def __init__(self, options, source, work):
        self.options, self.source, self.work = options, source, work
        self.verdicts, self.problems, self.round_trips = [], [], Counter()
        self.pool = multiprocessing.Pool(options.jobs, open_court, (str(source), str(work)))

    def output(self, target):
        out, report = self.work / "out" / target, self.work / f"{target}.jsonl"
        run = recompress(self.options.binary, self.source, out, target, report, self.options.patience)
        self.problems += run.problems
        started = time.monotonic()
        tasks = [(str(out), target, path, line) for path, line in sorted(run.lines.items())
                 if (out / path).exists() and (self.source / path).exists()]
        verdicts = self.pool.map(judge, tasks, chunksize=4)
        self.verdicts += verdicts
        self.problems += [f"{v.target}: {v.path}: {p}" for v in verdicts for p in v.problems]
        self.problems += [f"{target}: {path}: failed: {line.get('error')}" for path, line in run.lines.items()
                          if line.get("status") == "failed"]
        judged = time.monotonic() - started
        if target in tables.SINGLE + ["auto"]:
            self.round_trip(target, out, run.lines, verdicts)
        done = sum(v.status == "compressed" for v in verdicts)
        print(f"{target:12} {len(run.lines)} files, {done} transcoded; recompress {run.seconds:.0f} s, "
              f"judges {judged:.0f} s, with round trip {time.monotonic() - started:.0f} s", flush=True)
        if not self.options.keep:
            shutil.rmtree(out, ignore_errors=True)

    def round_trip(self, target, out, lines, verdicts):
        """Native files back to the native syntax that they came in."""
        for native, back_to in NATIVE_NAMES.items():
            paths = [v.path for v in verdicts if v.native == native]
            if not paths:
                continue
            there, back = self.work / "there", self.work / "back"
            for folder in (there, back):
                shutil.rmtree(folder, ignore_errors=True)
            for path in paths:
                (there / path).parent.mkdir(parents=True, exist_ok=True)
                os.link(out / path, there / path)
            run = recompress(self.options.binary, there, back, back_to, self.work / "back.jsonl",
                             self.options.patience)
            self.problems += [f"round trip by {target}: {p}" for p in run.problems]
            tasks = [(str(back), p, lines[p], run.lines[p]) for p in paths if (back / p).exists() and p in run.lines]
            for path, problems in self.pool.map(judge_round_trip, tasks, chunksize=4):
                self.round_trips[target] += not problems
                self.problems += [f"{target}: {path}: {p}" for p in problems]

    def summary(self):
        parts = {"reasons": tables.by_reason(self.verdicts), "judges": tables.by_judge(self.verdicts)}
        parts["sizes"], problems = tables.sizes(self.verdicts)
        self.problems += problems
        parts["perf"], problems = tables.perf_sizes(self.verdicts, perf_files(self.source))
        self.problems += problems
        parts["round-trips"] = tables.table(
            ["native → output → native", *self.round_trips], [["identical", *self.round_trips.values()]])
        for name, text in parts.items():
            print(f"\n{name}\n{text}")
        unjudged = Counter((v.path, v.unjudged) for v in self.verdicts if v.unjudged)
        for (path, why), count in sorted(unjudged.items()):
            print(f"no judge: {path} ({count} outputs): {why}")
        return parts


def perf_files(source):
    index = source / "index.tsv"
    if not index.exists():
        return set()
    with index.open(newline="", encoding="utf-8") as rows:
        return {r["path"] for r in csv.DictReader(rows, delimiter="\t") if r["role"].startswith("perf")}


def find_corpus(options):
    root = Path(__file__).resolve().parents[2]
    return Path(options.corpus or os.environ.get("DCMFLOW_CORPUS") or root.parent / "shared" / "corpus").resolve()


def chosen(source, options, work):
    """The corpus, or links to the part of it that was asked for."""
    if not options.only:
        return source
    part = work / "part"
    for path in files_below(source):
        if options.only in path:
            (part / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source / path, part / path)
    return part


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("--corpus")
    parser.add_argument("--to", default=",".join([*TARGETS, "auto"]), help="outputs, comma separated")
    parser.add_argument("--only", help="only files whose path has this in it")
    parser.add_argument("--jobs", type=int, default=2, help="judging processes")
    parser.add_argument("--patience", type=float, default=1800, help="seconds for one recompress run")
    parser.add_argument("--work", help="scratch folder that stays")
    parser.add_argument("--keep", action="store_true", help="keep the results in it")
    parser.add_argument("--write-docs", type=Path)
    options = parser.parse_args()
    options.binary = options.binary.resolve()
    source = find_corpus(options)
    if not source.is_dir():
        print(f"skipped: no corpus at {source}; set DCMFLOW_CORPUS")
        return 0
    with tempfile.TemporaryDirectory(prefix="dcmflow-corpus-") as scratch:
        work = Path(options.work or scratch).resolve()
        for left in ("out", "part", "decoded"):  # decodings of another run may be of other judges
            shutil.rmtree(work / left, ignore_errors=True)
        work.mkdir(parents=True, exist_ok=True)
        return sit(options, chosen(source, options, work), work)


def sit(options, source, work):
    sitting = Sitting(options, source, work)
    for target in options.to.split(","):
        sitting.output(target)
    parts = sitting.summary()
    if options.write_docs:
        tables.write_docs(options.write_docs, parts)
    for problem in sitting.problems:
        print(f"VIOLATION {problem}", file=sys.stderr)
    print(f"\n{len(sitting.verdicts)} results, {len(sitting.problems)} violations")
    return 1 if sitting.problems or not sitting.verdicts else 0


if __name__ == "__main__":
    sys.exit(main())

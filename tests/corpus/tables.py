"""The tables that `make corpus` prints and docs/lossless.md carries."""
from collections import Counter

COLUMNS = ["jpeg-ls", "jpeg2000", "htj2k", "htj2k-rpcl", "rle", "explicit-le", "implicit-le", "deflated", "auto"]
SINGLE = ["jpeg-ls", "jpeg2000", "htj2k", "htj2k-rpcl", "rle"]
WG04 = ["CT1_UNC", "CT2_UNC", "MR1_UNC", "MR2_UNCR.dcm", "MR3_UNC", "MR4_UNC", "NM1_UNC", "RG2_UNC", "RG3_UNC",
        "SC1_UNC", "US1_UNCR.dcm", "VL1_UNC", "VL2_UNC", "VL3_UNC", "VL6_UNC", "XA1_UNC"]


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(str(c) for c in row) + " |" for row in rows])


def columns_of(verdicts):
    present = {v.target for v in verdicts}
    return [c for c in COLUMNS if c in present]


def cross(verdicts, label, title):
    """Counts of label(verdict) by output."""
    columns = columns_of(verdicts)
    counts = Counter((label(v), v.target) for v in verdicts if label(v))
    labels = sorted({k for k, _ in counts}, key=lambda k: (not k.startswith("compressed"), k))
    return table([title, *columns], [[k, *(counts[k, c] or "" for c in columns)] for k in labels])


def by_reason(verdicts):
    return cross(verdicts, lambda v: "compressed" if v.status == "compressed" else f"{v.status}: {v.reason}",
                 "status: reason")


def by_judge(verdicts):
    agreed = {"gdcmconv", "grk_decompress", "jpegls.py"}

    def label(v):
        if v.status != "compressed":
            return ""
        if v.unjudged:
            return "no judge reads it"
        return v.judge + (f" and {v.second}" if v.second in agreed and v.second != v.judge else "")
    return cross(verdicts, label, "decoded by")


def sizes(verdicts):
    """KiB of the WG-04 images by output; and whether auto's sum is within 1 % of the best single codec's."""
    names = set(WG04)
    size, raw = {}, {}
    for v in verdicts:
        name = v.path.rsplit("/", 1)[-1]
        if name in names:
            size[name, v.target], raw[name] = v.bytes_out, v.bytes_in
    columns = [c for c in COLUMNS if c in SINGLE + ["auto"] and any((n, c) in size for n in names)]
    names = [n for n in WG04 if n in raw]
    if not names or not columns:
        return "", []
    rows = [[n.split("_")[0], kib(raw[n]), *(kib(size[n, c]) for c in columns)] for n in names]
    total = sum(raw[n] for n in names)
    sums = {c: sum(size[n, c] for n in names) for c in columns}
    rows.append(["sum", kib(total), *(kib(sums[c]) for c in columns)])
    rows.append(["ratio", "", *(f"{total / sums[c]:.3f}" for c in columns)])
    return table(["KiB", "native", *columns], rows), best(size, names, "the WG-04 images")


def perf_sizes(verdicts, perf):
    """Sums over the corpus' images of realistic content (role `perf`)."""
    size, raw = {}, {}
    for v in verdicts:
        if v.path in perf:
            size[v.path, v.target], raw[v.path] = v.bytes_out, v.bytes_in
    columns = [c for c in columns_of(verdicts) if c in SINGLE + ["auto"]]
    if not raw or not columns:
        return "", []
    total = sum(raw.values())
    sums = [sum(size[p, c] for p in raw) for c in columns]
    rows = [["MiB", f"{total / 2**20:.1f}", *(f"{s / 2**20:.1f}" for s in sums)],
            ["ratio", "", *(f"{total / s:.3f}" for s in sums)]]
    return table([f"{len(raw)} files", "native", *columns], rows), best(size, list(raw), "the perf images")


def best(size, names, what):
    """`auto` against the smallest single codec of each file, in sum."""
    singles = [c for c in SINGLE if all((n, c) in size for n in names)]
    if not singles or any((n, "auto") not in size for n in names):
        return []
    smallest = sum(min(size[n, c] for c in singles) for n in names)
    auto = sum(size[n, "auto"] for n in names)
    print(f"auto on {what}: {auto} bytes, the best single codec of each file {smallest}: "
          f"{100 * auto / smallest - 100:+.2f} %")
    if auto > smallest * 1.01:
        return [f"auto: {auto} bytes on {what}, more than 1 % above {smallest}"]
    return []


def kib(size):
    return f"{size / 1024:.0f}"


def write_docs(page, parts):
    """Replaces what stands between <!-- corpus:NAME --> and <!-- /corpus:NAME -->."""
    text = page.read_text(encoding="utf-8")
    for name, content in parts.items():
        start, end = f"<!-- corpus:{name} -->", f"<!-- /corpus:{name} -->"
        if start not in text or end not in text:
            raise SystemExit(f"{page}: no markers for {name}")
        head, rest = text.split(start, 1)
        text = head + start + "\n" + content + "\n" + end + rest.split(end, 1)[1]
    page.write_text(text, encoding="utf-8")

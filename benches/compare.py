"""Measures whole runs of coroner against the tools one would use instead, and records the result.

Called by `benches/compare`. Every opponent is measured in pairs with coroner, A B A B ..., on one file whose pages are warm,
and what is reported is the median of the ratios of the pairs: whatever else the machine does hits both sides of a pair. Wall
time is `time.perf_counter` around the whole process, CPU time and memory come from `os.wait4`. Only the standard library is
needed; DuckDB and polars take part if this interpreter can import them (`--engine` runs one of them in its own process).

Traps this file avoids: GNU grep writing to /dev/null stops at the first match, so everybody writes to a file; rg is given a
literal, with captures it leaves its fast path; locale is C for all. Linux inherits "max RSS" over exec, so nobody can show
less than this driver has: such values are printed as `<`. coroner, like rg, maps its input, and mapped pages count as RSS:
`--memory` samples anonymous memory as well.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import importlib.metadata
import importlib.util
import os
import pathlib
import platform
import re
import resource
import shlex
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
LOG_FORMAT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
    ' rt=$request_time ua="$upstream_addr" us="$upstream_status" ut="$upstream_response_time" uc="$upstream_connect_time"'
)


# --- Running one command -----------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Tool:
    """A command to measure. `shown` is how tables and records name it: without paths of this machine."""

    name: str
    argv: list[str]
    shown: str
    rounds: int
    good_statuses: tuple[int, ...] = (0,)
    # What it writes: to delete the one of an earlier run is no part of its work.
    makes: pathlib.Path | None = None


@dataclasses.dataclass
class Sample:
    seconds: float
    cpu_seconds: float
    max_rss: int
    anonymous: int = 0


class Failed(Exception):
    pass


def run_once(tool: Tool, work: pathlib.Path, watch_memory: bool = False) -> Sample:
    """Runs `tool` with its output going to a file; `watch_memory` samples anonymous memory, which costs a little time."""
    environment = {**os.environ, "LC_ALL": "C"}
    if tool.makes:
        tool.makes.unlink(missing_ok=True)
    with open(work / f"{tool.name}.out", "wb") as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        try:
            process = subprocess.Popen(tool.argv, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=environment)
        except OSError as error:
            raise Failed(f"{tool.name}: {error.strerror}") from error
        anonymous = watch(process.pid) if watch_memory else 0
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in tool.good_statuses:
            err.seek(0)
            words = err.read(2000).decode(errors="replace").strip().splitlines()
            raise Failed(f"{tool.name}: status {process.returncode}: {words[-1] if words else 'no message'}")
    return Sample(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, anonymous)


def watch(pid: int) -> int:
    """The largest anonymous memory of a process seen until it ends, looking about every millisecond."""
    largest = 0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
        except OSError:
            break
        sizes = re.findall(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", status, re.MULTILINE)
        largest = max(largest, sum(map(int, sizes)) * 1024)
        time.sleep(0.001)
    return largest


def warm(file: pathlib.Path) -> None:
    with open(file, "rb") as data:
        while data.read(1 << 20):
            pass


# --- The opponents -----------------------------------------------------------------------------------------------------

# Counts per minute, upstream and kind, as a person would write them; all three engines give the same rows.
MAWK_ERRORS = r"""
{
    u = "-"
    if (match($0, /upstream: "[^"]+/)) {
        u = substr($0, RSTART + 11, RLENGTH - 11)
        if (match(u, /^[a-z]+:\/\/[^\/]/)) u = substr(u, index(u, "://") + 3)
        sub(/\/.*/, "", u)
    }
    c = "other"
    if (index($0, "Connection refused")) c = "refused"
    else if (index($0, "upstream timed out")) c = "timeout"
    else if (index($0, "prematurely closed")) c = "premature"
    else if (index($0, "reset by peer")) c = "reset"
    else if (index($0, "too big header") || index($0, "buffered to a temporary file")) c = "buffer"
    n[substr($0, 1, 16) "," u "," c]++
}
END { for (k in n) print k "," n[k] }
"""

# Requests, and those answered 5xx, per minute and what stands for the upstreams.
MAWK_ACCESS = r"""
{
    split($3, s, " ")
    k = substr($1, index($1, "[") + 1, 17) "," $8
    n[k]++
    if (s[1] >= 500 && s[1] < 600) bad[k]++
}
END { for (k in n) print k "," n[k] "," bad[k] + 0 }
"""

DUCKDB_ERRORS = r"""
with t as (
    select l, regexp_extract(l, 'upstream: "(?:\w+://)?([^/"]+)', 1) u
    from read_csv('{file}', columns={{'l': 'VARCHAR'}}, delim='{unused}', quote='', escape='', header=false,
                  auto_detect=false, max_line_size=1048576)
)
select left(l, 16) m, case when u = '' then '-' else u end u,
    case when contains(l, 'Connection refused') then 'refused'
         when contains(l, 'upstream timed out') then 'timeout'
         when contains(l, 'prematurely closed') then 'premature'
         when contains(l, 'reset by peer') then 'reset'
         when contains(l, 'too big header') or contains(l, 'buffered to a temporary file') then 'buffer'
         else 'other' end c,
    count(*) n
from t group by all
"""

DUCKDB_ACCESS = r"""
with t as (
    select regexp_extract(l, '\[([^ ]{{17}})', 1) m, regexp_extract(l, ' ua="([^"]*)"', 1) u,
        regexp_extract(l, '" (\d{{3}}) ', 1) s
    from read_csv('{file}', columns={{'l': 'VARCHAR'}}, delim='{unused}', quote='', escape='', header=false,
                  auto_detect=false, max_line_size=1048576)
)
select m, u, count(*) n, count(*) filter (s >= '500' and s < '600') bad from t group by all
"""

# Quotes stand in values as \\x22, so each of a line belongs to its format.
AGRIND_ACCESS = r"""* | parse regex "\[(?P<m>[^ ]{17})[^\"]*\"[^\"]*\" (?P<s>\d+) .* ua=\"(?P<u>[^\"]*)\"" | count by m, u, s"""

GOACCESS_FORMAT = '%h %^[%d:%t %^] "%r" %s %b "%R" "%u" rt=%T %^'

UNUSED = "\x01"


def query_duckdb(file: str, query: str = DUCKDB_ERRORS) -> list[tuple]:
    import duckdb

    return duckdb.sql(query.format(file=file.replace("'", "''"), unused=UNUSED)).fetchall()


def query_duckdb_access(file: str) -> list[tuple]:
    return query_duckdb(file, DUCKDB_ACCESS)


def query_polars_access(file: str) -> list[tuple]:
    import polars

    line = polars.col("l")
    lines = polars.scan_csv(file, has_header=False, new_columns=["l"], separator=UNUSED, quote_char=None)
    rows = lines.select(
        m=line.str.extract(r"\[([^ ]{17})", 1),
        u=line.str.extract(r' ua="([^"]*)"', 1),
        s=line.str.extract(r'" (\d{3}) ', 1).cast(polars.Int32),
    )
    bad = polars.col("s").is_between(500, 599).sum().alias("bad")
    return rows.group_by("m", "u").agg(polars.len(), bad).collect().rows()


def query_polars(file: str) -> list[tuple]:
    import polars

    line = polars.col("l")
    kinds = [
        (line.str.contains("Connection refused", literal=True), "refused"),
        (line.str.contains("upstream timed out", literal=True), "timeout"),
        (line.str.contains("prematurely closed", literal=True), "premature"),
        (line.str.contains("reset by peer", literal=True), "reset"),
        (line.str.contains("too big header", literal=True), "buffer"),
        (line.str.contains("buffered to a temporary file", literal=True), "buffer"),
    ]
    kind = polars.lit("other")
    for condition, name in reversed(kinds):
        kind = polars.when(condition).then(polars.lit(name)).otherwise(kind)
    lines = polars.scan_csv(file, has_header=False, new_columns=["l"], separator=UNUSED, quote_char=None)
    rows = lines.select(
        m=line.str.slice(0, 16),
        u=line.str.extract(r'upstream: "(?:\w+://)?([^/"]+)', 1).fill_null("-"),
        c=kind,
    )
    return rows.group_by("m", "u", "c").len().collect().rows()


ENGINES = {
    "duckdb": query_duckdb,
    "duckdb-access": query_duckdb_access,
    "polars": query_polars,
    "polars-access": query_polars_access,
}


def run_engine(name: str, file: str) -> None:
    rows = ENGINES[name](file)
    sys.stdout.write("".join(",".join(map(str, row)) + "\n" for row in rows))


def coroner(options: argparse.Namespace, file: pathlib.Path, work: pathlib.Path, table: str, suffix: str) -> Tool:
    flags = ["--table", table, "--bucket", "1m"]
    if table == "traffic":
        flags += ["--log-format", LOG_FORMAT]
    out = work / f"coroner.{suffix}"
    argv = [*shlex.split(options.coroner), "export", str(file), *flags, "-o", str(out)]
    shown = f"coroner export FILE {shlex.join(flags)} -o OUT.{suffix}"
    return Tool(f"coroner-{suffix}", argv, shown, options.rounds, good_statuses=(0, 1), makes=out)


def opponents(options: argparse.Namespace, file: pathlib.Path, work: pathlib.Path) -> list[Tool]:
    """Everybody coroner is compared with for this kind of input, present or not."""
    path = str(file)
    fast, slow = options.rounds, options.slow_rounds

    def counter(program: str, *flags: str) -> Tool:
        return Tool(program, [program, *flags, path], f"LC_ALL=C {shlex.join([program, *flags])} FILE", fast)

    def engine(name: str) -> Tool:
        question = name + ("-access" if options.kind == "access" else "")
        argv = [sys.executable, __file__, "--engine", question, path]
        return Tool(name, argv, f"python3 benches/compare.py --engine {question} FILE", slow)

    floor = [options.generator, "--sum", path, "--threads", "2"]
    floor = Tool("floor", floor, "generate --sum FILE --threads 2", fast)
    if options.kind == "error-gz":
        decode = Tool("decode", [options.decoder, path], "decode FILE (flate2 with zlib-rs, on one thread)", fast)
        unpack = [options.decoder, "--unpack", path]
        unpack = Tool("unpack", unpack, "decode --unpack FILE (as coroner unpacks, on one thread)", fast)
        return [counter("zgrep", "-c", "Connection refused"), counter("gzip", "-dc"), decode, unpack]
    if options.kind == "access":
        mawk = Tool("mawk", ["mawk", "-F", '"', MAWK_ACCESS, path], "mawk -F '\"' MAWK_ACCESS FILE", slow)
        goaccess = ["goaccess", path, "--log-format", GOACCESS_FORMAT, "--date-format", "%d/%b/%Y"]
        goaccess += ["--time-format", "%T", "--no-global-config", "--no-progress", "-o", str(work / "goaccess.json")]
        return [
            floor,
            counter("grep", "-c", " 502 "),
            counter("rg", "-c", " 502 "),
            mawk,
            engine("duckdb"),
            engine("polars"),
            Tool("goaccess", goaccess, "goaccess FILE --log-format … -o OUT.json", slow),
            Tool("rhit", ["rhit", path], "rhit FILE", slow),
            Tool("agrind", ["agrind", "-f", path, AGRIND_ACCESS], "agrind -f FILE AGRIND_ACCESS", slow),
        ]
    mawk = Tool("mawk", ["mawk", MAWK_ERRORS, path], "mawk MAWK_ERRORS FILE", slow)
    return [
        coroner(options, file, work, "failures", "parquet"),
        floor,
        counter("grep", "-c", "Connection refused"),
        counter("rg", "-c", "Connection refused"),
        mawk,
        engine("duckdb"),
        engine("polars"),
    ]


def is_present(tool: Tool) -> bool:
    if tool.name in ENGINES:
        return importlib.util.find_spec(tool.name) is not None
    return shutil.which(tool.argv[0]) is not None


# --- Inputs ------------------------------------------------------------------------------------------------------------


def parse_size(text: str) -> int:
    units = {"k": 10**3, "M": 10**6, "G": 10**9}
    return int(text[:-1]) * units[text[-1]] if text[-1:] in units else int(text)


def make_input(options: argparse.Namespace, kind: str, size: str, upstreams: int = 12) -> pathlib.Path:
    """Generates a log, or takes the one of an earlier run if no newer generator could write another."""
    folder = pathlib.Path(tempfile.gettempdir()) / "coroner-bench"
    folder.mkdir(exist_ok=True)
    file = folder / f"{kind}-{size}-{upstreams}.log"
    generator = shutil.which(options.generator)
    if generator is None:
        sys.exit(f"compare: no generator at {options.generator}")
    if not is_newer(file, pathlib.Path(generator)) or file.stat().st_size < parse_size(size):
        say(f"writing {file.name}")
        flags = ["--kind", kind, "--bytes", size, "--upstreams", str(upstreams)]
        subprocess.run([generator, *flags, "-o", str(file)], check=True)
    return file


def compress(file: pathlib.Path) -> pathlib.Path:
    packed = file.with_suffix(".log.gz")
    if not is_newer(packed, file):
        say(f"writing {packed.name}")
        with open(packed, "wb") as out:
            subprocess.run(["gzip", "-c", str(file)], stdout=out, check=True)
    return packed


def is_newer(file: pathlib.Path, than: pathlib.Path) -> bool:
    return file.exists() and file.stat().st_mtime >= than.stat().st_mtime


# --- Speed -------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    tool: Tool
    samples: list[Sample]
    ratios: list[float]


def compare_speed(options: argparse.Namespace, work: pathlib.Path, report: Report) -> None:
    kind = options.kind.removesuffix("-gz")
    plain = make_input(options, kind, options.bytes)
    file = compress(plain) if options.kind.endswith("-gz") else plain
    base = coroner(options, file, work, "traffic" if kind == "access" else "failures", "csv")
    known = opponents(options, file, work)
    unknown = set((options.only or known[0].name).split(",")) - {tool.name for tool in known}
    if unknown:
        sys.exit(f"compare: --only {','.join(sorted(unknown))}: there is {', '.join(tool.name for tool in known)}")
    tools = [tool for tool in known if select(options, tool, report)]
    if not is_present(base):
        report.line("coroner is missing: the others are measured alone")
        base = None
    warm(file)
    base, results = measure_all(base, tools, work, report)
    n_bytes = plain.stat().st_size
    report.line(f"input: {options.kind}, {n_bytes} bytes of log, {file.stat().st_size} bytes of file")
    print_speed(base, results, n_bytes, report)
    check_agreement([result.tool.name for result in results], work, report)
    if options.hyperfine:
        run_hyperfine(options, [*([base.tool] if base else []), *(result.tool for result in results)], report)


def select(options: argparse.Namespace, tool: Tool, report: Report) -> bool:
    if options.only and tool.name not in options.only.split(","):
        return False
    if not is_present(tool) and not tool.name.startswith("coroner"):
        where = " (this python3 cannot import it; set PYTHON)" if tool.name in ENGINES else ""
        report.line(f"missing, skipped: {tool.name}{where}")
        return False
    return is_present(tool)


def measure_all(
    base: Tool | None, tools: list[Tool], work: pathlib.Path, report: Report
) -> tuple[Result | None, list[Result]]:
    """Measures every tool in pairs with `base`; a tool that fails is reported and left out."""
    base_result = None
    if base:
        try:
            run_once(base, work)
            base_result = Result(base, [], [])
        except Failed as failure:
            report.line(f"failed, so the others are measured alone: {failure}")
    results = []
    for tool in tools:
        try:
            results.append(measure_pairs(base_result, tool, work))
        except Failed as failure:
            report.line(f"failed: {failure}")
    if base_result and not base_result.samples:
        base_result.samples = [run_once(base_result.tool, work) for _ in range(base_result.tool.rounds)]
    return base_result, results


def measure_pairs(base: Result | None, tool: Tool, work: pathlib.Path) -> Result:
    result = Result(tool, [], [])
    if tool.rounds > 3:
        run_once(tool, work)
    for round_number in range(tool.rounds):
        say(f"{tool.name} {round_number + 1}/{tool.rounds}")
        before = run_once(base.tool, work) if base else None
        sample = run_once(tool, work)
        result.samples.append(sample)
        if base and before:
            base.samples.append(before)
            result.ratios.append(before.seconds / sample.seconds)
    return result


def print_speed(base: Result | None, results: list[Result], n_bytes: int, report: Report) -> None:
    rows = [["tool", "runs", "median s", "GB/s", "CPU s", "max RSS MB", "coroner/tool (min..max)"]]
    for result in [*([base] if base else []), *results]:
        median = statistics.median(sample.seconds for sample in result.samples)
        cpu = statistics.median(sample.cpu_seconds for sample in result.samples)
        rss = max(sample.max_rss for sample in result.samples)
        rows.append(
            [
                result.tool.name,
                str(len(result.samples)),
                f"{median:.3f}",
                f"{n_bytes / median / 1e9:.2f}",
                f"{cpu:.2f}",
                show_rss(rss),
                show_ratios(result.ratios),
            ]
        )
    report.table(rows)
    has_floor = any(result.tool.name == "floor" for result in results)
    report.line(
        "GB/s: bytes of log by wall time"
        + ("; floor: two threads read the file and count newlines" if has_floor else "")
    )
    for result in [*([base] if base else []), *results]:
        report.line(f"  {result.tool.name}: {result.tool.shown}")


def show_ratios(ratios: list[float]) -> str:
    if not ratios:
        return "-"
    return f"{statistics.median(ratios):.3f} ({min(ratios):.3f}..{max(ratios):.3f})"


def show_rss(n_bytes: int) -> str:
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return f"{'<' if n_bytes <= own else ''}{n_bytes / 1e6:.0f}"


def check_agreement(names: list[str], work: pathlib.Path, report: Report) -> None:
    """The engines answer the same question, so their rows must be the same."""
    rows = {}
    for name in ("mawk", "duckdb", "polars"):
        if name in names:
            rows[name] = set((work / f"{name}.out").read_text(errors="replace").splitlines())
    if len(rows) < 2:
        return
    first = next(iter(rows))
    for name in list(rows)[1:]:
        n_different = len(rows[first] ^ rows[name])
        verdict = "give the same" if n_different == 0 else f"differ in {n_different} of"
        report.line(f"{first} and {name} {verdict} {len(rows[first])} rows")


def run_hyperfine(options: argparse.Namespace, tools: list[Tool], report: Report) -> None:
    """One block per tool: no ratios from here, blocks minutes apart do not compare."""
    if shutil.which("hyperfine") is None:
        return report.line("missing, skipped: hyperfine")
    flags = ["--shell=none", "--output=pipe", "--style=basic", "--warmup=1", f"--runs={max(2, options.slow_rounds)}"]
    for tool in tools:
        command = ["hyperfine", *flags, f"--command-name={tool.name}", shlex.join(tool.argv)]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"}, check=False)
        report.line((done.stdout or done.stderr).strip())


# --- Memory and growth -------------------------------------------------------------------------------------------------


def measure_memory(options: argparse.Namespace, work: pathlib.Path, report: Report) -> None:
    """coroner alone: inputs that grow tenfold, then as many bytes with a thousand and with a million upstreams."""
    largest = parse_size(options.bytes)
    inputs = [(size, 12) for size in ("10M", "100M", "1G", "10G") if parse_size(size) <= largest]
    inputs += [(options.bytes, 1_000), (options.bytes, 1_000_000)]
    rows = [["input", "upstreams", "runs", "median s", "ns/byte", "growth", "max RSS MB", "anonymous MB"]]
    first = None
    for size, upstreams in inputs:
        file = make_input(options, "error", size, upstreams)
        warm(file)
        tool = coroner(options, file, work, "failures", "csv")
        say(f"{size}, {upstreams} upstreams")
        try:
            samples = [run_once(tool, work) for _ in range(options.slow_rounds)]
            watched = run_once(tool, work, watch_memory=True)
        except Failed as failure:
            report.line(f"failed: {failure}")
            continue
        median = statistics.median(sample.seconds for sample in samples)
        per_byte = median / file.stat().st_size * 1e9
        first = first or per_byte
        rss = max(sample.max_rss for sample in samples)
        numbers = [f"{median:.3f}", f"{per_byte:.3f}", f"{per_byte / first:.2f}", show_rss(rss)]
        anonymous = f"{watched.anonymous / 1e6:.0f}"
        rows.append([size, str(upstreams), str(len(samples)), *numbers, anonymous])
    report.table(rows)
    report.line(
        "growth: time per byte in relation to the first row. max RSS counts mapped pages of the input; anonymous is"
    )
    report.line("the largest of samples taken every millisecond in one more run.")
    report.line(f"  {coroner(options, pathlib.Path('FILE'), work, 'failures', 'csv').shown}")


# --- Telling -----------------------------------------------------------------------------------------------------------


class Report:
    """Lines that are printed and kept for the record."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str = "") -> None:
        print(text, flush=True)
        self.lines.append(text)

    def table(self, rows: list[list[str]]) -> None:
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        for row in rows:
            cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
            self.line("  ".join(cells).rstrip())

    def machine(self) -> None:
        self.line(f"# {datetime.date.today()}  {first_line('git', 'describe', '--always', '--dirty')}")
        self.line(f"cpu: {cpu_model()}, {os.cpu_count()} cores; kernel: {platform.system()} {platform.release().split('-')[0]}")
        self.line("load before: " + " ".join(f"{load:.2f}" for load in os.getloadavg()))
        self.line("rustc: " + "; ".join(output("rustc", "-vV").split("\n")))
        versions = [first_line(tool, "--version") for tool in ("grep", "rg", "hyperfine", "gzip")]
        versions.append(first_line("mawk", "-W", "version"))
        versions += [f"{name} {version_of_module(name) or 'missing'}" for name in ENGINES if "-" not in name]
        versions += [first_line(tool, "--version") for tool in ("goaccess", "rhit", "agrind") if shutil.which(tool)]
        self.line("versions: " + "; ".join(versions) + f"; python {platform.python_version()}")
        self.line()

    def save(self, path: pathlib.Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(path, "a", encoding="utf-8") as record:
            record.write("\n".join(self.lines) + "\n\n")
        say(f"recorded in {os.path.relpath(path, REPOSITORY)}")


def say(text: str) -> None:
    print(f"compare: {text}", file=sys.stderr, flush=True)


def output(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    except OSError:
        return f"{command[0]} missing"
    return done.stdout.strip() if done.returncode == 0 else f"{command[0]}: unknown"


def first_line(*command: str) -> str:
    return output(*command).split("\n")[0]


def version_of_module(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def cpu_model() -> str:
    try:
        names = re.findall(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        names = []
    return names[0] if names else platform.machine()


def record_path(options: argparse.Namespace) -> pathlib.Path:
    if options.record:
        return pathlib.Path(options.record)
    machine = options.machine or f"{cpu_model()} {os.cpu_count()} cores"
    slug = re.sub(r"[^a-z0-9]+", "-", re.sub(r"\(\w+\)", "", machine).lower()).strip("-")
    return REPOSITORY / "benches" / "record" / f"{datetime.date.today()}-{slug}.txt"


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="measure coroner against other tools, in pairs")
    parser.add_argument("--kind", choices=["error", "access", "error-gz"], default="error", help="what to read")
    parser.add_argument("--bytes", default="1G", help="size of the log: k, M, G are powers of 1000 (1G)")
    parser.add_argument("--rounds", type=int, default=11, help="pairs per fast tool (11)")
    parser.add_argument("--slow-rounds", type=int, default=3, help="pairs per slow tool, runs of --memory (3)")
    parser.add_argument("--only", help="only these opponents, e.g. grep,rg")
    parser.add_argument("--memory", action="store_true", help="memory and growth of coroner instead of speed")
    parser.add_argument("--hyperfine", action="store_true", help="add a summary of each tool by hyperfine")
    parser.add_argument("--coroner", default="target/release/coroner", help="command that stands for coroner")
    parser.add_argument("--generator", default="target/release/examples/generate", help="the log generator")
    parser.add_argument("--decoder", default="target/release/examples/decode", help="what only decodes, for error-gz")
    parser.add_argument("--machine", help="name of this machine in the record's file name")
    parser.add_argument("--record", help="file to append to (benches/record/DATE-MACHINE.txt)")
    parser.add_argument("--no-record", action="store_true", help="print only")
    return parser.parse_args()


def main() -> None:
    if sys.argv[1:2] == ["--engine"]:
        return run_engine(*sys.argv[2:4])
    options = parse_options()
    report = Report()
    report.machine()
    with tempfile.TemporaryDirectory(prefix="coroner-bench-") as work:
        measure = measure_memory if options.memory else compare_speed
        measure(options, pathlib.Path(work), report)
    if not options.no_record:
        report.save(record_path(options))


if __name__ == "__main__":
    main()

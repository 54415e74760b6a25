"""Runs every test of the project and adds up what passed: `./dev test [filter]` and `./dev check`.

A step is a function that returns the cases it ran; steps without a common need overlap (two cores). What a
step prints goes to build/log/STEP.log and is shown when it fails. The last line counts all cases.
"""

import collections
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"
LOG = BUILD / "log"
PYTHON = BUILD / "venv/bin/python"
LIVE_TESTS = ["sdk_client_test", "sdk_worker_test"]
GCC_TESTS = [f"sdk_{name}_test" for name in ("core", "coro", "client", "worker", "replayer")]
EXAMPLES = ("hello", "saga", "agent", "fanout", "schedule")
SERVERS_PROGRAMS = [f"{kind}_{name}" for kind in ("example", "cpp_small") for name in EXAMPLES] + [
    "cpp_features", "cpp_rare_events"]
TSAN_OPTIONS = f"suppressions={ROOT}/tests/tsan.supp:second_deadlock_stack=1"
CLOUD_MODULE = "go.temporal.io/auto-scaled-workers"
SEEDS = 400
FUZZ = ("filter", "request", "token", "persisted", "credentials", "packing")
FUZZ_SECONDS = int(os.environ.get("PERDURE_FUZZ_SECONDS", "10"))


@dataclasses.dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list[str] = dataclasses.field(default_factory=list)


class StepFailed(Exception):
    pass


class Step:
    """One step's log and the ways in which it runs things."""

    def __init__(self, name: str, pattern: str):
        self.name = name
        self.pattern = pattern  # for test names within the step; empty for all
        self.path = LOG / f"{name}.log"
        self.log = open(self.path, "w")

    def run(self, *command, env=None, timeout=1800, may_fail=False, cwd=ROOT, nice=0) -> int:
        self.log.write("$ " + " ".join(map(str, command)) + "\n")
        self.log.flush()
        process = subprocess.Popen(
            [*(["nice", "-n", str(nice)] if nice else []), *map(str, command)],
            cwd=cwd, stdin=subprocess.DEVNULL, stdout=self.log, stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})}, start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            raise StepFailed(f"no end after {timeout} s: {command[0]}") from None
        if code != 0 and not may_fail:
            raise StepFailed(f"exit {code}: {' '.join(map(str, command))[:200]}")
        return code

    def output(self, *command, env=None) -> str:
        return subprocess.run(
            list(map(str, command)), cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=self.log, env={**os.environ, **(env or {})}, check=True, text=True,
        ).stdout.strip()

    def junit(self, path: pathlib.Path) -> Outcome:
        """Counts the cases of a JUnit file, as ctest and pytest write it."""
        outcome = Outcome()
        if not path.exists():
            raise StepFailed(f"no results in {path.name}")
        for case in ElementTree.parse(path).getroot().iter("testcase"):
            name, folder = case.get("name"), case.get("classname")
            name = name if folder == name else f"{folder}.{name}"
            if case.find("failure") is not None or case.find("error") is not None:
                outcome.failed += 1
                outcome.notes.append(f"FAILED {name}")
            elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
                outcome.skipped += 1
                outcome.notes.append(f"skipped {name}")
            else:
                outcome.passed += 1
        return outcome

    def ctest(self, preset: str, *arguments, env=None) -> Outcome:
        results = BUILD / preset / f"{self.name}.xml"
        results.unlink(missing_ok=True)
        select = ["-R", self.pattern] if self.pattern else []
        code = self.run(
            "ctest", "--test-dir", BUILD / preset, "-j2", "--timeout", "300", "--output-on-failure",
            "--no-tests=ignore", "--output-junit", results, *arguments, *select, env=env, may_fail=True,
        )
        outcome = self.junit(results)
        if code != 0 and outcome.failed == 0:
            raise StepFailed("ctest failed without a failed test")
        return outcome

    def cases(self, *command, **options) -> Outcome:
        """Counts the lines `passed NAME` and `FAILED NAME…` of a program; the count it prints last must be the same."""
        begin = self.path.stat().st_size
        code = self.run(*command, **options, may_fail=True)
        with open(self.path, "rb") as log:
            log.seek(begin)
            lines = log.read().decode(errors="replace").splitlines()
        passed = [line for line in lines if line.startswith("passed ")]
        failed = [line for line in lines if line.startswith("FAILED ")]
        if f"{len(passed)} passed, {len(failed)} failed" not in lines:
            raise StepFailed(f"exit {code} before all cases ended")
        if not passed and not failed:
            raise StepFailed("no case was run")
        if code != 0 and not failed:
            raise StepFailed(f"exit {code} without a failed case")
        return Outcome(passed=len(passed), failed=len(failed), notes=failed)

    def pytest(self, folder: str, env=None) -> Outcome:
        results = BUILD / f"{self.name}.xml"
        results.unlink(missing_ok=True)
        select = ["-k", self.pattern] if self.pattern else []
        code = self.run(
            PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={results}", folder, *select,
            env=env, timeout=900, may_fail=True,
        )
        if code == 5:  # No test has that name.
            return Outcome()
        outcome = self.junit(results)
        if code != 0 and outcome.failed == 0:
            raise StepFailed("pytest failed without a failed test")
        return outcome


class Postgres:
    """A PostgreSQL of the run's own, shared by the steps; each uses databases of its own."""

    url = ""

    @classmethod
    def start(cls, step: Step):
        cls.url = step.output("tests/postgres.sh", "start", cls.scratch())

    @classmethod
    def scratch(cls) -> str:
        # Not below build/: the user postgres may not be able to walk there.
        return f"/tmp/perdure-postgres-{os.getpid()}"

    @classmethod
    def stop(cls):
        subprocess.run(["tests/postgres.sh", "stop", cls.scratch()], cwd=ROOT, check=False,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# --- Steps: what is built -------------------------------------------------------------------------


def python_environment(step: Step) -> Outcome:
    step.run("./dev", "_python")
    return Outcome()


def protos(step: Step) -> Outcome:
    step.run("./dev", "_protos", timeout=2400)
    return Outcome()


def release(step: Step) -> Outcome:
    step.run("./dev", "_preset", "release", "perdure", "perdure-sim", "perdure-bench", timeout=3000)
    return Outcome()


def release_cpp(step: Step) -> Outcome:
    """The C++ SDK, its examples and the programs that test it, as users build them."""
    step.run("./dev", "_preset", "release", "examples", "perdure_install", "perdure_cpp_tests",
             *LIVE_TESTS, timeout=3000)
    return Outcome()


def gcc(step: Step) -> Outcome:
    step.run("./dev", "_packages", "g++-12")
    step.run("./dev", "_preset", "gcc", *SERVERS_PROGRAMS, *GCC_TESTS, timeout=3000, nice=10)
    return Outcome()


def asan(step: Step) -> Outcome:
    step.run("./dev", "_preset", "asan", "perdure_tests", timeout=2700, nice=10)
    return Outcome()


def tsan(step: Step) -> Outcome:
    step.run("./dev", "_preset", "tsan", "perdure_tests", *SERVERS_PROGRAMS, timeout=2700, nice=10)
    return Outcome()


def postgres(step: Step) -> Outcome:
    Postgres.start(step)
    return Outcome()


def without_clouds(step: Step, source: pathlib.Path, work: pathlib.Path) -> pathlib.Path:
    """A go.mod with a copy of the module that starts workers in clouds: each cloud has files of its own, which register
    it, and their libraries are a quarter of all that would be compiled."""
    original = step.output("go", "-C", source, "list", "-m", "-f", "{{.Dir}}", CLOUD_MODULE)
    copy = work / "auto-scaled-workers"
    shutil.copytree(original, copy, ignore=shutil.ignore_patterns("aws*.go", "gcp*.go", "k8s.go", "*_test.go"))
    step.run("chmod", "-R", "u+w", copy)  # Go keeps modules read-only.
    shutil.copy(source / "go.sum", work / "go.sum")
    module = work / "go.mod"
    module.write_text((source / "go.mod").read_text() + f"\nreplace {CLOUD_MODULE} => {copy}\n")
    return module


def temporal(step: Step) -> Outcome:
    """Temporal's server, built once by Go, unless TEMPORAL_CLI names one."""
    source, work = ROOT / "tests/temporal", BUILD / "temporal"
    if os.environ.get("TEMPORAL_CLI"):
        return Outcome()
    if shutil.which("go") is None:
        return Outcome(skipped=1, notes=["skipped: no go here"])
    content = b"".join((source / name).read_bytes() for name in ("go.mod", "go.sum", "main.go"))
    digest, stamp = hashlib.sha256(content).hexdigest(), work / "built-from"
    if stamp.exists() and stamp.read_text() == digest:
        return Outcome()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    missing = Outcome(skipped=1, notes=["skipped: its modules cannot be had here"])
    if step.run("go", "mod", "download", CLOUD_MODULE, cwd=source, timeout=300, may_fail=True) != 0:
        return missing
    module = ("-modfile", without_clouds(step, source, work))
    # Downloads what is built, and nothing else.
    if step.run("go", "list", *module, "-deps", ".", cwd=source, timeout=900, may_fail=True) != 0:
        return missing
    # With the flags of the other programs in Go, so that what they share is compiled once.
    step.run("go", "build", *module, "-ldflags=-s -w", "-o", work / "temporal", ".", cwd=source, timeout=2400, nice=10)
    stamp.write_text(digest)
    return Outcome()


# --- Steps: what is tested ------------------------------------------------------------------------


def tidy(step: Step) -> Outcome:
    code = step.run("python3", "tests/tidy.py", may_fail=True)
    notes = [step.path.read_text().splitlines()[-1] + " (./dev check fails on any)"]
    return Outcome(passed=1, notes=notes) if code == 0 else Outcome(failed=1)


def tidy_strict(step: Step) -> Outcome:
    step.run("python3", "tests/tidy.py", "--strict")
    return Outcome(passed=1)


def protocol(step: Step) -> Outcome:
    return step.pytest("tests/protocol")


def checker(step: Step) -> Outcome:
    return step.pytest("tests/checker")


def layers(step: Step) -> Outcome:
    step.run("./dev", "_preset", "release", "perdure_layers", timeout=1200)
    return step.ctest("release", "-L", "layers")


def headers(step: Step) -> Outcome:
    step.run("ninja", "-C", "build/release", "--quiet", "headers_alone", timeout=2400)
    return Outcome(passed=1)


def unit(step: Step) -> Outcome:
    return step.ctest("asan", "-LE", "layers", env={"PERDURE_TEST_POSTGRES": Postgres.url})


def unit_tsan(step: Step) -> Outcome:
    # Without rpc, whose tests have gRPC's server in all its forms: what that hands from thread to thread is not seen.
    return step.ctest("tsan", "-LE", "layers", "-E", r"^rpc\.", env={
        "PERDURE_TEST_POSTGRES": Postgres.url,
        "TSAN_OPTIONS": TSAN_OPTIONS,
    })


def cpp_asan_servers(step: Step) -> Outcome:
    step.run("./dev", "_preset", "asan", *SERVERS_PROGRAMS, timeout=2700, nice=10)
    return sanitized_servers(step, "asan", {})


def cpp_tsan_servers(step: Step) -> Outcome:
    return sanitized_servers(step, "tsan", {"TSAN_OPTIONS": TSAN_OPTIONS})


def cpp_gcc(step: Step) -> Outcome:
    """The unit tests of the C++ SDK as GCC 12 builds them, with sanitizers."""
    return step.ctest("gcc", "-R", "^sdk_(core|coro|client|worker|replayer)[.]")


def sanitized_servers(step: Step, preset: str, options: dict[str, str]) -> Outcome:
    """The examples and feature workflows on Perdure, with runs cached, hardly and never, as that preset builds them."""
    return step.pytest("tests/cpp/servers", env={
        "PERDURE_TEST_DB": "", "PERDURE_CPP_SERVERS": "perdure", "PERDURE_CPP_BIN": f"build/{preset}/bin", **options})


def cpp_gcc_servers(step: Step) -> Outcome:
    return sanitized_servers(step, "gcc", {})


def cpp_consumer(step: Step) -> Outcome:
    """The installed SDK, used by a project of its own, with both compilers."""
    prefix = BUILD / "installed"
    step.run("cmake", "--install", BUILD / "release", "--prefix", prefix)
    outcome = Outcome()
    for compiler in ("clang++-19", "g++-12"):
        tree = BUILD / f"consumer-{compiler}"
        step.run("cmake", "-S", ROOT / "tests/cpp/consumer", "-B", tree, "-G", "Ninja",
                 f"-DCMAKE_CXX_COMPILER={compiler}", f"-DCMAKE_PREFIX_PATH={prefix}")
        step.run("ninja", "-C", tree, "--quiet", timeout=600)
        step.run("ctest", "--test-dir", tree, "--output-on-failure", timeout=300)
        step.run(tree / "hello_test", timeout=60)
        step.run(PYTHON, ROOT / "tests/with_server.py", tree / "hello", timeout=60)
        outcome.passed += 3
    cpp_subproject(step)
    outcome.passed += 1
    return outcome


def cpp_subproject(step: Step) -> None:
    """This repository as a folder of another project: it configures, compiles, and knows how to build the rest."""
    tree = BUILD / "subproject"
    step.run("cmake", "-S", ROOT / "tests/cpp/subproject", "-B", tree, "-G", "Ninja", "-DCMAKE_CXX_COMPILER=clang++-19",
             "-DCMAKE_C_COMPILER=clang-19", f"-DPERDURE_PROTOS_BUILD={BUILD / 'protos'}")
    step.run("ninja", "-C", tree, "--quiet", "compiled", timeout=300)
    step.run("ninja", "-C", tree, "--quiet", "-n", "hello")


def cpp_live(step: Step) -> Outcome:
    """The tests of client and worker that need a server, which the unit step leaves out."""
    whole = Outcome()
    for name in LIVE_TESTS:
        results = LOG / f"{name}.xml"
        results.unlink(missing_ok=True)
        code = step.run(PYTHON, ROOT / "tests/with_server.py", BUILD / "release/bin" / name,
                        "--gtest_filter=*Server.*", f"--gtest_output=xml:{results}", timeout=300, may_fail=True)
        outcome = step.junit(results)
        if code != 0 and outcome.failed == 0:
            raise StepFailed(f"{name} failed without a failed test")
        whole.passed += outcome.passed
        whole.failed += outcome.failed
        whole.skipped += outcome.skipped
        whole.notes += outcome.notes
    return whole


def sdk_sqlite(step: Step) -> Outcome:
    return step.pytest("tests/sdk", env={"PERDURE_TEST_DB": ""})


def sdk_postgres(step: Step) -> Outcome:
    return step.pytest("tests/sdk", env={"PERDURE_TEST_DB": Postgres.url})


def crash_sqlite(step: Step) -> Outcome:
    return step.pytest("tests/crash", env={"PERDURE_TEST_DB": ""})


def crash_postgres(step: Step) -> Outcome:
    return step.pytest("tests/crash", env={"PERDURE_TEST_DB": Postgres.url})


def server_sqlite(step: Step) -> Outcome:
    return step.pytest("tests/server", env={"PERDURE_TEST_DB": ""})


def server_postgres(step: Step) -> Outcome:
    return step.pytest("tests/server", env={"PERDURE_TEST_DB": Postgres.url})


def security(step: Step) -> Outcome:
    return step.pytest("tests/security", env={"PERDURE_TEST_DB": ""})


def cpp_interop(step: Step) -> Outcome:
    return step.pytest("tests/cpp/interop", env={"PERDURE_TEST_DB": ""})


def cpp_servers_sqlite(step: Step) -> Outcome:
    return step.pytest("tests/cpp/servers", env={"PERDURE_TEST_DB": ""})


def cpp_servers_postgres(step: Step) -> Outcome:
    return step.pytest("tests/cpp/servers", env={"PERDURE_TEST_DB": Postgres.url})


def omes(step: Step) -> Outcome:
    """The worker for omes' scenarios; those themselves where PERDURE_OMES names the program."""
    return step.pytest("tests/cpp/omes", env={"PERDURE_TEST_DB": ""})


def cpp_crash(step: Step) -> Outcome:
    return step.pytest("tests/cpp/crash", env={"PERDURE_TEST_DB": ""})


def golden_sqlite(step: Step) -> Outcome:
    return step.pytest("tests/golden", env={"PERDURE_TEST_DB": ""})


def golden_postgres(step: Step) -> Outcome:
    return step.pytest("tests/golden", env={"PERDURE_TEST_DB": Postgres.url})


def upgrade(step: Step) -> Outcome:
    """With the server of the release before, which PERDURE_PREVIOUS_BINARY names."""
    return step.pytest("tests/upgrade", env={"PERDURE_TEST_DB": Postgres.url})


def fuzz(step: Step) -> Outcome:
    """Each target, from its kept corpus on, for some seconds."""
    step.run("ninja", "-C", "build/release", "--quiet", "fuzz", timeout=2400, nice=10)
    outcome = Outcome()
    for target in FUZZ:
        work = BUILD / "fuzz" / target
        work.mkdir(parents=True, exist_ok=True)
        corpus = ROOT / "tests/fuzz" / target
        code = step.run(
            BUILD / "release/bin" / f"{target}_fuzz", f"-max_total_time={FUZZ_SECONDS}", "-timeout=10",
            "-rss_limit_mb=2048", f"-artifact_prefix={work}/", "-print_final_stats=1", work, corpus,
            env={"ASAN_OPTIONS": "detect_leaks=1"}, timeout=FUZZ_SECONDS + 120, may_fail=True)
        if code == 0:
            outcome.passed += 1
        else:
            outcome.failed += 1
            outcome.notes.append(f"FAILED {target}: the input that did it is in {work.relative_to(ROOT)}")
    return outcome


def demo(step: Step) -> Outcome:
    step.run("./dev", "run", "--once", timeout=900)
    step.run("./dev", "run", "python", "--once", timeout=300)
    return Outcome(passed=2)


def typescript(step: Step) -> Outcome:
    if shutil.which("node") is None or shutil.which("npm") is None:
        return Outcome(skipped=1, notes=["skipped: no node here"])
    work = BUILD / "typescript"
    shutil.copytree(ROOT / "tests/typescript", work, dirs_exist_ok=True)
    step.run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", cwd=work, timeout=600)
    return step.cases(PYTHON, ROOT / "tests/with_server.py", "node", "cases.mjs", cwd=work, timeout=600)


def golang(step: Step) -> Outcome:
    if shutil.which("go") is None:
        return Outcome(skipped=1, notes=["skipped: no go here"])
    work = ROOT / "tests/go"
    step.run("go", "build", "-o", BUILD / "go-sdk-test", ".", cwd=work, timeout=900)
    return step.cases(PYTHON, ROOT / "tests/with_server.py", BUILD / "go-sdk-test", timeout=600)


def java(step: Step) -> Outcome:
    if shutil.which("mvn") is None or shutil.which("java") is None:
        return Outcome(skipped=1, notes=["skipped: no Maven or no Java here"])
    # Java's compiler leaves what a removed source once was.
    shutil.rmtree(BUILD / "java", ignore_errors=True)
    step.run("mvn", "--batch-mode", "--quiet", "--no-transfer-progress", "--file", "tests/java/pom.xml",
             "process-classes", timeout=900)
    return step.cases(PYTHON, "tests/with_server.py", "java", "-cp", "build/java/classes:build/java/lib/*",
                      "perdure.Main", timeout=600)


def webui(step: Step) -> Outcome:
    missing = [name for name in ("go", "node", "npm") if shutil.which(name) is None]
    if not missing and step.run("./dev", "_packages", "chromium", timeout=600, may_fail=True) != 0:
        missing = ["chromium"]
    if missing:
        return Outcome(skipped=1, notes=[f"skipped: no {', '.join(missing)} here"])
    work = BUILD / "webui"
    shutil.copytree(ROOT / "tests/ui", work, dirs_exist_ok=True)
    step.run("go", "build", "-o", work / "serve", ".", cwd=ROOT / "tests/ui", timeout=900)
    step.run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error", cwd=work, timeout=600)
    code = step.run(PYTHON, ROOT / "tests/with_server.py", "node", "click.mjs", work / "serve", cwd=work, timeout=300,
                    may_fail=True)
    counts = re.findall(r"^(\d+) passed, (\d+) failed$", step.path.read_text(errors="replace"), re.MULTILINE)
    if len(counts) != 1:
        raise StepFailed("the clicks ended without a count")
    outcome = Outcome(passed=int(counts[0][0]), failed=int(counts[0][1]))
    if code != 0 and outcome.failed == 0:
        raise StepFailed(f"exit {code} without a failed case")
    return outcome


def simulator(step: Step) -> Outcome:
    step.run(BUILD / "release/bin/perdure-sim", "--seeds", SEEDS, timeout=900)
    return Outcome(passed=SEEDS)


# Name: (function, what must have ended well before). In this order, two at a time.
TEST = {
    "tidy": (tidy, []),
    "protos": (protos, []),
    "python": (python_environment, []),
    "protocol": (protocol, ["python"]),
    "postgres": (postgres, ["python"]),
    "release": (release, ["protos"]),
    "demo": (demo, ["release_cpp", "python"]),
    "asan": (asan, ["release"]),
    "release_cpp": (release_cpp, ["release"]),
    "cpp_consumer": (cpp_consumer, ["release_cpp", "gcc", "python"]),
    "gcc": (gcc, ["release_cpp"]),
    "cpp_gcc": (cpp_gcc, ["gcc"]),
    "cpp_gcc_servers": (cpp_gcc_servers, ["gcc", "python"]),
    "cpp_live": (cpp_live, ["release_cpp", "python"]),
    "sdk_sqlite": (sdk_sqlite, ["release", "python"]),
    "sdk_postgres": (sdk_postgres, ["release", "postgres"]),
    "typescript": (typescript, ["release", "python"]),
    "golang": (golang, ["release", "python"]),
    "java": (java, ["release", "python"]),
    "webui": (webui, ["release", "python"]),
    "checker": (checker, ["python"]),
    "crash_sqlite": (crash_sqlite, ["release", "python"]),
    "crash_postgres": (crash_postgres, ["release", "postgres"]),
    "simulator": (simulator, ["release"]),
    "server_sqlite": (server_sqlite, ["release", "python"]),
    "server_postgres": (server_postgres, ["release", "postgres"]),
    "security": (security, ["release", "python"]),
    "golden_sqlite": (golden_sqlite, ["release", "python"]),
    "golden_postgres": (golden_postgres, ["release", "postgres"]),
    "upgrade": (upgrade, ["release", "postgres"]),
    "cpp_interop": (cpp_interop, ["release_cpp", "python"]),
    "temporal": (temporal, []),
    "cpp_servers_sqlite": (cpp_servers_sqlite, ["release_cpp", "python", "temporal"]),
    "cpp_servers_postgres": (cpp_servers_postgres, ["release_cpp", "postgres"]),
    "omes": (omes, ["release_cpp", "python"]),
    "cpp_crash": (cpp_crash, ["release_cpp", "python"]),
    "fuzz": (fuzz, ["release"]),
    "unit": (unit, ["asan", "postgres"]),
    "layers": (layers, ["release", "asan"]),
}
CHECK = {
    "tidy": (tidy_strict, []),
    **{name: TEST[name] for name in ("protos", "python", "postgres", "release", "asan", "unit", "layers",
                                     "simulator")},
    "headers": (headers, ["layers"]),
    "tsan": (tsan, ["headers"]),
    "unit_tsan": (unit_tsan, ["tsan", "postgres"]),
    "cpp_asan_servers": (cpp_asan_servers, ["asan", "python"]),
    "cpp_tsan_servers": (cpp_tsan_servers, ["tsan", "python"]),
}
BUILDS = {"protos", "python", "release", "release_cpp", "gcc", "asan", "tsan", "postgres", "temporal"}


def with_needs(plan: dict, names) -> set[str]:
    wanted = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name not in wanted:
            wanted.add(name)
            todo += plan[name][1]
    return wanted


def summary(notes: list[str]) -> list[str]:
    """The notes, those on tests that were skipped as a count for each suite."""
    suites = collections.Counter(note.rpartition(".")[0] for note in notes if note.startswith("skipped "))
    told = [note for note in notes if not note.startswith("skipped ")][:40]
    return told + [f"{suite}: {count}" for suite, count in suites.items()]


class Run:
    def __init__(self, plan: dict, pattern: str):
        self.plan = plan
        self.pattern = ""
        steps = [name for name in plan if pattern in name] if pattern else list(plan)
        if not steps:
            # Not a step: the tests of that name.
            self.pattern = pattern
            steps = ["unit", "sdk_sqlite", "sdk_postgres"]
        chosen = with_needs(plan, steps)
        self.waiting = [name for name in plan if name in chosen]
        self.ended: dict[str, Outcome | None] = {}
        self.busy = 0
        self.change = threading.Condition()
        self.start = time.monotonic()
        self.failures: dict[str, str] = {}

    def say(self, text: str):
        print(f"[{time.monotonic() - self.start:6.0f} s] {text}", flush=True)

    def run_step(self, name: str):
        begin = time.monotonic()
        step = Step(name, self.pattern)
        try:
            outcome = self.plan[name][0](step)
            failure = ""
        except StepFailed as error:
            outcome, failure = Outcome(failed=1), str(error)
        except Exception as error:  # A step that broke is a failed one, never an ended run.
            outcome, failure = Outcome(failed=1), repr(error)
        step.log.close()
        with self.change:
            took = time.monotonic() - begin
            counts = f"{outcome.passed} passed, {outcome.failed} failed, {outcome.skipped} skipped"
            self.say(f"{name}: {'done' if name in BUILDS and not outcome.failed else counts} in {took:.0f} s")
            for note in summary(outcome.notes):
                self.say(f"    {note}")
            if outcome.failed:
                self.failures[name] = failure or "failures"
                self.tell_failure(name, lines=200)
            self.ended[name] = outcome
            self.busy -= 1
            self.change.notify_all()

    def tell_failure(self, name: str, lines: int):
        path = LOG / f"{name}.log"
        self.say(f"    {name}: {self.failures[name]}; the end of {path.relative_to(ROOT)}:")
        tail = path.read_text(errors="replace").splitlines()[-lines:]
        print("\n".join("    | " + line[:300] for line in tail), flush=True)

    def next_step(self) -> str | None:
        for name in self.waiting:
            needs = self.plan[name][1]
            if any(self.ended.get(need) is not None and self.ended[need].failed for need in needs):
                self.waiting.remove(name)
                self.ended[name] = Outcome(failed=1)
                self.say(f"{name}: not run, because {', '.join(needs)} must end well first")
                return self.next_step()
            if all(need in self.ended for need in needs):
                return name
        return None

    def run(self) -> int:
        with self.change:
            while self.waiting or self.busy:
                name = self.next_step() if self.busy < 2 else None
                if name is None:
                    if self.busy:
                        self.change.wait()
                    continue
                self.waiting.remove(name)
                self.busy += 1
                self.say(f"{name} …")
                threading.Thread(target=self.run_step, args=(name,)).start()
        passed = sum(outcome.passed for outcome in self.ended.values())
        failed = sum(outcome.failed for outcome in self.ended.values())
        skipped = sum(outcome.skipped for outcome in self.ended.values())
        self.say("all steps ended")
        for name in self.failures:  # Again, where a reader of the last lines finds it.
            for note in self.ended[name].notes:
                if note.startswith("FAILED"):
                    self.say(f"    {name}: {note}")
            self.tell_failure(name, lines=60 // len(self.failures))
        print(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
        return 1 if failed or not passed else 0


def main() -> int:
    LOG.mkdir(parents=True, exist_ok=True)
    plan = CHECK if sys.argv[1] == "check" else TEST
    try:
        return Run(plan, sys.argv[2] if len(sys.argv) > 2 else "").run()
    finally:
        Postgres.stop()


if __name__ == "__main__":
    sys.exit(main())

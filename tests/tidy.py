"""Checks of form that no compiler makes: includes, lengths, layout, and that each rule of replay has its test. Prints
each breach. Exits 1 if there is a breach of what others rely on (includes, rules), with --strict (./dev check) for any.

What exceeds a length today stands in tests/tidy_exceptions.txt with a reason; the list may only shrink.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HEADER_LINES, SOURCE_LINES, TEST_LINES, FUNCTION_LINES, LINE_COLUMNS = 300, 600, 1000, 70, 100
RELIED_ON = ("with ../", "#pragma once", "of replay")
RULES, RULES_PAGE = range(1, 63), "docs/sdk/replay-rules.md"
FORBIDDEN = [
    (re.compile(r'^\s*#\s*include\s+"\.\./'), "include from the module's root, not with ../"),
    (re.compile(r"^\s*//.*\b(TODO|FIXME|XXX)\b"), "no open ends in comments"),
]


def exceptions() -> dict[str, int]:
    """'path' or 'path:function' to the length it has leave to have."""
    leave = {}
    for line in (ROOT / "tests/tidy_exceptions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, length, _reason = line.split(None, 2)
            leave[name] = int(length)
    return leave


def functions(lines: list[str]):
    """Bodies as clang-format lays them out: a line that opens a brace at column 0 of its scope, until its end.

    Namespaces and types are no functions; what is inside a type is indented and found by its own indent.
    """
    start = None
    for number, line in enumerate(lines):
        opens = re.match(r"^( {0,2})(\S.*[)\w>] (const )?(override |final |noexcept )*\{)$", line)
        if start is None and opens and not re.match(
            r"^\s*(namespace|class|struct|enum|union|switch|if|for|while|else|do|case|public|extern)\b", line
        ):
            start, indent = number, opens.group(1)
        elif start is not None and line.startswith(indent + "}") and len(line) - len(line.lstrip()) == len(indent):
            yield start, number - start + 1
            start = None


def check_file(path: pathlib.Path, leave: dict[str, int]) -> list[str]:
    name = str(path.relative_to(ROOT))
    lines = path.read_text().splitlines()
    breaches = []
    if path.suffix == ".h":
        limit = HEADER_LINES
        if not any(line.startswith("#pragma once") for line in lines):
            breaches.append(f"{name}: no #pragma once")
    else:
        limit = TEST_LINES if path.stem.endswith("_test") else SOURCE_LINES
    if len(lines) > max(limit, leave.get(name, 0)):
        breaches.append(f"{name}: {len(lines)} lines, {limit} at most")
    for number, line in enumerate(lines, 1):
        # What has no space cannot be broken.
        if len(line) > LINE_COLUMNS and " " in line.strip() and "http" not in line and 'R"' not in line:
            breaches.append(f"{name}:{number}: {len(line)} columns, {LINE_COLUMNS} at most")
        for pattern, why in FORBIDDEN:
            if pattern.search(line):
                breaches.append(f"{name}:{number}: {why}")
    for start, length in functions(lines):
        function = re.search(r"([\w~]+)\(", lines[start])
        key = f"{name}:{function.group(1) if function else start + 1}"
        if length > max(FUNCTION_LINES, leave.get(key, 0)):
            breaches.append(f"{key}: {length} lines of function (line {start + 1}), {FUNCTION_LINES} at most")
    return breaches


def rules_of_replay() -> list[str]:
    """Each rule stands in the page's table with the tests that carry its number, of which there is at least one."""
    tests: dict[int, dict[str, list[str]]] = {number: {} for number in RULES}  # By rule and file.
    for path in sorted((ROOT / "worker-sdk").rglob("*_test.cc")):
        for suite, number in re.findall(r"^TEST(?:_[FP])?\((R(\d+)[A-Z]\w*),", path.read_text(), re.MULTILINE):
            suites = tests.setdefault(int(number), {}).setdefault(str(path.relative_to(ROOT / "worker-sdk")), [])
            if suite not in suites:
                suites.append(suite)
    breaches = [f"{RULES_PAGE}: no test carries the number of rule R{n} of replay" for n in RULES if not tests[n]]
    missing = set(RULES)
    for at, line in enumerate((ROOT / RULES_PAGE).read_text().splitlines(), 1):
        if not re.match(r"\| R\d", line):
            continue
        numbers = [int(number) for number in re.findall(r"\d+", line.split("|")[1])]
        missing -= set(numbers)
        said = line.split("|")[-2].strip()
        found = "; ".join(
            f"`{file}` {', '.join(suites)}" for number in numbers for file, suites in tests.get(number, {}).items())
        if said != found:
            breaches.append(f"{RULES_PAGE}:{at}: tests of rules of replay must be shown as: {found}")
    return breaches + [f"{RULES_PAGE}: rule R{number} of replay is missing" for number in sorted(missing)]


def main() -> int:
    sources = [
        path for folder in ("engine", "cli", "bench", "worker-sdk") for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".h", ".cc")
    ]
    leave = exceptions()
    strict = "--strict" in sys.argv
    breaches = []
    for path in sources:
        breaches += check_file(path, leave)
    for name in leave:
        if not (ROOT / name.split(":")[0]).exists():
            breaches.append(f"tests/tidy_exceptions.txt: {name} is gone, so must its line be")
    breaches += rules_of_replay()
    formatted = subprocess.run(
        ["clang-format-19", "--dry-run", *map(str, sources)], capture_output=True, text=True, check=False)
    for line in formatted.stderr.splitlines():
        if "warning: code should be clang-formatted" in line:
            breaches.append(line.replace(str(ROOT) + "/", "").split(" warning")[0] + " not formatted (clang-format-19)")
    print("\n".join(breaches))
    print(f"{len(sources)} files, {len(breaches)} breaches")
    return 1 if any(strict or any(why in one for why in RELIED_ON) for one in breaches) else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""What a build of perdure is made of, as a CycloneDX list: every Debian package that the linker or the compiler took
something from, and every one that the program loads. From the build itself, so that nothing has to be kept by hand.

    python3 cmake/sbom.py build/release [bin/perdure]"""

import datetime
import json
import pathlib
import re
import subprocess
import sys


def output(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def system_files(build: pathlib.Path, program: str) -> dict[str, str]:
    """Path of each file outside the tree that is part of the program, and how it is."""
    inputs = set(output("ninja", "-C", str(build), "-t", "inputs", program).split())
    found = {}
    target = ""
    for line in output("ninja", "-C", str(build), "-t", "deps").splitlines():
        if not line.startswith(" "):
            target = line.split(":")[0]
        elif target in inputs and line.strip().startswith("/usr/"):
            found[line.strip()] = "compiled in"
    found |= {path: "linked in" for path in inputs if path.startswith("/usr/") and path.endswith(".a")}
    # The generated API is built apart; its headers are among those above.
    for path in re.findall(r"(/\S+) \(0x", output("ldd", str(build / program))):
        found[str(pathlib.Path(path).resolve())] = "loaded"
    return found


def package_of(paths: list[str]) -> dict[str, str]:
    run = subprocess.run(["dpkg-query", "-S", *paths], capture_output=True, text=True)
    owners = {}
    for line in run.stdout.splitlines():
        names, _, path = line.rpartition(": ")
        owners[path] = names.split(", ")[0]
    return owners


def main() -> None:
    build = pathlib.Path(sys.argv[1])
    program = sys.argv[2] if len(sys.argv) > 2 else "bin/perdure"
    files = system_files(build, program)
    # Debian's packages name some of their files by where they were before /usr was merged.
    owners = package_of(sorted({*files, *(path.removeprefix("/usr") for path in files)}))
    kinds: dict[str, set[str]] = {}
    for path, kind in files.items():
        owner = owners.get(path) or owners.get(path.removeprefix("/usr"))
        if owner is None:
            sys.exit(f"no package owns {path}")
        kinds.setdefault(owner, set()).add(kind)
    components = []
    for name in sorted(kinds):
        version, source = output("dpkg-query", "-W", "-f", "${Version} ${source:Package}", name).split()
        plain = name.split(":")[0]
        components.append({
            "type": "library", "name": plain, "version": version,
            "purl": f"pkg:deb/debian/{plain}@{version}?distro=debian-12",
            "properties": [{"name": "debian:source", "value": source},
                           {"name": "perdure:use", "value": ", ".join(sorted(kinds[name]))}]})
    version = re.search(r"project\(perdure VERSION (\S+)", pathlib.Path("CMakeLists.txt").read_text())[1]
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    print(json.dumps({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"timestamp": now,
                     "component": {"type": "application", "name": "perdure", "version": version}},
        "components": components}, indent=2))


if __name__ == "__main__":
    main()

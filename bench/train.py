"""Counts what of the server's code runs under load, and how often: `./dev train`. The release build lays the code out by it
(cmake/Layout.cmake). Worth repeating when the engine has changed much: what is new counts as never run."""

import os
import pathlib
import shutil
import subprocess
import tarfile
import tempfile

from machines import BIN, ROOT, Perdure, Postgres

BOLT = "/usr/lib/llvm-19/bin/llvm-bolt"
COUNTS = ROOT / "engine/server/layout.tar.xz"
# A branch that was taken less often does not matter where it lies.
TAKEN_MIN = 2000
NATIVE = [("workflows", 4000, 200), ("workflows", 1000, 10), ("workflows", 300, 1), ("timers", 300, 10), ("signals", 2000, 50),
          ("updates", 300, 1), ("sequential", 300, 1), ("lists", 100, 1), ("counts", 20, 1)]
GO = [(2000, 10), (600, 1)]


def instrument(folder: pathlib.Path) -> pathlib.Path:
    program = folder / "perdure"
    with open(folder / "bolt.log", "w") as log:
        subprocess.run([BOLT, BIN / "perdure.linked", "-instrument", f"-instrumentation-file={folder}/counts",
                        "-instrumentation-file-append-pid", "-o", program], check=True, stdout=log, stderr=log)
    return program


def put_under_load(server: Perdure, go_program: pathlib.Path):
    loads = [[BIN / "perdure-bench", scenario, "--count", count, "--in-flight", in_flight]
             for scenario, count, in_flight in NATIVE]
    loads += [[go_program, "--count", count, "--in-flight", in_flight] for count, in_flight in GO]
    for command in loads:
        subprocess.run([*map(str, command), "--address", server.address], check=True, stdin=subprocess.DEVNULL)
    server.stop()


def keep(folder: pathlib.Path):
    parts = sorted(folder.glob("counts.*"))
    merged = subprocess.run(["merge-fdata-19", *parts], check=True, text=True, stdout=subprocess.PIPE,
                            stderr=subprocess.DEVNULL).stdout.splitlines(keepends=True)
    (folder / "layout.fdata").write_text("".join(line for line in merged if int(line.rsplit(None, 1)[1]) >= TAKEN_MIN))
    with tarfile.open(COUNTS, "w:xz", preset=9) as archive:
        archive.add(folder / "layout.fdata", "layout.fdata")
    print(f"{COUNTS.relative_to(ROOT)}: {COUNTS.stat().st_size:,} bytes from {len(merged):,} counts of {len(parts)} servers")


def main():
    # Not below the checkout: the user postgres may not be able to walk there.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="perdure-train-"))
    os.chmod(folder, 0o755)
    postgres = None
    try:
        go_program = folder / "go-bench"
        subprocess.run(["go", "build", "-o", go_program, "."], cwd=ROOT / "bench/go", check=True)
        program = instrument(folder)
        postgres = Postgres(folder / "postgres")
        for db in (postgres.database("train"), str(folder / "train.db")):
            put_under_load(Perdure(folder, db, binary=program), go_program)
        keep(folder)
    finally:
        if postgres:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()

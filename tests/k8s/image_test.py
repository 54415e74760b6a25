"""The image: what its Dockerfile says, and that the root it copies holds all that the program needs, and no more."""

import os
import re
import subprocess

from conftest import PROGRAM
from control_plane import DEBIAN, ROOT

DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()
# By stage, the instructions with their continued lines joined.
STAGES = [re.sub(r"\\\n\s*", "", stage) for stage in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]]


def inside(image, *command, **options):
    return subprocess.run(
        [DEBIAN / "usr/bin/bwrap", "--ro-bind", image, "/", "--proc", "/proc", "--dev", "/dev", "--unshare-user",
         "--uid", "65532", "--gid", "65532", "--unshare-pid", "--unshare-net", "--clearenv", "--chdir", "/", "--",
         *command], capture_output=True, text=True, timeout=60, **options)


def test_the_last_stage_is_the_root_and_nothing_else():
    assert STAGES[0].startswith("debian:12 AS build\n") and STAGES[-1].startswith("scratch\n")
    last = STAGES[-1].splitlines()
    assert [line for line in last if line.startswith(("COPY", "ADD", "RUN"))] == ["COPY --from=build /image/ /"]
    assert "USER 65532:65532" in last
    assert 'ENTRYPOINT ["/usr/bin/perdure"]' in last and 'CMD ["server", "start"]' in last
    labels = dict(re.findall(r'(org\.opencontainers\.image\.\w+)="([^"]+)"', STAGES[-1]))
    assert {"version", "licenses", "revision", "title"} <= {name.rsplit(".", 1)[1] for name in labels}
    assert "deploy/docker/build-root.sh build/release/bin/perdure /image" in STAGES[0]


def test_the_steps_of_the_build_are_ones_that_there_are():
    """Each command of the build stage, as far as it is ours."""
    dev = (ROOT / "dev").read_text()
    used = re.findall(r"\./dev (\w+)", STAGES[0])
    assert used == ["_packages", "_packages", "_protos", "_preset"]
    for name in used:
        assert f"\n  {name})" in dev
    version = re.search(r"project\(perdure VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    chart = (ROOT / "deploy/helm/perdure/Chart.yaml").read_text()
    assert f'appVersion: "{version}"\n' in chart
    ports = re.search(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[1].split()
    values = (ROOT / "deploy/helm/perdure/values.yaml").read_text()
    assert all(f": {port}\n" in values for port in ports)


def test_the_packages_of_the_build_stage_have_what_its_steps_use():
    """As they would be installed where nothing is installed yet."""
    packages = re.search(r"^PACKAGES=\(([^)]+)\)", (ROOT / "dev").read_text(), re.MULTILINE)[1].split()
    packages += re.search(r"\./dev _packages (\w[^\n]*)", STAGES[0])[1].split()
    done = subprocess.run(["apt-get", "-o", "Dir::State::status=/dev/null", "install", "-s", "--no-install-recommends",
                           *packages], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    installed = set(re.findall(r"^Inst (\S+) ", done.stdout, re.MULTILINE))
    assert {"ca-certificates", "tzdata", "binutils", "clang-19", "cmake", "ninja-build", "libgrpc++1.51"} <= installed
    # What the program is linked with here is what it would be linked with there.
    linked = subprocess.run(["ldd", PROGRAM], capture_output=True, text=True, check=True).stdout
    for path in re.findall(r"=> (/\S+)", linked):
        file = os.path.realpath(path)
        owner = subprocess.run(["dpkg-query", "-S", file], capture_output=True, text=True).stdout or subprocess.run(
            ["dpkg-query", "-S", file.removeprefix("/usr")], capture_output=True, text=True, check=True).stdout
        assert owner.split(":")[0] in installed, path


def test_what_docker_is_sent_has_all_that_is_built_from():
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert "build" in ignored and ".git" in ignored
    for folder in ("cmake", "engine", "cli", "protos", "migrations", "worker-sdk", "dev", "deploy"):
        assert folder not in ignored


def test_the_program_runs_in_its_root_alone(image):
    done = inside(image, "/usr/bin/perdure", "server", "config")
    assert done.returncode == 0, done.stderr
    assert done.stdout == subprocess.run([PROGRAM, "server", "config"], capture_output=True, text=True,
                                         env={}).stdout


def test_the_command_line_is_in_it_too(image):
    done = inside(image, "/usr/bin/perdure", "workflow", "list", "--address", "127.0.0.1:7233")
    assert done.returncode != 0 and "unavailable" in done.stderr.lower(), done.stderr


def test_there_is_nothing_to_break_in_with(image):
    programs = [path for path in image.rglob("*") if path.is_file() and os.access(path, os.X_OK)
                and ".so" not in path.name]
    assert [str(path.relative_to(image)) for path in programs] == ["usr/bin/perdure"]
    assert inside(image, "/bin/sh").returncode != 0
    assert not [path for path in image.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o6000]


def test_it_is_small_stripped_and_says_whose_libraries_it_holds(image):
    size = sum(path.lstat().st_size for path in image.rglob("*") if path.is_file())
    assert size < 64 << 20
    libraries = [path for path in image.rglob("*.so*") if path.is_file()]
    assert len(libraries) > 30
    # Linked in, and so a part of the program.
    for package in ("libgrpc++-dev", "libprotobuf-dev", "libabsl-dev"):
        assert (image / "usr/share/doc" / package / "copyright").exists()
    for path in (image / "usr/bin/perdure", *libraries):
        sections = subprocess.run(["readelf", "-S", "--wide", path], capture_output=True, text=True).stdout
        assert ".debug_info" not in sections, path
    assert list((image / "usr/share/doc").glob("libgrpc*/copyright"))


def test_certificates_and_time_zones_are_there(image):
    assert "BEGIN CERTIFICATE" in (image / "etc/ssl/certs/ca-certificates.crt").read_text()
    assert (image / "usr/share/zoneinfo/Europe/Berlin").read_bytes().startswith(b"TZif")
    assert "perdure:x:65532:65532:" in (image / "etc/passwd").read_text()

"""The chart as the tests see it: rendered by helm, without a cluster."""

import copy
import json
import pathlib
import subprocess
import tempfile

import yaml

from control_plane import BIN, ROOT

CHART = ROOT / "deploy/helm/perdure"
RELEASE = "r"
NAME = "r-perdure"
# What an installation on PostgreSQL has to say, and no more.
LEAST = {"database": {"existingSecret": "perdure-database"}}


def over(base: dict, *layers: dict) -> dict:
    """As helm lays one values file over another."""
    result = copy.deepcopy(base)
    for layer in layers:
        for name, value in layer.items():
            if isinstance(value, dict) and isinstance(result.get(name), dict):
                result[name] = over(result[name], value)
            else:
                result[name] = copy.deepcopy(value)
    return result


def at(path: str, value) -> dict:
    """{a: {b: value}} for "a.b"."""
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


def helm(values: dict, *arguments) -> subprocess.CompletedProcess:
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return subprocess.run([BIN / "helm", *map(str, arguments), "--namespace", "ns", "-f", file.name],
                              capture_output=True, text=True, timeout=60)


def template(values: dict, *flags: str) -> subprocess.CompletedProcess:
    return helm(values, "template", RELEASE, CHART, *flags)


def lint(values: dict) -> subprocess.CompletedProcess:
    return helm(values, "lint", "--strict", CHART)


def text(*layers: dict) -> str:
    done = template(over({}, *layers))
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*layers: dict) -> str:
    """What helm says against these values."""
    done = template(over({}, *layers))
    assert done.returncode != 0, f"taken, though it is wrong: {layers}"
    return done.stderr


class Objects(dict):
    """By "Kind/name"."""

    def __init__(self, rendered: str):
        for one in yaml.safe_load_all(rendered):
            if one:
                key = f"{one['kind']}/{one['metadata']['name']}"
                assert key not in self, f"{key} is rendered twice"
                self[key] = one

    def of(self, kind: str) -> list[dict]:
        return [one for key, one in self.items() if key.startswith(kind + "/")]

    def pod(self, key: str = f"Deployment/{NAME}") -> dict:
        return self[key]["spec"]["template"]["spec"]

    def container(self, key: str = f"Deployment/{NAME}") -> dict:
        return self.pod(key)["containers"][0]

    def environment(self, key: str = f"Deployment/{NAME}") -> dict:
        found = self.container(key)["env"]
        names = [one["name"] for one in found]
        assert len(set(names)) == len(names), f"a variable stands twice: {names}"
        return {one["name"]: one.get("value", one.get("valueFrom")) for one in found}


def render(*layers: dict) -> Objects:
    return Objects(text(LEAST, *layers))


def defaults() -> dict:
    return yaml.safe_load((pathlib.Path(CHART) / "values.yaml").read_text())


def schema() -> dict:
    return json.loads((CHART / "values.schema.json").read_text())

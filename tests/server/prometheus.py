"""What a server says at /metrics."""

import re
import urllib.request


def scrape(server) -> dict[tuple[str, frozenset], float]:
    text = urllib.request.urlopen(f"{server.page('metrics')}/metrics", timeout=10).read().decode()
    values = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        name, labels, value = re.fullmatch(r"([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)", line).groups()
        values[name, frozenset(re.findall(r'(\w+)="([^"]*)"', labels or ""))] = float(value)
    return values


def value_of(server, name: str, **labels: str) -> float:
    """The sum of all series of that name that have these labels; an error if there is none."""
    wanted = set(labels.items())
    found = [value for (series, have), value in scrape(server).items() if series == name and wanted <= have]
    assert found, f"no series {name} {labels}"
    return sum(found)

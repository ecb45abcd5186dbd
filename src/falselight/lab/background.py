"""What is benign beside the common pollers: browsing, rare pollers, names of a tenant's own, and habits of one or two people."""

from __future__ import annotations

import numpy as np

from falselight.lab import browsing, timing
from falselight.lab.drawn import BROWSER, CONTENT_NETWORKS, WORDS, Drawn, poll
from falselight.lab.profiles import POLLERS, TENANTS, Poller

_RARE_PROCESSES = ("C:\\Program Files\\{}\\{}.exe", "C:\\Users\\u\\AppData\\Local\\{}\\{}.exe")


def draw_background(lab: Drawn, pages: float, rare_share: float, scored_days: int) -> list[str]:
    """All that is benign; gives the servers of the rare pollers."""
    browse(lab, pages)
    for poller in POLLERS:
        for host in np.flatnonzero(lab.draw.random(lab.hosts) < poller.share).tolist():
            poll(lab, poller, host, 0.0, lab.servers.get(poller.domain))
    tenants(lab)
    found = rare(lab, int(rare_share * lab.hosts), scored_days)
    habits(lab, int(2 * rare_share * lab.hosts), scored_days)
    return found


def browse(lab: Drawn, pages: float) -> None:
    sites = np.array([
        lab.server(f"site{k}", f"www.site{k}.example", f"198.{18 + k % 2}.{k // 250 % 250}.{k % 250 + 1}", 443, "tcp")
        if k < browsing.SITES
        else lab.server(f"cdn{k}", f"s{k}.cdn{k % CONTENT_NETWORKS}.example", f"151.101.{k % 200}.{k % 250 + 1}", 443, "tcp")
        for k in range(browsing.SITES + browsing.THIRD_PARTIES)
    ])  # fmt: skip
    for host in range(lab.hosts):
        found = browsing.browse(lab.draw, lab.work[host], lab.days, pages * lab.draw.lognormal(0, 0.5))
        lab.add(host, found.times, sites[found.servers], BROWSER, 1800, 24_000, 1.2)


def rare(lab: Drawn, count: int, scored_days: int) -> list[str]:
    """Benign pollers of one or two hosts: niche updaters, open dashboards, hobby devices; half new in the scored days."""
    found = []
    for number in range(count):
        fresh = number % 2 == 1
        page = lab.draw.random() < 0.4
        name = f"{lab.draw.choice(WORDS)}{lab.draw.integers(10, 999)}"
        shared = lab.draw.random() < 0.2
        domain, place = lab.shared_name() if shared else ("api." + lab.name("io"), lab.address())
        lab.servers.setdefault(domain, (domain, place, 443, "tcp"))
        poller = Poller(
            "rare", domain, float(lab.draw.choice([5, 10, 15, 30, 60, 300, 600, 900, 3600, 14_400])),
            float(lab.draw.choice([0.0, 0.02, 0.1, 0.3])), 0.0,
            process=BROWSER if page else str(lab.draw.choice(_RARE_PROCESSES)).format(name, name),
            sent=int(lab.draw.integers(300, 3000)), received=int(lab.draw.integers(200, 30_000)),
            variation=float(lab.draw.choice([0.02, 0.3, 0.8])), duty="work" if page else "laptop",
        )  # fmt: skip
        begin = (lab.days - scored_days * lab.draw.random()) * timing.DAY if fresh else 0.0
        for host in lab.draw.choice(lab.hosts, int(lab.draw.integers(1, 3)), replace=False).tolist():
            poll(lab, poller, host, begin, lab.servers.get(poller.domain))
        found.append(poller.domain)
    return found


def tenants(lab: Drawn) -> None:
    """Services that give each host a name of its own, which no other host calls."""
    for service in TENANTS:
        for host in np.flatnonzero(lab.draw.random(lab.hosts) < service.share).tolist():
            name = f"{lab.draw.integers(16**7, 16**8):x}.{service.domain}"
            poll(lab, service.named(name), host, 0.0, None)


def habits(lab: Drawn, count: int, scored_days: int) -> None:
    """Servers that one or two people use day by day without regularity, some of them new: a project's site, a small
    messenger, a repository. Visits come in clusters; between them any time passes."""
    for number in range(count):
        begin = (lab.days - scored_days * lab.draw.random()) * timing.DAY if number % 2 else 0.0
        word = f"{lab.draw.choice(WORDS)}{lab.draw.integers(10, 999)}"
        process = BROWSER if lab.draw.random() < 0.5 else str(lab.draw.choice(_RARE_PROCESSES)).format(word, word)
        domain = "" if lab.draw.random() < 0.05 else "www." + lab.name("org")
        server = lab.server(f"habit{number}", domain, lab.address(), 443, "tcp")
        for host in lab.draw.choice(lab.hosts, int(lab.draw.integers(1, 3)), replace=False).tolist():
            on = lab.work[host] if lab.draw.random() < 0.7 else lab.on[host]
            mean = lab.draw.uniform(60, 1800)
            steps = lab.draw.lognormal(0, lab.draw.uniform(1.2, 2.0), int((lab.days * timing.DAY - begin) / mean) + 1)
            times = begin + np.cumsum(steps * mean)
            times = times[times < lab.days * timing.DAY]
            times = times[timing.within(times, on)]
            lab.add(
                host, times, np.full(len(times), server), process, 1500.0, 9000.0, float(lab.draw.uniform(0.05, 1.0))
            )

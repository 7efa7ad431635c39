import re
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Iterator


@dataclass
class Request:
    ip: str
    time: datetime
    method: str
    path: str
    status: int
    size: int
    duration_ms: int


LINE = re.compile(r'(\S+) \S+ \S+ \[([^\]]+)\] "(\S+) (\S+) [^"]*" (\d+) (\d+) (\d+)')


def read_requests(path: Path) -> Iterator[Request]:
    with path.open(encoding="utf-8") as file:
        for line in file:
            match = LINE.match(line)
            if match is None:
                continue
            ip, time, method, url, status, size, duration = match.groups()
            yield Request(
                ip,
                datetime.strptime(time, "%d/%b/%Y:%H:%M:%S %z"),
                method,
                url.split("?")[0],
                int(status),
                int(size),
                int(duration),
            )


def error_rate(requests: list[Request]) -> float:
    return sum(r.status >= 500 for r in requests) / len(requests)


def sessions(requests: list[Request], gap: timedelta = timedelta(minutes=30)) -> int:
    last: dict[str, datetime] = {}
    count = 0
    for request in requests:
        if request.ip not in last or request.time - last[request.ip] > gap:
            count += 1
        last[request.ip] = request.time
    return count


def busiest_hours(requests: list[Request], n: int = 3) -> list[tuple[int, int]]:
    return Counter(r.time.hour for r in requests).most_common(n)


def slowest(requests: list[Request], n: int = 5) -> list[Request]:
    return sorted(requests, key=lambda r: r.duration_ms, reverse=True)[:n]


def main() -> None:
    requests = list(read_requests(Path("data/access.log")))
    print(f"{len(requests):,} requests from {len({r.ip for r in requests}):,} addresses")
    print(f"Error rate: {error_rate(requests):.2%}")
    print(f"Sessions: {sessions(requests):,}")
    print("Busiest hours:", busiest_hours(requests))
    print("Traffic:", f"{sum(r.size for r in requests) / 1e6:.1f} MB")
    print("Slowest requests:")
    for request in slowest(requests):
        print(f"  {request.duration_ms:>6} ms  {request.method} {request.path}")


if __name__ == "__main__":
    main()

import re
from collections import Counter, defaultdict

# Combined log format, with the time taken in milliseconds at the end
PATTERN = re.compile(
    r'(?P<ip>\S+) \S+ \S+ \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<path>\S+) [^"]*" '
    r"(?P<status>\d{3}) (?P<size>\d+) (?P<ms>\d+)"
)

entries = []
errors = 0
with open("data/access.log", encoding="utf-8") as file:
    for line in file:
        match = PATTERN.match(line)
        if match:
            entries.append(match.groupdict())
        else:
            errors += 1
print(f"Parsed {len(entries)} lines, {errors} malformed")

# Status codes
statuses = Counter(entry["status"] for entry in entries)
for status, count in sorted(statuses.items()):
    print(f"  {status}: {count:>6} ({count / len(entries):.1%})")

# Top addresses and paths
print("Top addresses:", Counter(entry["ip"] for entry in entries).most_common(5))
print("Top paths:", Counter(entry["path"] for entry in entries).most_common(5))

# Response times per path
times = defaultdict(list)
for entry in entries:
    times[entry["path"]].append(int(entry["ms"]))
print(f"{'path':<20}{'n':>7}{'median':>9}{'p95':>7}{'max':>8}")
for path, values in sorted(times.items(), key=lambda item: -len(item[1])):
    values.sort()
    print(f"{path:<20}{len(values):>7}{values[len(values) // 2]:>9}{values[int(len(values) * 0.95)]:>7}{values[-1]:>8}")

# Possible brute-force attempts
failed = Counter(e["ip"] for e in entries if e["status"] == "401" and e["path"] == "/login")
suspects = {ip: count for ip, count in failed.items() if count >= 3}
print("Suspicious addresses:", suspects or "none")

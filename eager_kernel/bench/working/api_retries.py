"""Fetch all pages of an unreliable API, with retries and exponential backoff.

The API here is a small local server that fails now and then, so that the client can be tested.
"""

import json
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ITEMS = [
    {"id": i, "city": ["Kyiv", "Riga", "Baku", "Bern"][i % 4], "value": (i * 7919) % 1000}
    for i in range(3000)
]
attempts_of = Counter()


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        page = int(self.path.rpartition("=")[2])
        attempts_of[page] += 1
        # Every third page fails once with 503, every seventh twice with 500
        if page % 7 == 6 and attempts_of[page] <= 2:
            self.send_error(500)
            return
        if page % 3 == 2 and attempts_of[page] <= 1:
            self.send_error(503)
            return
        time.sleep(0.02)  # it takes its time
        rows = ITEMS[page * 50 : page * 50 + 50]
        body = json.dumps(
            {"items": rows, "next": page + 1 if (page + 1) * 50 < len(ITEMS) else None}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
base = f"http://127.0.0.1:{server.server_address[1]}/items?page="


def get(url, retries=5, backoff=0.05):
    for attempt in range(retries + 1):
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return json.load(response), attempt
        except urllib.error.HTTPError as error:
            if error.code < 500 or attempt == retries:
                raise
            time.sleep(backoff * 2**attempt)


items, retried, page = [], Counter(), 0
while page is not None:
    data, attempts = get(base + str(page))
    retried[attempts] += 1
    items += data["items"]
    page = data["next"]
print(f"{len(items)} items in {sum(retried.values())} pages")
print("Pages by number of retries:", dict(sorted(retried.items())))

totals = Counter()
for item in items:
    totals[item["city"]] += item["value"]
for city, total in sorted(totals.items()):
    print(f"{city}: {total:,}")
assert [item["id"] for item in items] == list(range(len(ITEMS)))

# Without retries, it would have stopped early
attempts_of.clear()
got, page = 0, 0
try:
    while page is not None:
        data, _ = get(base + str(page), retries=0)
        got += len(data["items"])
        page = data["next"]
except urllib.error.HTTPError as error:
    print(f"Without retries: {got} items, then {error.code} {error.reason}")
server.shutdown()

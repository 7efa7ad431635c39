"""Make the data that the programs read: ``python make_data.py [FOLDER]``.

Small, always the same, and made with the standard library alone. What is in it is invented: the
figures are drawn from a seeded generator, with the gaps and outliers that tables have.
"""

from __future__ import annotations

import csv
import json
import math
import random
import sys
from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path


def main(folder: Path) -> None:
    """Write all files into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    for make in (
        sales, weather, passengers, houses, students, sensors, stocks, reviews, access_log, orders,
        article,
    ):  # fmt: skip
        # A generator of its own for each, so that a change to one changes no other.
        make(folder, random.Random(make.__name__))


def sales(folder: Path, chance: random.Random) -> None:
    """20,000 sales of two years."""
    prices = {"laptop": 1200, "phone": 800, "tablet": 450, "monitor": 300, "headset": 90}
    rows = []
    for order in range(20_000):
        day = date(2023, 1, 1) + timedelta(days=chance.randrange(730))
        product = chance.choices(list(prices), (2, 5, 3, 2, 6))[0]
        quantity = chance.choices((1, 2, 3, 5, 10), (60, 20, 10, 6, 4))[0]
        season = 1 + 0.2 * math.sin(day.timetuple().tm_yday / 58)
        price = round(prices[product] * season * chance.uniform(0.85, 1.1), 2)
        region = chance.choice(("North", "South", "East", "West"))
        discount = "" if chance.random() < 0.03 else chance.choice((0, 0, 0, 0.05, 0.1, 0.2))
        customer = f"C{int(chance.paretovariate(1.1)) % 1500:04d}"
        rows.append((order + 1, day, customer, region, product, quantity, price, discount))
    header = "order_id,date,customer,region,product,quantity,unit_price,discount"
    _table(folder / "sales.csv", header, rows)


def weather(folder: Path, chance: random.Random) -> None:
    """Ten years of days at three stations."""
    rows = []
    for station, mean in (("Bergen", 8.0), ("Lyon", 13.0), ("Sevilla", 19.0)):
        for offset in range(3650):
            day = date(2014, 1, 1) + timedelta(days=offset)
            season = -9 * math.cos((day.timetuple().tm_yday - 15) / 58.1)
            warmth = mean + season + offset / 3650 * 0.4 + chance.gauss(0, 2.5)
            rain = 0.0 if chance.random() < 0.6 else round(chance.expovariate(0.2), 1)
            wind = "" if chance.random() < 0.02 else round(abs(chance.gauss(12, 6)), 1)
            rows.append((day, station, round(warmth - 4, 1), round(warmth + 4, 1), rain, wind))
    _table(folder / "weather.csv", "date,station,tmin,tmax,rain_mm,wind_kmh", rows)


def passengers(folder: Path, chance: random.Random) -> None:
    """900 passengers of a ship that sank."""
    rows = []
    for number in range(1, 901):
        deck = chance.choices((1, 2, 3), (24, 20, 56))[0]
        sex = chance.choice(("male", "male", "female"))
        age = "" if chance.random() < 0.2 else round(max(0.5, chance.gauss(42 - 5 * deck, 14)), 1)
        family = chance.choices((0, 1, 2, 4), (60, 25, 10, 5))[0]
        fare = round(chance.lognormvariate(5.0 - deck, 0.5), 2)
        odds = 1.4 * (sex == "female") - 0.7 * (deck - 2) - 0.9 + chance.gauss(0, 0.8)
        port = chance.choices(("S", "C", "Q", ""), (70, 20, 9, 1))[0]
        rows.append((number, int(odds > 0), deck, sex, age, family, fare, port))
    header = "passenger_id,survived,pclass,sex,age,family,fare,embarked"
    _table(folder / "passengers.csv", header, rows)


def houses(folder: Path, chance: random.Random) -> None:
    """3,000 houses that were sold."""
    rows = []
    for number in range(3000):
        area = round(max(35.0, chance.gauss(130, 45)), 1)
        rooms = max(1, round(area / 28 + chance.gauss(0, 0.8)))
        year = chance.randrange(1900, 2024)
        district = chance.choice(("Centre", "Harbour", "Hill", "Park", "Station"))
        distance = round(chance.expovariate(0.25), 2)
        garage = chance.choice((0, 0, 1, 1, 2))
        worth = 2200 * area + 9000 * rooms + 700 * (year - 1950) - 6500 * distance + 12_000 * garage
        price = round(max(40_000.0, worth * chance.lognormvariate(0, 0.12)), -2)
        lot = "" if chance.random() < 0.08 else round(area * chance.uniform(1.2, 5), 1)
        rows.append((number, district, area, lot, rooms, year, distance, garage, price))
    header = "house_id,district,area_m2,lot_m2,rooms,year_built,distance_km,garage,price"
    _table(folder / "houses.csv", header, rows)


def students(folder: Path, chance: random.Random) -> None:
    """1,000 students and their marks."""
    rows = []
    for number in range(1000):
        hours = round(max(0.0, chance.gauss(9, 4)), 1)
        base = 45 + 2.6 * hours
        marks = [round(min(100.0, max(0.0, base + chance.gauss(0, 11)))) for _ in range(3)]
        if chance.random() < 0.03:
            marks[1] = ""  # type: ignore[call-overload]
        group, prepared = chance.choice("ABCDE"), chance.choice(("none", "none", "completed"))
        rows.append((number, group, prepared, hours, *marks))
    _table(folder / "students.csv", "student_id,group,course,study_hours,maths,reading,writing", rows)


def sensors(folder: Path, chance: random.Random) -> None:
    """A month of minutes of a machine's sensors, with faults."""
    rows = []
    start, heat = datetime(2024, 3, 1), 60.0
    for minute in range(43_200):
        heat += 0.02 * (60 - heat) + chance.gauss(0, 0.4)
        shake = abs(chance.gauss(0.3, 0.05)) + (1.5 if chance.random() < 0.0008 else 0)
        value = "" if chance.random() < 0.004 else round(heat, 2)
        rows.append((start + timedelta(minutes=minute), value, round(shake, 3), chance.randrange(4)))
    _table(folder / "sensors.csv", "time,temperature,vibration,mode", rows)


def stocks(folder: Path, chance: random.Random) -> None:
    """Five years of closing prices of four invented companies."""
    worth = {"AQLO": 100.0, "BRIM": 45.0, "CYNT": 210.0, "DORA": 12.0}
    rows = []
    for offset in range(1825):
        day = date(2019, 1, 1) + timedelta(days=offset)
        if day.weekday() < 5:
            market = chance.gauss(0.0003, 0.008)
            for name, risk in zip(worth, (1.0, 0.7, 1.3, 1.8), strict=True):
                worth[name] *= 1 + risk * market + chance.gauss(0, 0.009)
            volume = int(chance.lognormvariate(13, 0.4))
            rows.append((day, *(round(price, 2) for price in worth.values()), volume))
    _table(folder / "stocks.csv", f"date,{','.join(worth)},volume", rows)


def reviews(folder: Path, chance: random.Random) -> None:
    """3,000 reviews with stars."""
    good = "great lovely solid quick comfortable excellent happy recommend perfect bright".split()
    bad = "broken slow poor noisy refund disappointed late cheap useless dim".split()
    plain = "the it and this was a very product after two days with box battery screen for".split()
    rows = []
    for number in range(3000):
        stars = chance.choices((1, 2, 3, 4, 5), (12, 10, 18, 30, 30))[0]
        words = [
            chance.choice(plain if chance.random() < 0.7 else good if stars * chance.random() > 1.4 else bad)
            for _ in range(chance.randrange(6, 60))
        ]
        text = " ".join(words).capitalize() + chance.choice((".", "!", "...", ""))
        rows.append((number, chance.choice(("laptop", "phone", "tablet")), stars, text))
    _table(folder / "reviews.csv", "review_id,product,stars,text", rows)


def access_log(folder: Path, chance: random.Random) -> None:
    """20,000 lines of a web server's log."""
    paths = ("/", "/login", "/api/items", "/api/items/42", "/static/app.js", "/admin", "/search?q=x")
    start = datetime(2024, 5, 1)
    with (folder / "access.log").open("w", encoding="utf-8", newline="\n") as file:
        for _ in range(20_000):
            start += timedelta(seconds=chance.expovariate(0.25))
            address = f"10.0.{int(chance.paretovariate(0.8)) % 40}.{chance.randrange(1, 255)}"
            status = chance.choices((200, 304, 404, 401, 500), (80, 8, 7, 3, 2))[0]
            request = f"{chance.choices(('GET', 'POST'), (9, 1))[0]} {chance.choice(paths)} HTTP/1.1"
            size, ms = chance.randrange(200, 50_000), int(chance.lognormvariate(4, 0.8))
            moment = start.strftime("%d/%b/%Y:%H:%M:%S +0000")
            file.write(f'{address} - - [{moment}] "{request}" {status} {size} {ms}\n')


def orders(folder: Path, chance: random.Random) -> None:
    """2,000 orders of a shop, as its interface would give them."""
    found = []
    for number in range(2000):
        items = [
            {"sku": f"SKU-{chance.randrange(60):03d}", "qty": chance.randrange(1, 5),
             "price": round(chance.uniform(3, 150), 2)}
            for _ in range(chance.randrange(1, 6))
        ]  # fmt: skip
        found.append(
            {
                "id": number,
                "created": f"2024-{chance.randrange(1, 13):02d}-{chance.randrange(1, 29):02d}",
                "customer": {"id": chance.randrange(300), "country": chance.choice("DE FR IT ES".split())},
                "items": items,
                "status": chance.choices(("paid", "open", "cancelled"), (85, 10, 5))[0],
                "coupon": chance.choice((None, None, None, "SPRING")),
            }
        )
    text = json.dumps(found, indent=1)
    (folder / "orders.json").write_text(text + "\n", encoding="utf-8", newline="\n")


def article(folder: Path, chance: random.Random) -> None:
    """A long text, with headings and lists, in Markdown."""
    words = (
        "river stone city market bridge morning light winter garden history people water trade "
        "north harbour wall tower road season field letter the the the of of and and in a to was "
        "with from that over old new first small long every between under"
    ).split()
    parts = ["# The town\n"]
    for section in range(40):
        parts.append(f"\n## Part {section + 1}\n")
        for _ in range(8):
            sentences = [
                " ".join(chance.choices(words, k=chance.randrange(6, 22))).capitalize()
                for _ in range(chance.randrange(3, 8))
            ]
            parts.append("\n" + ". ".join(sentences) + ".\n")
        parts += [f"\n- **{chance.choice(words)}** {chance.choice(words)}" for _ in range(3)]
        parts.append("\n")
    (folder / "article.md").write_text("".join(parts), encoding="utf-8", newline="\n")


def _table(path: Path, header: str, rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data"))

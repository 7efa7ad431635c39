"""The bookshop's database."""

import random
import sqlite3
from pathlib import Path

random.seed(12)
Path("data").mkdir(exist_ok=True)
with sqlite3.connect("data/bookshop.sqlite") as db:
    db.executescript(
        "CREATE TABLE book (id INTEGER PRIMARY KEY, title TEXT, genre TEXT, price REAL, cost REAL, year INTEGER);"
        "CREATE TABLE reader (id INTEGER PRIMARY KEY, birth INTEGER, town TEXT, newsletter INTEGER);"
        "CREATE TABLE sale (id INTEGER PRIMARY KEY, reader INTEGER, book INTEGER, day TEXT, amount INTEGER, returned INTEGER);"
    )
    genres = ["crime", "fantasy", "history", "poetry", "science", "travel"]
    for i in range(3000):
        price = round(random.lognormvariate(2.7, 0.35), 2)
        db.execute(
            "INSERT INTO book VALUES (?, ?, ?, ?, ?, ?)",
            (
                i,
                f"title {i}",
                random.choice(genres),
                price,
                round(price * random.uniform(0.5, 0.75), 2),
                random.randint(1980, 2024),
            ),
        )
    for i in range(15_000):
        db.execute(
            "INSERT INTO reader VALUES (?, ?, ?, ?)",
            (
                i,
                random.randint(1940, 2008),
                random.choice(("Ulm", "Jena", "Kiel", "Trier")),
                random.random() < 0.4,
            ),
        )
    for i in range(250_000):
        book = int(3000 * random.random() ** 2.2)
        day = f"{random.choice((2022, 2023, 2024))}-{random.randint(1, 12):02d}-{random.randint(1, 28):02d}"
        db.execute(
            "INSERT INTO sale VALUES (?, ?, ?, ?, ?, ?)",
            (
                i,
                int(15_000 * random.random() ** 1.5),
                book,
                day,
                random.choice((1, 1, 1, 2)),
                random.random() < 0.04,
            ),
        )
db.close()

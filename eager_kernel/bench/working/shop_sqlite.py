# A small shop in SQLite: create, fill, index, query
import random
import sqlite3
from datetime import date, timedelta
from pathlib import Path

random.seed(90)
path = Path("shop.db")
path.unlink(missing_ok=True)
connection = sqlite3.connect(path)
connection.executescript(
    """
    PRAGMA journal_mode = MEMORY;
    CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT, joined TEXT);
    CREATE TABLE product (id INTEGER PRIMARY KEY, title TEXT, category TEXT, price REAL);
    CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer_id INTEGER REFERENCES customer, day TEXT);
    CREATE TABLE line (purchase_id INTEGER REFERENCES purchase, product_id INTEGER REFERENCES product, quantity INTEGER);
    """
)

cities = ["Oslo", "Rome", "Lyon", "Graz", "Cork", "Brno", "Faro"]
categories = ["books", "games", "music", "tools", "tea"]
first_day = date(2022, 1, 1)
customers = [
    (
        i,
        f"customer {i}",
        random.choice(cities),
        str(first_day + timedelta(days=random.randrange(900))),
    )
    for i in range(20_000)
]
products = [
    (i, f"product {i}", random.choice(categories), round(random.lognormvariate(2.7, 0.7), 2))
    for i in range(1500)
]
purchases = [
    (
        i,
        int(20_000 * random.random() ** 1.7),
        str(first_day + timedelta(days=random.randrange(1095))),
    )
    for i in range(150_000)
]
lines = [
    (p[0], int(1500 * random.random() ** 2), random.randint(1, 4))
    for p in purchases
    for _ in range(random.choice((1, 1, 2, 3)))
]
with connection:
    connection.executemany("INSERT INTO customer VALUES (?, ?, ?, ?)", customers)
    connection.executemany("INSERT INTO product VALUES (?, ?, ?, ?)", products)
    connection.executemany("INSERT INTO purchase VALUES (?, ?, ?)", purchases)
    connection.executemany("INSERT INTO line VALUES (?, ?, ?)", lines)
for table in ("customer", "product", "purchase", "line"):
    print(f"{table:<9}{connection.execute(f'SELECT count(*) FROM {table}').fetchone()[0]:>9,}")

with connection:
    connection.execute("CREATE INDEX line_purchase ON line (purchase_id)")
    connection.execute("CREATE INDEX purchase_customer ON purchase (customer_id, day)")


def show(title, sql, *parameters):
    cursor = connection.execute(sql, parameters)
    print(f"\n{title}")
    print("  " + " | ".join(column[0] for column in cursor.description))
    for row in cursor:
        print("  " + " | ".join(f"{v:,.2f}" if isinstance(v, float) else str(v) for v in row))


show(
    "Revenue by category",
    """SELECT category, count(*) AS lines, sum(quantity * price) AS revenue
       FROM line JOIN product ON product.id = product_id GROUP BY category ORDER BY revenue DESC""",
)
show(
    "Years, with growth",
    """WITH yearly AS (
           SELECT substr(day, 1, 4) AS year, sum(quantity * price) AS revenue
           FROM purchase JOIN line ON purchase_id = purchase.id JOIN product ON product.id = product_id GROUP BY year)
       SELECT year, revenue, 100.0 * revenue / lag(revenue) OVER (ORDER BY year) - 100 AS growth FROM yearly""",
)
show(
    "Best three customers of each city",
    """WITH spent AS (
           SELECT city, customer.id AS id, sum(quantity * price) AS total
           FROM customer JOIN purchase ON customer_id = customer.id
           JOIN line ON purchase_id = purchase.id JOIN product ON product.id = product_id GROUP BY customer.id),
       ranked AS (SELECT *, row_number() OVER (PARTITION BY city ORDER BY total DESC) AS place FROM spent)
       SELECT city, place, id, total FROM ranked WHERE place <= 3 ORDER BY city, place""",
)
show(
    "Days between purchases of one customer",
    """WITH gaps AS (
           SELECT julianday(day) - julianday(lag(day) OVER (PARTITION BY customer_id ORDER BY day)) AS gap FROM purchase)
       SELECT CAST(min(gap / 60, 9) AS INTEGER) * 60 AS days, count(*) AS times FROM gaps WHERE gap IS NOT NULL GROUP BY 1""",
)
show(
    "Bought together",
    """SELECT a.product_id AS one, b.product_id AS other, count(*) AS times FROM line a
       JOIN line b ON a.purchase_id = b.purchase_id AND a.product_id < b.product_id
       GROUP BY one, other ORDER BY times DESC, one, other LIMIT 5""",
)
connection.close()
print("\nDatabase:", path.stat().st_size // 2**20, "MB")

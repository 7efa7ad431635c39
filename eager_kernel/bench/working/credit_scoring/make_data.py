"""Loans and their payments, as the bank's export has them."""

import csv
import random
from pathlib import Path

random.seed(1000)
data = Path("data")
data.mkdir(exist_ok=True)
with (
    (data / "loans.csv").open("w", newline="") as loans,
    (data / "payments.csv").open("w", newline="") as payments,
):
    out, paid = csv.writer(loans), csv.writer(payments)
    out.writerow(["loan", "amount", "months", "income", "age", "purpose", "housing", "score"])
    paid.writerow(["loan", "month", "due", "paid", "days_late"])
    for loan in range(30_000):
        income = random.lognormvariate(8, 0.45)
        amount = round(random.lognormvariate(8.6, 0.6), -2)
        months = random.choice((12, 24, 36, 48))
        age = random.randint(20, 70)
        score = max(300, min(850, random.gauss(640, 80)))
        purpose = random.choice(("car", "home", "education", "other"))
        housing = random.choice(("rent", "own", "family"))
        out.writerow(
            [
                loan,
                amount,
                months,
                round(income) if random.random() > 0.04 else "",
                age,
                purpose,
                housing,
                round(score),
            ]
        )
        burden = amount / months / income
        trouble = (
            0.02 + 0.25 * burden + max(0, 620 - score) / 2500 + (0.01 if housing == "rent" else 0)
        )
        late = 0
        for month in range(1, 13):
            due = round(amount * 1.06 / months, 2)
            if random.random() < trouble:
                late += random.randint(5, 40)
            else:
                late = max(0, late - 30)
            paid.writerow([loan, month, due, due if late < 60 else 0, late])

#!/usr/bin/env python3
"""Create a sales report as a text file."""

import argparse
import sys
from pathlib import Path

import pandas as pd


def parse_args(argv=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input", type=Path, default=Path("data/sales.csv"))
    parser.add_argument("--output", type=Path, default=Path("report.txt"))
    parser.add_argument("--top", type=int, default=5, help="number of customers to list")
    return parser.parse_args(argv)


def load(path):
    if not path.exists():
        sys.exit(f"File not found: {path}")
    df = pd.read_csv(path, parse_dates=["date"])
    df["discount"] = df["discount"].fillna(0)
    df["revenue"] = df["quantity"] * df["unit_price"] * (1 - df["discount"])
    return df


def summarise(df, top):
    lines = ["SALES REPORT", "=" * 40, ""]
    lines.append(f"Period:  {df['date'].min():%d.%m.%Y} - {df['date'].max():%d.%m.%Y}")
    lines.append(f"Orders:  {len(df):,}")
    lines.append(f"Revenue: {df['revenue'].sum():,.2f}")
    lines += ["", "By product", "-" * 40]
    for product, revenue in df.groupby("product")["revenue"].sum().sort_values(ascending=False).items():
        lines.append(f"{product:<12}{revenue:>20,.2f}")
    lines += ["", "By region", "-" * 40]
    for region, revenue in df.groupby("region")["revenue"].sum().items():
        lines.append(f"{region:<12}{revenue:>20,.2f}")
    lines += ["", f"Top {top} customers", "-" * 40]
    for customer, revenue in df.groupby("customer")["revenue"].sum().nlargest(top).items():
        lines.append(f"{customer:<12}{revenue:>20,.2f}")
    monthly = df.set_index("date")["revenue"].resample("MS").sum()
    lines += ["", "By month", "-" * 40]
    for month, revenue in monthly.items():
        lines.append(f"{month:%Y-%m}  {revenue:>14,.2f}  {'#' * int(revenue / monthly.max() * 30)}")
    return "\n".join(lines)


def main():
    args = parse_args([])
    df = load(args.input)
    report = summarise(df, args.top)
    args.output.write_text(report + "\n", encoding="utf-8")
    print(report)
    print(f"\nReport written to {args.output}")


if __name__ == "__main__":
    main()

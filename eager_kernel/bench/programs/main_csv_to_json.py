#!/usr/bin/env python
"""Convert CSV files to JSON, with types guessed from the values."""
import csv
import json
import logging
import os
from pathlib import Path

logging.basicConfig(level=logging.INFO, format="%(levelname)s: %(message)s")
logger = logging.getLogger(__name__)


def guess(value):
    """Convert a string to int, float or None where possible."""
    if value == "":
        return None
    for convert in (int, float):
        try:
            return convert(value)
        except ValueError:
            pass
    return value


def convert_file(source, target):
    with open(source, newline="", encoding="utf-8") as f:
        rows = [{key: guess(value) for key, value in row.items()} for row in csv.DictReader(f)]
    with open(target, "w", encoding="utf-8") as f:
        json.dump(rows, f, ensure_ascii=False, indent=2)
    return len(rows)


def main():
    source_dir = Path("data")
    target_dir = Path("json")
    target_dir.mkdir(exist_ok=True)
    total = 0
    for source in sorted(source_dir.glob("*.csv")):
        if os.path.getsize(source) > 1_000_000:
            logger.warning("%s is large, skipping", source.name)
            continue
        target = target_dir / (source.stem + ".json")
        count = convert_file(source, target)
        total += count
        logger.info("%s: %d rows", target.name, count)
    print(f"Converted {total} rows")


if __name__ == "__main__":
    main()

"""Find near-duplicate documents with MinHash and locality-sensitive hashing."""

import random
import zlib
from collections import defaultdict
from itertools import combinations

random.seed(21)
WORDS = [f"w{i}" for i in range(4000)]


def document():
    return random.choices(WORDS, k=random.randint(80, 200))


def variant(words, changes):
    words = list(words)
    for _ in range(changes):
        words[random.randrange(len(words))] = random.choice(WORDS)
    return words


documents = [document() for _ in range(1000)]
planted = set()
for _ in range(120):
    original = random.randrange(1000)
    documents.append(variant(documents[original], random.randint(1, 12)))
    planted.add((original, len(documents) - 1))
print(len(documents), "documents,", len(planted), "planted pairs")


def shingles(words, size=3):
    return {
        zlib.crc32(" ".join(words[i : i + size]).encode()) for i in range(len(words) - size + 1)
    }


sets = [shingles(words) for words in documents]
print("Mean shingles:", round(sum(map(len, sets)) / len(sets), 1))

PRIME = (1 << 61) - 1
HASHES = 96
coefficients = [(random.randrange(1, PRIME), random.randrange(PRIME)) for _ in range(HASHES)]


def signature(items):
    return [min((a * x + b) % PRIME for x in items) for a, b in coefficients]


signatures = [signature(items) for items in sets]
print("Signatures:", len(signatures), "x", HASHES)


def candidates(bands):
    rows = HASHES // bands
    found = set()
    for band in range(bands):
        buckets = defaultdict(list)
        for number, values in enumerate(signatures):
            buckets[tuple(values[band * rows : (band + 1) * rows])].append(number)
        for bucket in buckets.values():
            found.update(combinations(bucket, 2))
    return found


def jaccard(a, b):
    return len(sets[a] & sets[b]) / len(sets[a] | sets[b])


def estimate(a, b):
    return sum(x == y for x, y in zip(signatures[a], signatures[b])) / HASHES


for bands in (8, 16, 24, 32, 48):
    pairs = candidates(bands)
    hits = [pair for pair in pairs if jaccard(*pair) >= 0.5]
    true = {pair for pair in planted if jaccard(*pair) >= 0.5}
    print(
        f"{bands:2d} bands: {len(pairs):5d} candidates, {len(hits):4d} duplicates, recall {len(true & set(hits)) / len(true):.3f}"
    )

errors = [abs(estimate(a, b) - jaccard(a, b)) for a, b in planted]
print(f"Mean error of the estimate: {sum(errors) / len(errors):.4f}, worst {max(errors):.4f}")

# Brute force over a sample, to be sure that nothing was missed
sample = range(0, len(documents), 4)
brute = [(a, b) for a, b in combinations(sample, 2) if jaccard(a, b) >= 0.5]
print("Brute force on a quarter:", len(brute), "pairs")

# Group the duplicates
parent = list(range(len(documents)))


def find(x):
    while parent[x] != x:
        parent[x] = parent[parent[x]]
        x = parent[x]
    return x


for a, b in sorted(candidates(32)):
    if jaccard(a, b) >= 0.4:
        parent[find(b)] = find(a)
groups = defaultdict(list)
for number in range(len(documents)):
    groups[find(number)].append(number)
sizes = sorted((len(group) for group in groups.values()), reverse=True)
print("Groups of more than one:", sum(size > 1 for size in sizes), "largest:", sizes[:5])

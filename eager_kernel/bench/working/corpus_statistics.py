# Statistics of a generated corpus: Zipf's law, collocations, readability, a bigram model
import math
import random
import re
from collections import Counter, defaultdict

random.seed(14)

# Build a vocabulary with Zipf-like frequencies and write sentences with it
syllables = "ba ce di fo gu la me ni po ru sa te vi wo xa ze lin tor mar ken".split()
vocabulary = list(
    {
        "".join(random.choices(syllables, k=random.choice((1, 2, 2, 3, 3, 4)))): None
        for _ in range(9000)
    }
)
weights = [1 / (rank + 2.7) for rank in range(len(vocabulary))]
pairs = [(random.choice(vocabulary[50:800]), random.choice(vocabulary[50:800])) for _ in range(40)]


def sentence():
    words = random.choices(vocabulary, weights, k=random.randint(5, 22))
    if random.random() < 0.3:
        at = random.randrange(len(words))
        words[at:at] = random.choice(pairs)
    return " ".join(words).capitalize() + random.choice(".....!?")


text = " ".join(sentence() for _ in range(30_000))
print(f"{len(text):,} characters")

words = re.findall(r"[a-z]+", text.lower())
counts = Counter(words)
print(
    f"{len(words):,} words, {len(counts):,} different, {sum(1 for c in counts.values() if c == 1)} once only"
)
print("Most frequent:", counts.most_common(8))

# Zipf: slope of log frequency against log rank
ranked = [c for _, c in counts.most_common(2000)]
x = [math.log(r + 1) for r in range(len(ranked))]
y = [math.log(c) for c in ranked]
mx, my = sum(x) / len(x), sum(y) / len(y)
slope = sum((a - mx) * (b - my) for a, b in zip(x, y)) / sum((a - mx) ** 2 for a in x)
print(f"Zipf exponent: {-slope:.3f}")

# Collocations by pointwise mutual information
bigrams = Counter(zip(words, words[1:]))
total = len(words)
pmi = {
    pair: math.log2(c * total / (counts[pair[0]] * counts[pair[1]]))
    for pair, c in bigrams.items()
    if c >= 40
}
found = sorted(pmi, key=lambda pair: (-pmi[pair], pair))[:40]
print("Collocations:", [" ".join(pair) for pair in found[:6]])
print("Of the 40 planted pairs found:", len(set(found) & set(pairs)))

# A bigram model with interpolation, and its perplexity on the last tenth
split = int(total * 0.9)
train, test = words[:split], words[split:]
unigram = Counter(train)
following = defaultdict(Counter)
for a, b in zip(train, train[1:]):
    following[a][b] += 1
sums = {a: sum(c.values()) for a, c in following.items()}
for weight in (0.1, 0.3, 0.5, 0.7):
    log_sum = 0.0
    for a, b in zip(test, test[1:]):
        p1 = (unigram[b] + 1) / (split + len(counts))
        p2 = following[a][b] / sums[a] if a in sums else 0.0
        log_sum += math.log2(weight * p2 + (1 - weight) * p1)
    print(f"weight {weight}: perplexity {2 ** (-log_sum / (len(test) - 1)):.1f}")

# Sentence lengths
lengths = [len(re.findall(r"\w+", s)) for s in re.split(r"(?<=[.!?])\s+", text)]
print("Mean sentence length:", round(sum(lengths) / len(lengths), 2), "longest:", max(lengths))
histogram = Counter(length // 3 * 3 for length in lengths)
for low in sorted(histogram):
    print(f"{low:3d}-{low + 2:3d} {'*' * (histogram[low] // 150)}")

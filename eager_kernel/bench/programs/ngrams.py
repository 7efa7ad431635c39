import random
import re
from collections import Counter, defaultdict

random.seed(3)

text = open("data/article.md", encoding="utf-8").read().lower()
tokens = re.findall(r"[a-z]+|[.,]", text)
print("Tokens:", len(tokens))

# Build n-gram counts
def ngrams(tokens, n):
    return zip(*(tokens[i:] for i in range(n)))

for n in (1, 2, 3):
    counts = Counter(ngrams(tokens, n))
    print(f"{n}-grams: {len(counts)} distinct, top: {counts.most_common(3)}")

# A trigram language model
model = defaultdict(Counter)
for a, b, c in ngrams(tokens, 3):
    model[a, b][c] += 1
print("Contexts:", len(model))

def generate(model, start, length=25):
    a, b = start
    words = [a, b]
    for _ in range(length):
        options = model.get((a, b))
        if not options:
            break
        c = random.choices(list(options), weights=options.values())[0]
        words.append(c)
        a, b = b, c
    return " ".join(words)

for _ in range(3):
    print("-", generate(model, random.choice(list(model))))

# Edit distance between the most common words
def levenshtein(a, b):
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        current = [i]
        for j, y in enumerate(b, 1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (x != y)))
        previous = current
    return previous[-1]

vocabulary = sorted({t for t in tokens if len(t) > 3})
pairs = [(levenshtein(a, b), a, b) for i, a in enumerate(vocabulary) for b in vocabulary[i + 1:]]
pairs.sort()
print("Closest words:", pairs[:5])

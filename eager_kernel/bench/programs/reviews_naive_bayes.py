"""Naive Bayes on the reviews: positive (4-5 stars) against negative (1-2 stars)."""
import math
import re
from collections import Counter

import pandas as pd

reviews = pd.read_csv("data/reviews.csv")
reviews = reviews[reviews["stars"] != 3].reset_index(drop=True)
reviews["label"] = (reviews["stars"] >= 4).astype(int)
print(reviews["label"].value_counts())

def tokenize(text):
    return re.findall(r"[a-z']+", text.lower())

reviews["tokens"] = reviews["text"].map(tokenize)
split = int(len(reviews) * 0.75)
train, test = reviews.iloc[:split], reviews.iloc[split:]

class NaiveBayes:
    def __init__(self, alpha=1.0):
        self.alpha = alpha

    def fit(self, documents, labels):
        self.counts = {0: Counter(), 1: Counter()}
        self.prior = Counter(labels)
        for tokens, label in zip(documents, labels):
            self.counts[label].update(tokens)
        self.vocabulary = set(self.counts[0]) | set(self.counts[1])
        self.totals = {label: sum(c.values()) for label, c in self.counts.items()}
        return self

    def score(self, tokens, label):
        size = len(self.vocabulary)
        total = math.log(self.prior[label] / sum(self.prior.values()))
        for token in tokens:
            count = self.counts[label][token] + self.alpha
            total += math.log(count / (self.totals[label] + self.alpha * size))
        return total

    def predict(self, documents):
        return [int(self.score(t, 1) > self.score(t, 0)) for t in documents]

for alpha in (0.1, 0.5, 1.0, 2.0):
    model = NaiveBayes(alpha).fit(train["tokens"], train["label"])
    predicted = model.predict(test["tokens"])
    accuracy = sum(p == l for p, l in zip(predicted, test["label"])) / len(test)
    print(f"alpha={alpha}: accuracy {accuracy:.3f}")

ratios = {
    word: math.log((model.counts[1][word] + 1) / model.totals[1])
    - math.log((model.counts[0][word] + 1) / model.totals[0])
    for word in model.vocabulary
}
ranked = sorted(ratios, key=ratios.get)
print("Most negative:", ranked[:6])
print("Most positive:", ranked[-6:])

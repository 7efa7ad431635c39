import pandas as pd
import re

reviews = pd.read_csv("data/reviews.csv")
print(reviews["stars"].value_counts(normalize=True).sort_index().round(3))

# Basic text features
reviews["words"] = reviews["text"].str.split().str.len()
reviews["characters"] = reviews["text"].str.len()
reviews["exclaims"] = reviews["text"].str.endswith("!")
print(reviews.groupby("stars")[["words", "characters", "exclaims"]].mean().round(2))

# A small sentiment lexicon
positive = {"great", "lovely", "solid", "excellent", "happy", "recommend", "perfect"}
negative = {"broken", "slow", "poor", "noisy", "refund", "disappointed", "useless"}

def sentiment(text):
    tokens = re.findall(r"[a-z]+", text.lower())
    return sum(t in positive for t in tokens) - sum(t in negative for t in tokens)

reviews["sentiment"] = reviews["text"].apply(sentiment)
print(reviews.groupby("stars")["sentiment"].agg(["mean", "std"]).round(2))
print("Correlation:", round(reviews["stars"].corr(reviews["sentiment"]), 3))

# Most frequent words for bad and good reviews
for label, part in (("bad", reviews[reviews["stars"] <= 2]), ("good", reviews[reviews["stars"] >= 4])):
    counts = part["text"].str.lower().str.findall(r"[a-z]{4,}").explode().value_counts()
    print(label, counts.head(8).to_dict())

reviews.groupby("product")["stars"].agg(["mean", "count"]).round(2)

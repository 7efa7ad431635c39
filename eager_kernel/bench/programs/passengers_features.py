import os
import pandas as pd
import numpy as np

# Paths
DATA_DIR = "data"
OUTPUT_DIR = "output"
os.makedirs(OUTPUT_DIR, exist_ok=True)

# Load
train = pd.read_csv(os.path.join(DATA_DIR, "passengers.csv"))
print("Loaded", train.shape)

# Feature engineering
train["age_missing"] = train["age"].isna().astype(int)
train["age"] = train["age"].fillna(train["age"].median())
train["embarked"] = train["embarked"].fillna("S")
train["family_size"] = train["family"] + 1
train["fare_per_person"] = train["fare"] / train["family_size"]
train["age_x_class"] = train["age"] * train["pclass"]
train["sex"] = train["sex"].map({"male": 0, "female": 1})
train["embarked"] = train["embarked"].map({"S": 0, "C": 1, "Q": 2})
train["is_child"] = (train["age"] < 14).astype(int)
print(train.head())

# Information value of each binned feature
def information_value(feature, target, bins=5):
    binned = pd.qcut(feature, bins, duplicates="drop") if feature.nunique() > bins else feature
    table = pd.crosstab(binned, target) + 0.5
    good = table[1] / table[1].sum()
    bad = table[0] / table[0].sum()
    return float(((good - bad) * np.log(good / bad)).sum())

features = [c for c in train.columns if c not in ("passenger_id", "survived")]
iv = pd.Series({c: information_value(train[c], train["survived"]) for c in features})
print(iv.sort_values(ascending=False).round(3))

# A simple scorecard
selected = iv.nlargest(5).index
score = sum((train[c] - train[c].mean()) / train[c].std() * np.sign(train[c].corr(train["survived"])) for c in selected)
threshold = score.quantile(1 - train["survived"].mean())
train["prediction"] = (score > threshold).astype(int)
print("Accuracy:", (train["prediction"] == train["survived"]).mean().round(3))

# Save
train[["passenger_id", "prediction"]].to_csv(os.path.join(OUTPUT_DIR, "submission.csv"), index=False)
train.to_csv(os.path.join(OUTPUT_DIR, "features.csv"), index=False)
print("Files written:", sorted(os.listdir(OUTPUT_DIR)))

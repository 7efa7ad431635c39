import pandas as pd
import matplotlib.pyplot as plt

students = pd.read_csv("data/students.csv").dropna()
subjects = ["maths", "reading", "writing"]

# One histogram per subject
fig, axes = plt.subplots(1, 3, figsize=(15, 4), sharey=True)
for ax, subject in zip(axes, subjects):
    ax.hist(students[subject], bins=20, color="steelblue", edgecolor="white")
    ax.axvline(students[subject].mean(), color="red", linestyle="--", label="mean")
    ax.set_title(subject.capitalize())
    ax.legend()
axes[0].set_ylabel("Students")
plt.tight_layout()
plt.show()

# Box plots by group
fig, ax = plt.subplots(figsize=(8, 5))
groups = sorted(students["group"].unique())
ax.boxplot([students.loc[students["group"] == g, "maths"] for g in groups])
ax.set_xticklabels(groups)
ax.set_title("Maths by group")
plt.show()

# Study hours against the average
students["average"] = students[subjects].mean(axis=1)
fig, ax = plt.subplots(figsize=(8, 5))
for course, part in students.groupby("course"):
    ax.scatter(part["study_hours"], part["average"], alpha=0.4, label=course)
ax.set_xlabel("Hours of study")
ax.set_ylabel("Average")
ax.legend()
plt.show()

print(students.groupby("course")["average"].mean().round(2))

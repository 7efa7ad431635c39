import numpy as np
import pandas as pd
import matplotlib.pyplot as plt

log_lines = open("data/access.log", encoding="utf-8").read().splitlines()
print(f"{len(log_lines)} requests")

# Parse the time and the status of each line
records = []
for line in log_lines:
    moment = line.split("[", 1)[1].split("]", 1)[0]
    status = int(line.rsplit('"', 1)[1].split()[0])
    records.append((moment, status))

df = pd.DataFrame(records, columns=["moment", "status"])
df["moment"] = pd.to_datetime(df["moment"], format="%d/%b/%Y:%H:%M:%S %z")
df["hour"] = df["moment"].dt.hour
df["minute"] = df["moment"].dt.minute // 5 * 5

# Requests by hour and five minutes
counts = df.pivot_table(index="hour", columns="minute", values="status", aggfunc="size", fill_value=0)

fig, ax = plt.subplots(figsize=(10, 7))
image = ax.imshow(counts, cmap="magma", aspect="auto")
ax.set_xticks(range(len(counts.columns)), counts.columns)
ax.set_yticks(range(len(counts.index)), counts.index)
ax.set_xlabel("Minute")
ax.set_ylabel("Hour")
ax.set_title("Requests")
fig.colorbar(image, ax=ax, label="requests")
for (row, column), value in np.ndenumerate(counts.to_numpy()):
    ax.text(column, row, value, ha="center", va="center", fontsize=6, color="white")
fig.savefig("heatmap.png", dpi=200)

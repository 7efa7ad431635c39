# Agent-based epidemic: 300,000 people with households, workplaces and a vaccination campaign
import numpy as np

rng = np.random.default_rng(6)
N = 300_000
DAYS = 180

household = np.sort(rng.integers(0, N // 3, N))
workplace = rng.integers(0, N // 12, N)
age = rng.integers(0, 95, N)
risk = 0.0004 * np.exp(age / 18)


def simulate(vaccines_per_day, distancing):
    state = np.zeros(N, dtype=np.int8)  # 0 susceptible, 1 infected, 2 recovered, 3 dead
    timer = np.zeros(N, dtype=np.int16)
    immunity = np.zeros(N)
    order = np.argsort(-age, kind="stable")  # oldest first
    given = 0
    first = rng.choice(N, 60, replace=False)
    state[first], timer[first] = 1, 8
    curve, dead = [], []
    for day in range(DAYS):
        sick = state == 1
        at_home = np.bincount(household[sick], minlength=household.max() + 1)[household]
        at_work = np.bincount(workplace[sick], minlength=workplace.max() + 1)[workplace]
        community = sick.sum() / N
        force = 0.07 * at_home + (0.012 * at_work + 0.14 * community) * (1 - distancing)
        infected = (state == 0) & (rng.random(N) < 1 - np.exp(-force * (1 - immunity)))
        timer[sick] -= 1
        ending = sick & (timer <= 0)
        dying = ending & (rng.random(N) < risk * (1 - immunity))
        state[ending] = 2
        state[dying] = 3
        state[infected] = 1
        timer[infected] = rng.integers(5, 12, infected.sum())
        if day > 30 and given < N:
            chosen = order[given : given + vaccines_per_day]
            immunity[chosen] = np.maximum(immunity[chosen], 0.85)
            given += vaccines_per_day
        curve.append(int((state == 1).sum()))
        dead.append(int((state == 3).sum()))
    return np.array(curve), np.array(dead), state


scenarios = {
    "nothing": (0, 0.0),
    "distancing": (0, 0.35),
    "vaccines": (2000, 0.0),
    "both": (2000, 0.35),
}
results = {}
print(f"{'scenario':<12}{'peak':>9}{'peak day':>10}{'ever infected':>15}{'deaths':>8}")
for name, (vaccines, distancing) in scenarios.items():
    curve, dead, state = simulate(vaccines, distancing)
    results[name] = (curve, dead, state)
    ever = (state > 0).mean()
    print(f"{name:<12}{curve.max():>9,}{curve.argmax():>10}{ever:>15.1%}{dead[-1]:>8,}")

base = results["nothing"][1][-1]
for name, (curve, dead, state) in results.items():
    by_age = np.bincount(age[state == 3] // 20, minlength=5)
    print(f"{name:<12} deaths averted {base - dead[-1]:>6,}; by age group {by_age.tolist()}")

# Doubling time early on
curve = results["nothing"][0]
growth = np.polyfit(np.arange(5, 20), np.log(curve[5:20]), 1)[0]
print(f"Early growth {growth:.3f} per day, doubling in {np.log(2) / growth:.1f} days")

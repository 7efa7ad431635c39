import numpy as np

rng = np.random.default_rng(1)

# Ising model with a checkerboard Metropolis update
L = 48
checker = np.indices((L, L)).sum(axis=0) % 2 == 0

def sweep(spins, beta):
    for mask in (checker, ~checker):
        field = sum(np.roll(spins, s, axis) for s in (1, -1) for axis in (0, 1))
        delta = 2 * spins * field
        flip = mask & (rng.random((L, L)) < np.exp(-beta * delta))
        spins = np.where(flip, -spins, spins)
    return spins

def measure(temperature, warm_up=300, sweeps=400):
    spins = np.ones((L, L), dtype=int)
    magnetisation, energy = [], []
    for number in range(warm_up + sweeps):
        spins = sweep(spins, 1 / temperature)
        if number >= warm_up:
            magnetisation.append(abs(spins.mean()))
            energy.append(-(spins * (np.roll(spins, 1, 0) + np.roll(spins, 1, 1))).mean())
    return np.mean(magnetisation), np.mean(energy), np.var(magnetisation) * L * L / temperature

print("    T      |M|        E      chi")
results = []
for temperature in (1.5, 1.9, 2.2, 2.27, 2.35, 2.6, 3.2):
    m, e, chi = measure(temperature)
    results.append((temperature, chi))
    print(f"{temperature:5.2f} {m:8.4f} {e:8.4f} {chi:8.3f}")

critical = max(results, key=lambda r: r[1])[0]
print(f"Largest susceptibility at T = {critical} (exact critical temperature: 2.269)")

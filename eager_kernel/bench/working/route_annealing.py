import math
import random

random.seed(50)

# A delivery round with 180 stops
cities = [
    (random.gauss(cx, 6), random.gauss(cy, 6))
    for cx, cy in [(20, 20), (75, 25), (50, 70), (20, 80), (85, 80)]
    for _ in range(36)
]
n = len(cities)
distance = [[math.dist(a, b) for b in cities] for a in cities]
print("Stops:", n)


def length(tour):
    return sum(distance[tour[i - 1]][tour[i]] for i in range(len(tour)))


# Start: nearest neighbour
def nearest_neighbour(start):
    tour, left = [start], set(range(n)) - {start}
    while left:
        here = tour[-1]
        there = min(left, key=lambda city: distance[here][city])
        tour.append(there)
        left.remove(there)
    return tour


starts = {start: length(nearest_neighbour(start)) for start in range(0, n, 6)}
best_start = min(starts, key=starts.get)
tour = nearest_neighbour(best_start)
print(f"Nearest neighbour: {length(tour):.2f} (worst start {max(starts.values()):.2f})")


# Improve: 2-opt
def two_opt(tour):
    improved, rounds = True, 0
    while improved:
        improved = False
        rounds += 1
        for i in range(1, n - 1):
            a, b = tour[i - 1], tour[i]
            for j in range(i + 1, n):
                c, d = tour[j], tour[(j + 1) % n]
                if distance[a][c] + distance[b][d] < distance[a][b] + distance[c][d] - 1e-9:
                    tour[i : j + 1] = reversed(tour[i : j + 1])
                    b = tour[i]
                    improved = True
    return tour, rounds


two, rounds = two_opt(tour[:])
print(f"2-opt: {length(two):.2f} after {rounds} rounds")


# Improve further: simulated annealing with segment reversal and relocation
def anneal(tour, temperature, cooling, steps):
    current = length(tour)
    best, best_length = tour[:], current
    accepted = 0
    for step in range(steps):
        i, j = sorted(random.sample(range(n), 2))
        if j - i < 1 or (i == 0 and j == n - 1):
            continue
        a, b, c, d = tour[i - 1], tour[i], tour[j], tour[(j + 1) % n]
        delta = distance[a][c] + distance[b][d] - distance[a][b] - distance[c][d]
        if delta < 0 or random.random() < math.exp(-delta / temperature):
            tour[i : j + 1] = tour[i : j + 1][::-1]
            current += delta
            accepted += 1
            if current < best_length - 1e-9:
                best, best_length = tour[:], current
        temperature *= cooling
    return best, best_length, accepted


annealed, value, accepted = anneal(two[:], 3.0, 0.99999, 600_000)
print(f"Annealing: {value:.2f}, {accepted} moves accepted")
final, _ = two_opt(annealed)
print(f"Final: {length(final):.2f}, {1 - length(final) / length(tour):.1%} shorter than the start")
print("Tour:", final[:12], "...")

# Split among three vans by cumulative length
limit = length(final) / 3
vans, used = [[]], 0.0
for i, city in enumerate(final):
    step = distance[final[i - 1]][city] if i else 0.0
    if used + step > limit and len(vans) < 3:
        vans.append([])
        used = 0.0
    vans[-1].append(city)
    used += step
for number, stops in enumerate(vans, 1):
    print(
        f"Van {number}: {len(stops)} stops, {sum(distance[a][b] for a, b in zip(stops, stops[1:])):.1f}"
    )

"""Nagel-Schreckenberg traffic on a ring road: how flow depends on density."""

import random
import statistics

LENGTH, SPEED_LIMIT = 1000, 5


def place(cars, rng):
    return [
        (position, rng.randint(0, SPEED_LIMIT))
        for position in sorted(rng.sample(range(LENGTH), cars))
    ]


def step(road, dawdle, rng):
    new = []
    count = len(road)
    for i, (position, speed) in enumerate(road):
        gap = (road[(i + 1) % count][0] - position - 1) % LENGTH
        speed = min(speed + 1, SPEED_LIMIT, gap)
        if speed and rng.random() < dawdle:
            speed -= 1
        new.append(((position + speed) % LENGTH, speed))
    # The one that has gone round comes first
    while new[0][0] > new[1][0]:
        new.append(new.pop(0))
    start = min(range(count), key=lambda i: new[i][0])
    return new[start:] + new[:start]


def measure(density, dawdle, steps=300, warm_up=150, seed=1):
    rng = random.Random(seed)
    road = place(int(LENGTH * density), rng)
    speeds, jams = [], []
    for t in range(steps):
        road = step(road, dawdle, rng)
        if t >= warm_up:
            speeds.append(sum(speed for _, speed in road) / len(road))
            jams.append(sum(1 for _, speed in road if speed == 0) / len(road))
    return statistics.mean(speeds), statistics.mean(jams)


results = {}
for dawdle in (0.0, 0.2, 0.4):
    print(f"Dawdling with probability {dawdle}")
    for percent in (3, 6, 9, 12, 16, 22, 30, 45, 60):
        density = percent / 100
        speed, jammed = measure(density, dawdle)
        results[dawdle, density] = density * speed
        print(
            f"  density {density:.2f}: speed {speed:.3f}, flow {density * speed:.3f}, standing {jammed:5.1%}"
        )

for dawdle in (0.0, 0.2, 0.4):
    flows = {density: flow for (d, density), flow in results.items() if d == dawdle}
    best = max(flows, key=flows.get)
    print(f"Best density with dawdling {dawdle}: {best:.2f} (flow {flows[best]:.3f})")

# A space-time picture of a jam
rng = random.Random(9)
road = place(140, rng)
for _ in range(200):
    road = step(road, 0.3, rng)
for _ in range(12):
    road = step(road, 0.3, rng)
    line = ["."] * 100
    for position, speed in road:
        if position < 100:
            line[position] = str(speed)
    print("".join(line))

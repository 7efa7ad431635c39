"""Discrete-event simulation of a hospital: triage, doctors, X-ray, with priorities."""

import heapq
import random
from collections import defaultdict, deque
from dataclasses import dataclass, field


@dataclass
class Patient:
    number: int
    arrived: float
    urgent: bool
    waits: dict = field(default_factory=dict)


class Station:
    def __init__(self, name, servers, mean):
        self.name, self.servers, self.mean = name, servers, mean
        self.busy = 0
        self.queues = (deque(), deque())  # urgent, normal
        self.busy_time = 0.0
        self.longest = 0

    def waiting(self):
        return len(self.queues[0]) + len(self.queues[1])


class Hospital:
    def __init__(self, doctors, rate, seed):
        self.random = random.Random(seed)
        self.rate = rate
        self.stations = {
            "triage": Station("triage", 2, 4.0),
            "doctor": Station("doctor", doctors, 14.0),
            "xray": Station("xray", 2, 9.0),
        }
        self.events = []
        self.counter = 0
        self.done = []

    def schedule(self, time, action, *arguments):
        self.counter += 1
        heapq.heappush(self.events, (time, self.counter, action, arguments))

    def arrive(self, now, number):
        patient = Patient(number, now, self.random.random() < 0.15)
        self.join(now, patient, "triage")
        self.schedule(now + self.random.expovariate(self.rate), self.arrive, number + 1)

    def join(self, now, patient, name):
        station = self.stations[name]
        station.queues[0 if patient.urgent else 1].append((now, patient))
        station.longest = max(station.longest, station.waiting())
        self.start(now, station)

    def start(self, now, station):
        while station.busy < station.servers and station.waiting():
            queue = station.queues[0] or station.queues[1]
            since, patient = queue.popleft()
            patient.waits[station.name] = now - since
            station.busy += 1
            duration = self.random.expovariate(1 / station.mean)
            station.busy_time += duration
            self.schedule(now + duration, self.finish, station, patient)

    def finish(self, now, station, patient):
        station.busy -= 1
        if station.name == "triage":
            self.join(now, patient, "doctor")
        elif (
            station.name == "doctor" and "xray" not in patient.waits and self.random.random() < 0.3
        ):
            self.join(now, patient, "xray")
        elif station.name == "xray":
            self.join(now, patient, "doctor")
        else:
            self.done.append((patient, now - patient.arrived))
        self.start(now, station)

    def run(self, until):
        self.schedule(0.0, self.arrive, 0)
        while self.events and self.events[0][0] < until:
            now, _, action, arguments = heapq.heappop(self.events)
            action(now, *arguments)
        return self


def summary(hospital, until):
    stays = sorted(stay for _, stay in hospital.done)
    waits = defaultdict(list)
    for patient, _ in hospital.done:
        for name, wait in patient.waits.items():
            waits[name, patient.urgent].append(wait)
    print(
        f"  {len(stays)} patients, median stay {stays[len(stays) // 2]:.1f} min, p95 {stays[int(len(stays) * 0.95)]:.1f}"
    )
    for name, station in hospital.stations.items():
        use = station.busy_time / (station.servers * until)
        urgent, normal = waits[name, True], waits[name, False]
        print(
            f"  {name:<7} use {use:5.1%}, mean wait {sum(normal) / len(normal):7.2f} "
            f"(urgent {sum(urgent) / len(urgent):5.2f}), longest queue {station.longest}"
        )


def main():
    until = 60 * 24 * 60.0
    for doctors in (5, 6, 7, 8):
        print(f"{doctors} doctors")
        summary(Hospital(doctors, rate=1 / 3.6, seed=20).run(until), until)


if __name__ == "__main__":
    main()

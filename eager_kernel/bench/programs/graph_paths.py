import heapq
import random
from collections import deque

random.seed(8)


class Graph:
    """An undirected weighted graph."""

    def __init__(self):
        self.edges = {}

    def add(self, a, b, weight=1):
        self.edges.setdefault(a, {})[b] = weight
        self.edges.setdefault(b, {})[a] = weight

    def bfs(self, start):
        """Number of edges from `start` to every reachable node."""
        distance = {start: 0}
        queue = deque([start])
        while queue:
            node = queue.popleft()
            for neighbour in self.edges[node]:
                if neighbour not in distance:
                    distance[neighbour] = distance[node] + 1
                    queue.append(neighbour)
        return distance

    def dijkstra(self, start, goal):
        """Length and nodes of the shortest path."""
        heap = [(0, start, [start])]
        done = set()
        while heap:
            length, node, path = heapq.heappop(heap)
            if node == goal:
                return length, path
            if node in done:
                continue
            done.add(node)
            for neighbour, weight in self.edges[node].items():
                if neighbour not in done:
                    heapq.heappush(heap, (length + weight, neighbour, path + [neighbour]))
        return float("inf"), []

    def components(self):
        left, found = set(self.edges), []
        while left:
            part = set(self.bfs(next(iter(left))))
            found.append(part)
            left -= part
        return found

    def minimum_spanning_tree(self):
        start = next(iter(self.edges))
        seen, total = {start}, 0
        heap = [(w, b) for b, w in self.edges[start].items()]
        heapq.heapify(heap)
        while heap:
            weight, node = heapq.heappop(heap)
            if node in seen:
                continue
            seen.add(node)
            total += weight
            for neighbour, w in self.edges[node].items():
                if neighbour not in seen:
                    heapq.heappush(heap, (w, neighbour))
        return total


# Build a random graph
graph = Graph()
nodes = [f"n{i}" for i in range(1500)]
for node in nodes:
    for other in random.sample(nodes, 4):
        if other != node:
            graph.add(node, other, random.randint(1, 20))

print("Nodes:", len(graph.edges), "edges:", sum(map(len, graph.edges.values())) // 2)
print("Components:", len(graph.components()))

hops = graph.bfs("n0")
print("Farthest node is", max(hops.values()), "hops away")

for goal in random.sample(nodes, 5):
    length, path = graph.dijkstra("n0", goal)
    print(f"n0 -> {goal}: length {length}, {len(path)} nodes: {' '.join(path[:6])}")

print("Weight of the minimum spanning tree:", graph.minimum_spanning_tree())

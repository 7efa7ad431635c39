"""Prime number utilities."""

import math
import random


def sieve(limit):
    """All primes up to `limit` (sieve of Eratosthenes)."""
    flags = bytearray([1]) * (limit + 1)
    flags[0:2] = b"\x00\x00"
    for n in range(2, math.isqrt(limit) + 1):
        if flags[n]:
            flags[n * n :: n] = bytes(len(range(n * n, limit + 1, n)))
    return [n for n, flag in enumerate(flags) if flag]


def is_prime(n, rounds=20):
    """Miller-Rabin primality test."""
    if n < 2:
        return False
    for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29):
        if n % p == 0:
            return n == p
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for _ in range(rounds):
        a = random.randrange(2, n - 1)
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def factorise(n):
    """Prime factors with Pollard's rho."""
    if n == 1:
        return []
    if is_prime(n):
        return [n]
    divisor = n
    while divisor == n:
        c, x = random.randrange(1, n), random.randrange(n)
        y, divisor = x, 1
        while divisor == 1:
            x = (x * x + c) % n
            y = (y * y + c) % n
            y = (y * y + c) % n
            divisor = math.gcd(abs(x - y), n)
    return sorted(factorise(divisor) + factorise(n // divisor))


def main():
    random.seed(4)
    primes = sieve(2_000_000)
    print(f"{len(primes):,} primes below 2,000,000, the largest is {primes[-1]:,}")
    twins = sum(b - a == 2 for a, b in zip(primes, primes[1:]))
    print(f"{twins:,} pairs of twin primes")
    gaps = max((b - a, a) for a, b in zip(primes, primes[1:]))
    print(f"Largest gap: {gaps[0]} after {gaps[1]:,}")
    for n in (10**9 + 7, 2**61 - 1, 600851475143, 1234567890123456789):
        print(f"{n} = {' × '.join(map(str, factorise(n)))}")


if __name__ == "__main__":
    main()

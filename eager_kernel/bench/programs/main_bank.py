"""Simulation of a small bank with accounts, transfers and interest."""

import random
from abc import ABC, abstractmethod


class Account(ABC):
    next_number = 1000

    def __init__(self, owner, balance=0.0):
        self.owner = owner
        self._balance = balance
        self.number = Account.next_number
        Account.next_number += 1
        self.transactions = []

    @property
    def balance(self):
        return self._balance

    def deposit(self, amount):
        if amount <= 0:
            raise ValueError("Deposit must be positive")
        self._balance += amount
        self.transactions.append(("deposit", amount))

    def withdraw(self, amount):
        if amount > self.available():
            raise ValueError("Insufficient funds")
        self._balance -= amount
        self.transactions.append(("withdraw", amount))

    @abstractmethod
    def available(self):
        """What can be withdrawn."""

    @abstractmethod
    def month_end(self):
        """Interest and fees."""


class SavingsAccount(Account):
    rate = 0.03

    def available(self):
        return self._balance

    def month_end(self):
        interest = self._balance * self.rate / 12
        if interest > 0:
            self.deposit(interest)


class CheckingAccount(Account):
    overdraft = 500
    fee = 2.5

    def available(self):
        return self._balance + self.overdraft

    def month_end(self):
        self._balance -= self.fee


class Bank:
    def __init__(self):
        self.accounts = {}

    def open(self, account):
        self.accounts[account.number] = account
        return account

    def transfer(self, source, target, amount):
        self.accounts[source].withdraw(amount)
        self.accounts[target].deposit(amount)

    def total(self):
        return sum(account.balance for account in self.accounts.values())


def main():
    random.seed(1)
    bank = Bank()
    for i in range(200):
        kind = SavingsAccount if i % 3 == 0 else CheckingAccount
        bank.open(kind(f"Customer {i}", random.uniform(100, 5000)))
    numbers = list(bank.accounts)
    start = bank.total()
    failed = 0
    for month in range(12):
        for _ in range(2000):
            source, target = random.sample(numbers, 2)
            try:
                bank.transfer(source, target, round(random.uniform(1, 400), 2))
            except ValueError:
                failed += 1
        for account in bank.accounts.values():
            account.month_end()
        print(f"Month {month + 1:>2}: total {bank.total():>12,.2f}")
    print(f"{failed} transfers failed, change over the year {bank.total() - start:+,.2f}")
    richest = max(bank.accounts.values(), key=lambda account: account.balance)
    print(f"Richest: {richest.owner} with {richest.balance:,.2f}")


if __name__ == "__main__":
    main()

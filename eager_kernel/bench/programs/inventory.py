from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from enum import Enum


class Category(Enum):
    ELECTRONICS = "electronics"
    FURNITURE = "furniture"
    FOOD = "food"


class OutOfStockError(Exception):
    """Raised when there is not enough of a product."""


@dataclass
class Product:
    sku: str
    name: str
    price: float
    category: Category
    quantity: int = 0

    @property
    def value(self) -> float:
        return self.price * self.quantity


@dataclass
class Inventory:
    products: dict[str, Product] = field(default_factory=dict)
    history: list[tuple[str, str, int]] = field(default_factory=list)

    def add(self, product: Product) -> None:
        if product.sku in self.products:
            raise ValueError(f"SKU {product.sku} exists already")
        self.products[product.sku] = product
        self.history.append(("add", product.sku, product.quantity))

    def remove(self, sku: str, quantity: int) -> float:
        product = self.products[sku]
        if product.quantity < quantity:
            raise OutOfStockError(f"only {product.quantity} of {product.name} left")
        product.quantity -= quantity
        self.history.append(("remove", sku, quantity))
        return product.price * quantity

    def restock(self, sku: str, quantity: int) -> None:
        self.products[sku].quantity += quantity
        self.history.append(("restock", sku, quantity))

    def total_value(self) -> float:
        return sum(product.value for product in self.products.values())

    def by_category(self) -> dict[Category, float]:
        totals: dict[Category, float] = defaultdict(float)
        for product in self.products.values():
            totals[product.category] += product.value
        return dict(totals)

    def low_stock(self, threshold: int = 5) -> list[Product]:
        return [p for p in self.products.values() if p.quantity < threshold]


# Example usage
inventory = Inventory()
inventory.add(Product("E-1", "Laptop", 1200.0, Category.ELECTRONICS, 8))
inventory.add(Product("E-2", "Headset", 89.9, Category.ELECTRONICS, 40))
inventory.add(Product("F-1", "Desk", 340.0, Category.FURNITURE, 6))
inventory.add(Product("F-2", "Chair", 150.0, Category.FURNITURE, 3))
inventory.add(Product("G-1", "Coffee", 7.5, Category.FOOD, 100))

print(f"Total value: {inventory.total_value():,.2f}")
print("Sold laptops for", inventory.remove("E-1", 5))

try:
    inventory.remove("F-2", 10)
except OutOfStockError as error:
    print("Error:", error)

inventory.restock("F-2", 20)
for category, value in inventory.by_category().items():
    print(f"{category.value:<12} {value:>10,.2f}")
print("Low stock:", [p.name for p in inventory.low_stock()])
print("History:", inventory.history)

"""What a run took, while it runs and after: times, costs, and what every picture draws."""

# Loan calculator
#
# The monthly payment of an annuity loan is
#
#     payment = principal * r / (1 - (1 + r) ** -n)
#
# where r is the monthly rate and n is the number of months. Each payment first
# covers the interest of the month; the rest reduces the debt.

principal = 250_000.00   # what is borrowed
annual_rate = 0.0385     # nominal, 3.85 %
years = 25

# Convert to monthly values
r = annual_rate / 12
n = years * 12

# The payment
payment = principal * r / (1 - (1 + r) ** -n)
print(f"Monthly payment: {payment:,.2f}")
print(f"Total paid:      {payment * n:,.2f}")
print(f"Total interest:  {payment * n - principal:,.2f}")

# The amortisation schedule. We only print one line a year, as 300 lines would
# be too many to read.
print(f"\n{'year':>4} {'interest':>12} {'repaid':>12} {'debt':>14}")
debt = principal
for year in range(1, years + 1):
    interest_of_year = repaid_in_year = 0.0
    for month in range(12):
        interest = debt * r
        repaid = payment - interest
        debt -= repaid
        interest_of_year += interest
        repaid_in_year += repaid
    print(f"{year:>4} {interest_of_year:>12,.2f} {repaid_in_year:>12,.2f} {max(debt, 0):>14,.2f}")

# What if we pay a little more each month? Even small amounts shorten the loan,
# because they reduce the debt on which all later interest is computed.
print("\nExtra payments:")
for extra in (0, 50, 100, 250, 500):
    debt, months, interest_paid = principal, 0, 0.0
    while debt > 0:
        interest = debt * r
        debt -= payment + extra - interest
        interest_paid += interest
        months += 1
    print(f"  +{extra:>3}: {months // 12} years {months % 12:>2} months, interest {interest_paid:,.2f}")

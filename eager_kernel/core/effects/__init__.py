"""What a program does outside itself: which audit events that is, and how files are put back."""

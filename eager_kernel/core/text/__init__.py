"""Python text: where its lines end, how it is parsed, where what is in it stands."""

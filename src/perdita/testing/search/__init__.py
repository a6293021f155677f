"""The numerical search for a counter-example to a trait."""

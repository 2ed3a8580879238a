"""The benchmark: what one machine gives, as ratios within one run. ``make bench`` prints it."""

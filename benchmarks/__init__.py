"""Benchmarks: how fast the read path is, told as ratios of two things measured in turn in one run."""

"""Benchmarks: the speed of the read path, as ratios of two things that are measured in turn in one run."""

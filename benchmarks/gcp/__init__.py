"""The benchmarks of the Hot Reader on Google Cloud."""

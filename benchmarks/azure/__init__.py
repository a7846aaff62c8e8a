"""The benchmarks of the Hot Reader on Azure."""

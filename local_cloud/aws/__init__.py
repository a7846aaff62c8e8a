"""AWS on this machine: moto, with Lambda functions that run, and `chalice local`."""

"""The deployment of a twin on AWS: the steps that `deploy` and `destroy` are made of."""

"""Entry points on AWS: API Gateway, a Function URL, Lambda functions."""

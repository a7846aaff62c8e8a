"""DynamoDB: a table, or one of its indexes, by the AWS SDK."""

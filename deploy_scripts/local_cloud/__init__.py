"""A whole cloud on one machine: AWS, its Lambda functions and AWS IoT TwinMaker, on loopback."""

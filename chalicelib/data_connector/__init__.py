"""The data connector: TwinMaker's reads, answered from another cloud's Hot Reader."""

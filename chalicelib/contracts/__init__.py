"""The spellings of a query and an answer: TwinMaker's, and the wire contract's."""

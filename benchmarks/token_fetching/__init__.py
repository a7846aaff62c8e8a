"""Other ways for the data connector to fetch its token, to compare its cold start with."""

"""The use case: order, range, filters, types, pages and the next token."""

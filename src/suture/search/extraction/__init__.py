"""From resources to index values: where the values of a search parameter lie, and the code that collects them."""

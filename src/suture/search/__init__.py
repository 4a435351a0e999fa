"""Search: from resources to index rows, from URLs to plans and SQL."""

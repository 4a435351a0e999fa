"""GraphQL over HTTP, on both engines."""

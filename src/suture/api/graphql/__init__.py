"""GraphQL over FHIR: from a query text to the answer, for one resource, one type, or the whole server.

The way of a query: `document` (parse), `selection` (check and compile, with `searches`, `arguments`, `directives`),
`execution` (run, with `loading` and `output`). `shapes` knows the types; `introspection` tells of them.
"""

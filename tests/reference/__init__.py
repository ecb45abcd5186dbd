"""A slow, plain interpreter of EQL, written from the description of Elasticsearch's semantics alone. It shares the syntax
tree with the compiler and nothing else: no schema, no plan, no SQL. The compiler must agree with it."""

//! Documents: pure functions from a catalog to text.

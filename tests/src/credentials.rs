//! Credentials for the matrix.

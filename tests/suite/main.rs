//! The black-box suite.

mod auth_matrix;

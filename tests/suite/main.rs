//! The black-box suite.

mod approvals;
mod auth_matrix;
mod database;
mod docs;
mod durability;
mod fabric;
mod house;
mod one_yaml_file;
mod operator_api;
mod plane_webhook;
mod setup_import;
mod tools;
mod vendors;

//! The black-box suite.

mod approvals;
mod auth_matrix;
mod canary;
mod database;
mod discovery;
mod docs;
mod durability;
mod fabric;
mod house;
mod http_surface;
mod jobs;
mod metrics;
mod one_yaml_file;
mod openapi;
mod operator_api;
mod panics;
mod plane_webhook;
mod reload;
mod setup_import;
mod tools;
mod vendors;

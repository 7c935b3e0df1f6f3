//! `check` from the outside: folders of manifests in, findings and catalogs out. One binary; each file is a subject.

mod catalog;
mod fixtures;
mod handlers;
mod properties;
mod rendering;

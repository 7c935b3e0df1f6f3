//! Tells the program which commit it was built from. Outside a checkout it stays untold.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-env-changed=MISSION_CONTROL_COMMIT");
    println!("cargo:rerun-if-changed=../../.git/HEAD");
    println!("cargo:rerun-if-changed=../../.git/refs/heads");
    let stated = std::env::var("MISSION_CONTROL_COMMIT").ok().filter(|commit| !commit.is_empty());
    let asked = || {
        let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    if let Some(commit) = stated.or_else(asked) {
        println!("cargo:rustc-env=MISSION_CONTROL_COMMIT={commit}");
    }
}

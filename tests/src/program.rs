//! The program under test, built once for each run of the suite.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the suite stands inside the repository").to_path_buf()
}

/// The folder of what is built and fetched, as `scripts/test` has it.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// The variable with the path of a program to test in place of the one of this checkout.
pub const PROGRAM: &str = "MISSION_CONTROL_TEST_PROGRAM";

/// The `mission-control` of this checkout, in the suite's own profile.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(program) = std::env::var_os(PROGRAM) {
            return program.into();
        }
        let here = std::env::current_exe().expect("the suite knows its own path");
        let folder = here.parent().and_then(Path::parent).expect("target/<profile>/deps/suite").to_path_buf();
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "mission-control", "--bins"]).current_dir(repository());
        if folder.ends_with("release") {
            build.arg("--release");
        }
        let status = build.status().expect("cargo starts");
        assert!(status.success(), "the program does not build");
        folder.join("mission-control")
    })
}

//! Rebuilds the crate when a migration changes, since they are embedded. Does nothing else.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}

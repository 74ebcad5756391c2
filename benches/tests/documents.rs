//! What the documents show is what there is.

use std::{fs, path::Path};

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(root.join(path)).expect("it is a file of the project")
}

#[test]
fn the_document_shows_the_example_for_a_workload_of_ones_own() {
    let example = read("benches/examples/own_workload.rs");
    let (_, code) = example.split_once("\n\n").expect("the header ends somewhere");
    let document = read("docs/performance.md");
    assert!(document.contains(code), "docs/performance.md shows another example");
}

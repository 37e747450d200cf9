//! Models in archives, as SageMaker packs them.

use mlinfra_inference::archive::{MOST, unpack};

use crate::support::packed;

#[test]
fn the_files_at_the_top_are_there_and_those_in_folders_are_not() {
    let files = unpack(
        &packed(&[
            ("./model.json", b"{}"),
            ("model.onnx", b"onnx"),
            ("code/model.onnx", b"other"),
        ]),
        MOST,
    )
    .unwrap();
    assert_eq!(files.len(), 2);
    assert_eq!(files.get("model.json").unwrap(), b"{}");
    assert_eq!(files.get("model.onnx").unwrap(), b"onnx");
}

#[test]
fn what_is_no_archive_or_only_half_of_one_is_refused() {
    assert!(unpack(b"hello", MOST).unwrap_err().contains("no whole .tar.gz"));
    let whole = packed(&[("model.onnx", &[7; 100_000])]);
    let half = whole.get(..whole.len() / 2).unwrap();
    assert!(unpack(half, MOST).unwrap_err().contains("no whole .tar.gz"));
}

#[test]
fn an_archive_that_unpacks_to_too_much_is_refused_before_it_fills_the_memory() {
    let bomb = packed(&[("model.onnx", &[0; 100_000])]);
    assert!(bomb.len() < 1_000);
    assert!(unpack(&bomb, 10_000).unwrap_err().contains("more than 10000 bytes"));
    assert!(unpack(&bomb, 200_000).is_ok());
}

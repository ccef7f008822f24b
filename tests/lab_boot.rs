//! The lab's recorded boots, predicted from small inputs: outcome and failing step of each, and what drives its disk.

#[path = "../testdata/lab/replay/mod.rs"]
mod replay;

use replay::packed::Packed;
use replay::{case, main_part, score};

#[test]
fn every_recorded_boot_is_predicted() {
    let cases = case::load(&main_part().join("truth.jsonl"));
    let packed = Packed::load(&main_part().join("inputs.zst"));
    let report = score::score(&cases, &|case| packed.inputs(case));
    println!("{report}");
    assert!(report.is_right(), "{report}");
}

//! A row of docs/faults.md. `xtask/src/faults.rs` has what is above it.

use std::path::PathBuf;
use std::time::Duration;

use super::Fault;
use super::measure::Measured;

/// Set by `cargo xtask faults`: a folder, for a file with each row.
const ROWS: &str = "FAULTS_ROWS";

pub(crate) fn write(number: usize, fault: &Fault, measured: &Measured) {
    let row = row(fault, measured);
    println!("{row}");
    let Measured { ours, backstopped, without_us, .. } = measured;
    for (load, counts) in [("with us", ours), ("by the backstop", backstopped), ("without us", without_us)] {
        if let Some(reason) = &counts.reason {
            println!("  refused {load}: {reason}");
        }
    }
    if let Some(folder) = std::env::var_os(ROWS).map(PathBuf::from) {
        std::fs::write(folder.join(format!("{number:02}")), row + "\n").expect("a row");
    }
}

fn row(fault: &Fault, measured: &Measured) -> String {
    let Measured { ours, backstopped, without_us, recovery, remade } = measured;
    let cells = [
        fault.what.to_owned(),
        (ours.hardened + ours.unhardened + ours.refused).to_string(),
        without_us.refused.to_string(),
        ours.refused.to_string(),
        ours.unhardened.to_string(),
        backstopped.refused.to_string(),
        backstopped.unhardened.to_string(),
        seconds(without_us.longest),
        seconds(ours.longest),
        seconds(*recovery),
        seconds(*remade),
    ];
    format!("| {} |", cells.join(" | "))
}

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

//! What is done in a process of its own, done as the harness does it.

use bowerbird_bench::{
    contender::Contender,
    reading::{Reading, Unit},
};
use std::process::{Command, Output};

const RUNTIMES: [Contender; 3] = [Contender::Bowerbird, Contender::Tokio, Contender::Smol];

fn sample(workload: &str, contender: Contender, size: u64) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bowerbird-bench"));
    command.args(["sample", workload, contender.name(), "--workers", "1"]);
    command.args(["--size", &size.to_string()]).output().expect("the harness can be started")
}

fn readings(workload: &str, contender: Contender, size: u64) -> Vec<Reading> {
    let output = sample(workload, contender, size);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{workload} {}: {complaint}", contender.name());
    serde_json::from_slice(&output.stdout).expect("a sample is a line of JSON")
}

fn value(workload: &str, contender: Contender, size: u64, unit: Unit) -> f64 {
    let readings = readings(workload, contender, size);
    readings.iter().find(|it| it.unit == unit).expect("the unit is there").value
}

#[test]
fn a_sleep_takes_more_heap_than_its_task_alone() {
    for runtime in RUNTIMES {
        let bytes = |workload| value(workload, runtime, 3_000, Unit::HeapBytes);
        let (empty, sleeping) = (bytes("heap_task"), bytes("heap_task_sleeping"));
        assert!((48.0..400.0).contains(&empty), "{}: {empty}", runtime.name());
        assert!(sleeping > empty + 16.0, "{}: {sleeping}, {empty}", runtime.name());
    }
}

#[test]
fn a_waiting_lock_is_its_future_and_what_it_allocates() {
    for runtime in RUNTIMES {
        let allocations = value("heap_lock_waiter", runtime, 2_000, Unit::Allocations);
        assert!((1.0..4.0).contains(&allocations), "{}: {allocations}", runtime.name());
    }
}

#[test]
fn a_connection_is_more_than_its_task() {
    for runtime in RUNTIMES {
        let connection = value("heap_connection", runtime, 200, Unit::HeapBytes);
        let task = value("heap_task", runtime, 2_000, Unit::HeapBytes);
        assert!(connection > task + 64.0, "{}: {connection}, {task}", runtime.name());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_tasks_take_of_the_heap_is_resident() {
    for runtime in RUNTIMES {
        let bytes = value("resident_1m", runtime, 50_000, Unit::ResidentBytes);
        assert!((40.0..1_000.0).contains(&bytes), "{}: {bytes}", runtime.name());
    }
}

#[test]
fn who_cannot_do_it_says_so() {
    let output = sample("heap_task", Contender::Raw, 1_000);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("not offered"));
}

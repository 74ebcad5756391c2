//! Documents for tests.

use super::{Distribution, Document, Missed, Row};
use crate::{contender::Contender, header::Header, reading::Unit, workloads::Group};

/// A row of one worker, with the rest as it happens to be.
pub(crate) fn row(
    workload: &str,
    runtime: Contender,
    unit: Unit,
    median: f64,
    ratio_vs_tokio: Option<f64>,
) -> Row {
    Row {
        workload: workload.to_owned(),
        group: Group::Scheduler,
        runtime,
        workers: 1,
        size: 1000,
        unit,
        median,
        min: median * 0.9,
        max: median * 1.2,
        samples: 51,
        ratio_vs_tokio,
        ratio_min: ratio_vs_tokio.map(|it| it * 0.9),
        ratio_max: ratio_vs_tokio.map(|it| it * 1.1),
        aa_spread: None,
        note: None,
    }
}

/// A small one that has something of everything.
pub(crate) fn document() -> Document {
    let mut document = Document::new(Header {
        command: "bowerbird-bench compare".to_owned(),
        date: "2026-01-31T12:00:00Z".to_owned(),
        versions: vec![("tokio".to_owned(), "1.54.1".to_owned())],
        ..Header::default()
    });
    for (workload, unit, [ours, tokio, smol]) in [
        ("spawn_and_await", Unit::CpuPerOperation, [54.0, 328.0, 450.0]),
        ("ping_pong", Unit::CpuPerOperation, [340.0, 331.0, 500.0]),
        ("cancel", Unit::CpuPerOperation, [900.0, 450.0, 610.0]),
        ("cancel", Unit::WallPerOperation, [910.0, 460.0, 620.0]),
    ] {
        let contenders = [Contender::Bowerbird, Contender::Tokio, Contender::Smol];
        document.rows.extend(contenders.into_iter().zip([ours, tokio, smol]).map(
            |(runtime, median)| Row {
                aa_spread: Some(0.031),
                note: (runtime == Contender::Smol).then(|| "oneshots of futures".to_owned()),
                ..row(workload, runtime, unit, median, Some(tokio / median))
            },
        ));
    }
    document.distributions.push(Distribution {
        workload: "spawn_and_await".to_owned(),
        runtime: Contender::Bowerbird,
        workers: 1,
        size: 1000,
        quantiles: vec![(0.0, 0.04), (0.5, 0.05), (0.9, 0.2), (0.99, 4.0), (1.0, 80.0)],
    });
    document.missed.extend([1, 2].map(|workers| Missed {
        workload: "ping_pong".to_owned(),
        runtime: Contender::Uvloop,
        workers,
        size: 1000,
        what: "uvloop is not installed: pip install uvloop".to_owned(),
    }));
    document
}

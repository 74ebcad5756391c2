//! Servers and the load generator as the processes that a user runs.

use bowerbird_bench::{
    contender::Contender,
    measure::Measured,
    reading::Unit,
    workloads::io::{load::Report, protocol::Kind},
};
use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Output, Stdio},
};

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bowerbird-bench"))
}

fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().expect("the program is there")
}

/// A server, and where it listens.
fn serve(runtime: &str, kind: Kind) -> (Child, String) {
    let mut command = program();
    command.args(["serve", runtime, kind.name()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut server = command.spawn().expect("the program is there");
    let mut line = String::new();
    let stdout = server.stdout.take().expect("it is a pipe");
    BufReader::new(stdout).read_line(&mut line).expect("it is text");
    let address = line.strip_prefix("listening on ").expect("it says where").trim().to_owned();
    (server, address)
}

/// Closes the standard input of a server, which must end then.
fn end(mut server: Child) {
    drop(server.stdin.take());
    assert!(server.wait().expect("it ends").success());
}

#[test]
fn a_load_on_a_server_tells_what_the_server_used() {
    for runtime in ["bowerbird", "tokio", "smol", "raw"] {
        for kind in [Kind::TcpEcho, Kind::UnixEcho] {
            let (server, address) = serve(runtime, kind);
            let pid = server.id().to_string();
            let load = ["load", kind.name(), "--connect", &address, "--duration", "30"];
            let output = run(&[&load[..], &["--server-pid", &pid, "--json"]].concat());
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let report: Report = serde_json::from_slice(&output.stdout).expect("it is a report");
            assert!(report.all_answers >= 100, "50 connections, two answers each");
            if cfg!(target_os = "linux") {
                assert!(report.server_cpu.is_some_and(|it| it > 0));
            }
            end(server);
        }
    }
}

#[test]
fn the_file_of_a_socket_is_gone_with_its_server() {
    let (server, path) = serve("tokio", Kind::UnixEcho);
    assert!(std::fs::exists(&path).expect("one can look"));
    end(server);
    assert!(!std::fs::exists(&path).expect("one can look"));
}

#[test]
fn a_busy_port_is_named_with_the_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = taken.local_addr().expect("it is bound").to_string();
    for runtime in ["bowerbird", "tokio", "smol", "raw"] {
        let output = run(&["serve", runtime, "tcp_echo", "--workers", "2", "--listen", &address]);
        assert_eq!(output.status.code(), Some(2));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        let start = format!("bowerbird-bench: cannot listen on {address}: ");
        assert!(complaint.starts_with(&start), "{complaint}");
        assert!(complaint.contains("--listen 127.0.0.1:0"), "{complaint}");
    }
}

#[test]
fn a_server_that_there_is_not_says_why() {
    for (arguments, why) in [
        (["serve", "tokio", "tcp_proxy"], "a proxy needs --upstream"),
        (["serve", "raw", "tcp_proxy"], "raw has no proxy"),
        (["serve", "go", "tcp_echo"], "go: its servers are programs of their own"),
    ] {
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(2));
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(complaint.contains(why), "{complaint}");
    }
}

#[test]
fn a_load_without_a_server_says_whom_it_did_not_reach() {
    let output = run(&["load", "tcp_echo", "--connect", "127.0.0.1:1"]);
    assert_eq!(output.status.code(), Some(2));
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(complaint.contains("tcp_echo on 127.0.0.1:1: "), "{complaint}");
}

#[test]
fn servers_are_measured_beside_each_other() {
    for workload in ["tcp_echo_64b", "tcp_proxy"] {
        let how = ["--workers", "1", "--size", "2", "--pace", "quick"];
        let who = ["measure", workload, "--contenders", "bowerbird,tokio,smol,raw"];
        let output = run(&[&who[..], &how].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let columns: Vec<Measured> = serde_json::from_slice(&output.stdout).expect("it is JSON");
        let contenders: Vec<_> = columns.iter().map(|it| it.contender).collect();
        let expected = [Contender::Bowerbird, Contender::Tokio, Contender::Smol, Contender::Raw];
        let is_offered = |it: &&Contender| workload == "tcp_echo_64b" || **it != Contender::Raw;
        let expected = expected.iter().filter(is_offered).copied();
        assert!(contenders.into_iter().eq(expected.chain([Contender::Bowerbird])));
        for column in &columns {
            assert_eq!(column.trouble, None);
            let units: Vec<_> = column.samples[0].iter().map(|it| it.unit).collect();
            for unit in [Unit::P50, Unit::P999, Unit::Throughput, Unit::ServerCpu] {
                assert!(units.contains(&unit), "{workload}: no {unit:?}");
            }
        }
    }
}

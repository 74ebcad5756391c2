use super::*;
use crate::{
    contender::Contender,
    workloads::io::server::{self, Order, Running},
};
use std::{
    io::{Read, Write},
    net::TcpListener,
    process, thread,
};

fn load(kind: Kind, address: Address) -> Load {
    Load {
        kind,
        address,
        connections: 3,
        size: 100,
        warm_up: Duration::ZERO,
        window: Duration::from_millis(20),
        server: Some(process::id()),
    }
}

fn serve(contender: Contender, kind: Kind, behind: Option<&Running>, workers: usize) -> Running {
    let upstream = behind.map(|it| match it.address() {
        Address::Inet(address) => *address,
        path => panic!("{path} is no port"),
    });
    let order = Order { kind, workers, listen: None, upstream };
    server::start(contender, &order).expect("it is offered")
}

#[test]
fn every_server_answers_every_request_rightly_on_every_runtime() {
    let echo = serve(Contender::Raw, Kind::TcpEcho, None, 1);
    for kind in Kind::ALL {
        for contender in [Contender::Bowerbird, Contender::Tokio, Contender::Smol, Contender::Raw] {
            if (contender, kind) == (Contender::Raw, Kind::TcpProxy) {
                continue;
            }
            for workers in [1, 2] {
                let server = serve(contender, kind, Some(&echo), workers);
                let report = run(&load(kind, server.address().clone()));
                let report = report.unwrap_or_else(|what| panic!("{}: {what}", contender.name()));
                assert!(report.all_answers >= 6, "one to begin with, and one more");
                assert_eq!(report.latencies().len(), report.answers);
            }
        }
    }
}

#[test]
fn requests_larger_than_all_buffers_are_answered() {
    for contender in [Contender::Bowerbird, Contender::Tokio, Contender::Smol, Contender::Raw] {
        let server = serve(contender, Kind::TcpEcho, None, 1);
        let size = 20 << 20;
        let load = Load { size, connections: 1, ..load(Kind::TcpEcho, server.address().clone()) };
        let report = run(&load).expect("it echoes");
        assert!(report.all_answers >= 2);
    }
}

/// A server that hears the first request of a connection and does `answer`.
fn once(answer: impl Fn(&mut std::net::TcpStream, &[u8]) + Send + 'static) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("somebody calls");
        let mut request = [0; 100];
        stream.read_exact(&mut request).expect("it is sent");
        answer(&mut stream, &request);
    });
    Address::Inet(address)
}

fn complaint(address: Address) -> String {
    let load = Load { connections: 1, ..load(Kind::TcpEcho, address) };
    run(&load).expect_err("the answer is no good")
}

#[test]
fn a_wrong_answer_is_an_error() {
    let address = once(|stream, request| {
        let mut answer = request.to_vec();
        answer[99] ^= 1;
        stream.write_all(&answer).expect("there is room");
        // Until the client has left.
        let _ = stream.read(&mut answer);
    });
    assert!(complaint(address).contains("a wrong answer"));
}

#[test]
fn an_answer_that_is_cut_off_is_an_error() {
    let address = once(|stream, request| {
        stream.write_all(&request[..60]).expect("there is room");
    });
    assert!(complaint(address).contains("closed the connection after 60 of 100 bytes"));
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = Address::Inet(taken.local_addr().expect("it is bound"));
    drop(taken);
    let error = complaint(address.clone());
    assert!(error.starts_with(&format!("tcp_echo on {address}: ")), "{error}");
}

#[test]
fn more_connections_than_descriptors_are_refused_by_number() {
    let nowhere = Address::Inet(([127, 0, 0, 1], 1).into());
    let load = Load { connections: usize::MAX / 2, ..load(Kind::TcpEcho, nowhere) };
    let error = run(&load).expect_err("nobody has so many");
    assert!(error.contains("file descriptors") && error.contains("are allowed"), "{error}");
}

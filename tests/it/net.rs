//! Sockets and descriptors, on every flavor.

use crate::stage::{
    Door, Opens, alone_with_descriptors, flavors, limited, multi, panic_of, single,
};
use bowerbird::{
    gather,
    io::{AsyncFd, Interest, ShuttingDown},
    net::{TcpListener, TcpStream, UdpSocket},
    runtime::{Builder, Runtime},
    spawn, spawn_local,
    task::{self, JoinHandle},
    time::{Duration, sleep, timeout},
    yield_now,
};
use futures::{
    AsyncBufReadExt, AsyncReadExt, AsyncWriteExt,
    io::{self, BufReader},
};
use socket2::{Domain, Socket, Type};
use std::{
    fs::File,
    future::pending,
    io::{ErrorKind, Read, Write},
    net::{self, Shutdown, SocketAddr},
    os::fd::OwnedFd,
    sync::mpsc,
    thread,
};

fn on_all(play: fn(&Runtime)) {
    limited(move || {
        for builder in flavors() {
            play(&builder.build().unwrap());
        }
    });
}

/// Echoes to everybody who calls.
async fn serve(listener: TcpListener) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        drop(spawn(async move {
            // A caller who goes away is no concern of the server's.
            let _ = io::copy(&stream, &mut &stream).await;
        }));
    }
}

async fn start_server() -> (SocketAddr, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (address, task::Builder::new().name("acceptor").spawn(serve(listener)))
}

async fn exchange(mut stream: &TcpStream, text: &[u8]) {
    stream.write_all(text).await.unwrap();
    let mut back = vec![0; text.len()];
    stream.read_exact(&mut back).await.unwrap();
    assert_eq!(back, text);
}

#[test]
fn an_echo_comes_back() {
    on_all(|runtime| {
        runtime.block_on(async {
            let (address, _server) = start_server().await;
            let stream = TcpStream::connect(address).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), address);
            for n in 0..100 {
                exchange(&stream, format!("message {n}").as_bytes()).await;
            }
        });
    });
}

#[test]
fn a_megabyte_goes_through_both_ways_at_once() {
    on_all(|runtime| {
        runtime.block_on(async {
            let (address, _server) = start_server().await;
            let stream = TcpStream::connect(address).await.unwrap();
            let sent: Vec<u8> = (0..1_u32 << 20).map(|n| (n % 251) as u8).collect();
            let (mut reader, mut writer) = stream.into_split();
            let expected = sent.clone();
            let write = spawn(async move {
                writer.write_all(&sent).await.unwrap();
                writer.close().await.unwrap();
            });
            let mut back = vec![];
            reader.read_to_end(&mut back).await.unwrap();
            write.await.unwrap();
            assert!(back == expected, "{} bytes came back", back.len());
        });
    });
}

#[test]
fn two_hundred_callers_are_served_at_once() {
    on_all(|runtime| {
        runtime.block_on(async {
            let (address, _server) = start_server().await;
            let callers: Vec<_> = (0..200)
                .map(|n| {
                    spawn(async move {
                        let stream = TcpStream::connect(address).await.unwrap();
                        for round in 0..10 {
                            exchange(&stream, format!("{n} in {round}").as_bytes()).await;
                        }
                        stream
                    })
                })
                .collect();
            let streams = gather(callers).await;
            assert!(streams.iter().all(Result::is_ok));
        });
    });
}

#[test]
fn one_side_may_end_while_the_other_goes_on() {
    on_all(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (callee, _) = listener.accept().await.unwrap();
            (&caller).write_all(b"question").await.unwrap();
            caller.shutdown(Shutdown::Write).unwrap();
            let mut question = String::new();
            (&callee).read_to_string(&mut question).await.unwrap();
            assert_eq!(question, "question");
            (&callee).write_all(b"answer").await.unwrap();
            drop(callee);
            let mut answer = String::new();
            (&caller).read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer, "answer");
        });
    });
}

#[test]
fn a_caller_that_resets_is_told_apart_from_one_that_ends() {
    on_all(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let caller = net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (callee, _) = listener.accept().await.unwrap();
            socket2::SockRef::from(&caller).set_linger(Some(Duration::ZERO)).unwrap();
            let reader = spawn(async move { (&callee).read(&mut [0; 8]).await });
            yield_now().await;
            drop(caller);
            assert_eq!(reader.await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        });
    });
}

#[test]
fn an_error_names_its_address() {
    on_all(|runtime| {
        runtime.block_on(async {
            // Bound, so that nobody else is there, and not listening.
            let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            deaf.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
            let deaf_at = deaf.local_addr().unwrap().as_socket().unwrap();
            let refused = TcpStream::connect(deaf_at).await.unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
            assert!(refused.to_string().contains(&deaf_at.to_string()), "{refused}");
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let taken = listener.local_addr().unwrap();
            let in_use = TcpListener::bind(taken).await.unwrap_err();
            assert_eq!(in_use.kind(), ErrorKind::AddrInUse);
            assert!(in_use.to_string().contains(&taken.to_string()), "{in_use}");
            let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let in_use = UdpSocket::bind(udp.local_addr().unwrap()).await.unwrap_err();
            assert_eq!(in_use.kind(), ErrorKind::AddrInUse);
        });
    });
}

#[test]
fn names_are_resolved_without_blocking_the_runtime() {
    on_all(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let caller = TcpStream::connect(("localhost", port)).await;
            assert!(caller.is_ok(), "{caller:?}");
            let caller = TcpStream::connect(format!("localhost:{port}")).await;
            assert!(caller.is_ok(), "{caller:?}");
            let nonsense = TcpStream::connect("no port").await.unwrap_err();
            assert_eq!(nonsense.kind(), ErrorKind::InvalidInput, "{nonsense}");
        });
    });
}

#[test]
fn datagrams_go_there_and_back() {
    on_all(|runtime| {
        runtime.block_on(async {
            let a = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let b = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            let target = b.local_addr().unwrap();
            let home = a.local_addr().unwrap();
            let echo = spawn(async move {
                let mut buffer = [0; 64];
                for _ in 0..100 {
                    let (n, from) = b.recv_from(&mut buffer).await.unwrap();
                    assert_eq!(from, home);
                    b.send_to(&buffer[..n], from).await.unwrap();
                }
            });
            a.connect(target).await.unwrap();
            let mut buffer = [0; 64];
            for n in 0..100_u8 {
                assert_eq!(a.send(&[n; 16]).await.unwrap(), 16);
                assert_eq!(a.recv(&mut buffer).await.unwrap(), 16);
                assert_eq!(buffer[..16], [n; 16]);
            }
            echo.await.unwrap();
        });
    });
}

#[test]
fn the_traits_of_futures_work_on_streams_and_halves() {
    on_all(|runtime| {
        runtime.block_on(async {
            let (address, _server) = start_server().await;
            let stream = TcpStream::connect(address).await.unwrap();
            let (reader, mut writer) = AsyncReadExt::split(stream);
            writer.write_all(b"one\ntwo\nthree").await.unwrap();
            writer.flush().await.unwrap();
            writer.close().await.unwrap();
            let mut lines = BufReader::new(reader).lines();
            let mut seen = vec![];
            while let Some(line) = futures::StreamExt::next(&mut lines).await {
                seen.push(line.unwrap());
            }
            assert_eq!(seen, ["one", "two", "three"]);
        });
    });
}

#[test]
fn a_socket_works_in_local_tasks_and_on_a_guest() {
    on_all(|runtime| {
        runtime.block_on(async {
            let (address, _server) = start_server().await;
            let locals: Vec<_> = (0..10)
                .map(|_| {
                    spawn_local(async move {
                        let stream = TcpStream::connect(address).await.unwrap();
                        exchange(&stream, b"local").await;
                        stream
                    })
                })
                .collect();
            for local in locals {
                let stream = local.await.unwrap();
                // What one task made another one uses, on another thread.
                let moved = spawn(async move { exchange(&stream, b"moved").await });
                moved.await.unwrap();
            }
        });
    });
}

#[test]
fn a_blocked_read_ends_with_its_timeout_and_loses_nothing() {
    on_all(|runtime| {
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let caller = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (callee, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 8];
            for n in 0..20_u8 {
                let mut reader = &callee;
                let early = timeout(Duration::ZERO, reader.read(&mut buffer)).await;
                assert!(early.is_err());
                (&caller).write_all(&[n]).await.unwrap();
                assert_eq!(reader.read(&mut buffer).await.unwrap(), 1);
                assert_eq!(buffer[0], n);
            }
        });
    });
}

#[test]
fn without_a_runtime_a_socket_says_what_is_missing() {
    limited(|| {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let line = line!() + 1;
        let told = panic_of(|| futures::executor::block_on(TcpStream::connect(address)));
        assert!(told.starts_with("there is no reactor on this thread"), "{told}");
        assert!(told.contains(&format!("{}:{line}", file!())), "{told}");
        assert!(told.contains("Handle::enter()"), "{told}");
        let told = panic_of(|| TcpListener::from_std(listener.try_clone().unwrap()));
        assert!(told.starts_with("there is no reactor on this thread"), "{told}");
        // A socket keeps the runtime it was made in: any executor may poll it.
        let runtime = multi(1);
        let entered = runtime.enter();
        let stream = futures::executor::block_on(TcpStream::connect(address)).unwrap();
        drop(entered);
        // The first call was made before it asked for the reactor.
        let here = stream.local_addr().unwrap();
        let mut callers = std::iter::repeat_with(|| listener.accept().unwrap());
        let (mut peer, _) = callers.find(|(_, address)| *address == here).unwrap();
        let writer = thread::spawn(move || peer.write_all(b"hello").unwrap());
        let mut buffer = [0; 5];
        futures::executor::block_on((&stream).read_exact(&mut buffer)).unwrap();
        assert_eq!(&buffer, b"hello");
        writer.join().unwrap();
    });
}

#[test]
fn the_end_of_the_runtime_fails_who_waits_for_a_socket() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let handle = runtime.handle().clone();
            let (is_in, wait_in) = mpsc::channel();
            let guest = thread::spawn(move || {
                handle.block_on(async {
                    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                    let mut accept = std::pin::pin!(listener.accept());
                    let first = futures::poll!(accept.as_mut());
                    assert!(first.is_pending());
                    is_in.send(()).unwrap();
                    let waited = accept.await.map(|_| ()).unwrap_err();
                    let late = TcpListener::bind("127.0.0.1:0").await.map(|_| ()).unwrap_err();
                    (waited, late)
                })
            });
            wait_in.recv().unwrap();
            drop(runtime);
            let (waited, late) = guest.join().unwrap();
            assert!(ShuttingDown::is_cause_of(&waited), "{waited}");
            assert!(late.to_string().contains("shutting down"), "{late}");
        }
    });
}

#[test]
fn a_listener_of_a_dropped_runtime_frees_its_port() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let address = runtime.block_on(async {
                let (address, server) = start_server().await;
                drop(server);
                exchange(&TcpStream::connect(address).await.unwrap(), b"here").await;
                address
            });
            drop(runtime);
            // A child that another test starts at this moment has all descriptors until
            // it is another program: ask until nobody has this one.
            let is_refused = |it: io::Result<_>| {
                it.is_err_and(|gone: io::Error| gone.kind() == ErrorKind::ConnectionRefused)
            };
            while !is_refused(net::TcpStream::connect(address)) {
                thread::yield_now();
            }
        }
    });
}

#[test]
fn a_descriptor_of_any_kind_can_be_waited_for() {
    on_all(|runtime| {
        runtime.block_on(async {
            let (mut reader, mut writer) = std::os::unix::net::UnixStream::pair().unwrap();
            reader.set_nonblocking(true).unwrap();
            writer.set_nonblocking(true).unwrap();
            let waits = AsyncFd::new(reader.try_clone().unwrap()).unwrap();
            let early = timeout(Duration::from_millis(1), waits.readable()).await;
            assert!(early.is_err(), "nothing is there yet");
            let write = thread::spawn(move || {
                writer.write_all(b"seven!!").unwrap();
                writer
            });
            let mut buffer = [0; 16];
            let n = loop {
                let mut ready = waits.readable().await.unwrap();
                match ready.try_io(|_| reader.read(&mut buffer)) {
                    Ok(read) => break read.unwrap(),
                    Err(_) => continue,
                }
            };
            assert_eq!(&buffer[..n], b"seven!!");
            let writer = AsyncFd::with_interest(write.join().unwrap(), Interest::WRITABLE).unwrap();
            assert!(writer.writable().await.is_ok());
        });
    });
}

#[test]
fn a_pipe_whose_other_end_closes_is_ready() {
    on_all(|runtime| {
        runtime.block_on(async {
            let (reader, writer) = std::io::pipe().unwrap();
            let (reader, writer): (OwnedFd, OwnedFd) = (reader.into(), writer.into());
            let waits = AsyncFd::with_interest(reader, Interest::READABLE).unwrap();
            let closer = spawn(async move {
                yield_now().await;
                drop(writer);
            });
            drop(waits.readable().await.unwrap());
            closer.await.unwrap();
        });
    });
}

/// The acceptor rests while there are no descriptors, and nobody else notices.
#[test]
fn when_descriptors_run_out_the_served_are_served_on() {
    alone_with_descriptors("net::when_descriptors_run_out_the_served_are_served_on", 64, || {
        for builder in
            [Builder::new_current_thread(), Builder::new_multi_thread().worker_threads(2)]
        {
            starve(&builder.build().unwrap());
        }
    });
}

fn starve(runtime: &Runtime) {
    let handle = runtime.handle().clone();
    runtime.block_on(async {
        let (address, server) = start_server().await;
        let served: Vec<_> =
            gather((0..5).map(|_| TcpStream::connect(address)).collect::<Vec<_>>())
                .await
                .into_iter()
                .map(Result::unwrap)
                .collect();
        for stream in &served {
            exchange(stream, b"before").await;
        }
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let late = [socket(), socket(), socket()];
        let files: Vec<File> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        // The kernel takes their calls; nobody can accept them.
        late.iter().for_each(|it| it.connect(&address.into()).unwrap());
        for _ in 0..100 {
            for stream in &served {
                exchange(stream, b"meanwhile").await;
            }
        }
        let tasks = handle.tasks();
        let acceptor = tasks.iter().find(|it| it.name.as_deref() == Some("acceptor")).unwrap();
        assert!(!server.is_finished());
        assert!(acceptor.polls < 100, "it spins: {} polls", acceptor.polls);
        assert!(File::open("/dev/null").is_err(), "no descriptor is left");
        drop(files);
        let late = bowerbird::spawn_blocking(move || {
            for mut stream in late {
                let mut back = [0; 5];
                stream.write_all(b"after").unwrap();
                stream.read_exact(&mut back).unwrap();
                assert_eq!(&back, b"after");
            }
        });
        late.await.unwrap();
        server.abort();
    });
}

#[test]
fn a_busy_runtime_looks_at_its_sockets() {
    limited(|| {
        for builder in
            [Builder::new_current_thread(), Builder::new_multi_thread().worker_threads(1)]
        {
            let runtime = builder.build().unwrap();
            let task = runtime.spawn(async {
                for _ in 0..3 {
                    drop(spawn(async {
                        loop {
                            yield_now().await;
                        }
                    }));
                }
                let (address, _server) = start_server().await;
                let stream = TcpStream::connect(address).await.unwrap();
                for _ in 0..20 {
                    exchange(&stream, b"now and then").await;
                }
            });
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn sockets_and_a_paused_clock_get_along() {
    limited(|| {
        let runtime = Builder::new_current_thread().paused_clock().build().unwrap();
        let door = Door::default();
        let _opens = Opens(door.clone());
        runtime.block_on(async {
            let (address, _server) = start_server().await;
            let stream = TcpStream::connect(address).await.unwrap();
            exchange(&stream, b"no timer is set").await;
            sleep(Duration::from_secs(3_600)).await;
            exchange(&stream, b"an hour later").await;
        });
        drop(single().spawn(pending::<()>()));
    });
}

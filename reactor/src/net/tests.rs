use super::*;
use crate::{context, poller::scripted::Scripted, reactor::Reactor, readiness::Ready, time};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, future};
use std::{
    collections::BTreeSet,
    fs::File,
    io::{self, IoSlice, IoSliceMut, Read},
    net::{Ipv4Addr, Shutdown, SocketAddr},
    os::fd::{AsRawFd, RawFd},
    process::Command,
    task::Poll,
    time::Duration,
};

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn block_on<T>(future: impl Future<Output = io::Result<T>>) -> T {
    Reactor::builder().build().unwrap().block_on(future).unwrap()
}

async fn connection() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(ANY).await?;
    let caller = TcpStream::connect(listener.local_addr()?).await?;
    Ok((caller, listener.accept().await?.0))
}

/// An address where nobody listens: one is bound to it, which keeps others away.
fn nowhere() -> SocketAddr {
    static DEAF: std::sync::OnceLock<socket2::Socket> = std::sync::OnceLock::new();
    let bound = || {
        let deaf = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let deaf = deaf.unwrap();
        deaf.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        deaf
    };
    DEAF.get_or_init(bound).local_addr().unwrap().as_socket().unwrap()
}

/// Runs this very test in a process of its own; `true` in that process.
fn is_child(test: &str) -> bool {
    const MARK: &str = "BOWERBIRD_TEST_CHILD";
    if std::env::var_os(MARK).is_some_and(|it| it == test) {
        return true;
    }
    let name = format!("net::tests::{test}");
    let output = Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact", "--nocapture"])
        .env(MARK, test)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("1 passed"), "the child ran no test: {text}");
    false
}

#[test]
fn bytes_arrive_in_order_and_in_both_directions() {
    block_on(async {
        let (one, two) = connection().await?;
        let sent: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let pump = async |stream: TcpStream, size: usize| {
            let (mut reader, mut writer) = stream.into_split();
            let mut received = vec![];
            let write = async {
                for chunk in sent.chunks(size) {
                    writer.write_all(chunk).await?;
                }
                writer.close().await
            };
            let read = async { reader.read_to_end(&mut received).await };
            future::try_join(write, read).await?;
            assert!(received == sent);
            io::Result::Ok(())
        };
        future::try_join(pump(one, 1000), pump(two, 1 << 20)).await
    });
}

#[test]
fn several_buffers_are_moved_at_once() {
    block_on(async {
        let (mut one, mut two) = connection().await?;
        let sent = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cde")];
        assert_eq!(one.write_vectored(&sent).await?, 5);
        let (mut first, mut second) = ([0; 1], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        assert_eq!(two.read_vectored(&mut buffers).await?, 5);
        assert_eq!((&first, &second[..4]), (b"a", &b"bcde"[..]));
        Ok(())
    });
}

#[test]
fn an_accepted_socket_starts_out_ready() {
    block_on(async {
        let listener = TcpListener::bind(ANY).await?;
        let mut caller = std::net::TcpStream::connect(listener.local_addr()?)?;
        io::Write::write_all(&mut caller, b"hi")?;
        let (callee, _) = listener.accept().await?;
        assert_eq!(callee.try_read(&mut [0; 8])?, 2);
        assert_eq!(callee.try_read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        Ok(())
    });
}

#[test]
fn an_end_is_heard_however_it_comes() {
    block_on(async {
        let (mut one, two) = connection().await?;
        two.shutdown(Shutdown::Write)?;
        assert_eq!(one.read(&mut [0; 8]).await?, 0);
        assert_eq!(one.read(&mut [0; 8]).await?, 0, "it stays");
        // A reset: what lies there unread is lost.
        let (mut one, two) = connection().await?;
        two.set_linger(Some(Duration::ZERO))?;
        drop(two);
        let error = one.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        Ok(())
    });
}

#[test]
fn the_end_behind_the_last_bytes_is_heard() {
    block_on(async {
        let (mut one, mut two) = connection().await?;
        two.write_all(b"bye").await?;
        two.close().await?;
        // Short: it clears the readiness, but not that the peer has closed.
        assert_eq!(one.read(&mut [0; 100]).await?, 3);
        assert_eq!(one.read(&mut [0; 100]).await?, 0);
        Ok(())
    });
}

#[test]
fn refusals_name_the_address() {
    let address = nowhere();
    let error = Reactor::builder().build().unwrap().block_on(TcpStream::connect(address));
    let error = error.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    assert!(error.to_string().starts_with(&format!("cannot connect to {address}: ")), "{error}");
    let inner = error.get_ref().unwrap().downcast_ref::<AddressError>().unwrap();
    assert_eq!(inner.cause().raw_os_error(), Some(libc::ECONNREFUSED));
}

#[test]
fn every_address_is_tried_and_the_last_error_told() {
    block_on(async {
        let listener = TcpListener::bind(ANY).await?;
        let addresses = [nowhere(), listener.local_addr()?];
        TcpStream::connect(addresses).await?;
        let none: [SocketAddr; 0] = [];
        let error = TcpStream::connect(none).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        let error = TcpStream::connect("nonsense").await.unwrap_err();
        assert!(error.to_string().contains("`nonsense`"), "{error}");
        Ok(())
    });
}

#[test]
fn names_go_to_the_resolver() {
    let reactor = Reactor::builder().build().unwrap();
    let result: io::Result<()> = reactor.block_on(async {
        let error = TcpListener::bind("here:0").await.unwrap_err();
        assert!(error.to_string().starts_with("cannot resolve here:0: "), "{error}");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);

        reactor.set_resolver(async |host: String, port| match host.as_str() {
            "here" => Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)]),
            _ => Err(io::ErrorKind::NotFound.into()),
        });
        let listener = TcpListener::bind("here:0").await?;
        TcpStream::connect(("here", listener.local_addr()?.port())).await?;
        let error = TcpStream::connect("there:80").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_spurious_event_does_not_end_a_connect() {
    let script = Scripted::new();
    let reactor = Reactor::builder().scripted(&script).build().unwrap();
    let _here = reactor.enter();
    // Nobody answers: the queue of this listener is full.
    let listener =
        socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    listener.bind(&SocketAddr::from(ANY).into()).unwrap();
    listener.listen(0).unwrap();
    let address = listener.local_addr().unwrap().as_socket().unwrap();
    let _first = std::net::TcpStream::connect(address).unwrap();
    let mut connect = TcpStream::connect(address);
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    for ready in [Ready::EMPTY, Ready::WRITABLE, Ready::ALL] {
        assert!(std::pin::Pin::new(&mut connect).poll(cx).is_pending());
        script.inject(script.registered()[0], ready);
        sync::driver::Driver::poll(&reactor, sync::driver::Seat(0), 8);
    }
    drop(connect);
    assert!(script.registered().is_empty(), "a dropped connect leaves nothing");
}

#[test]
fn several_tasks_may_accept() {
    block_on(async {
        let listener = TcpListener::bind(ANY).await?;
        let address = listener.local_addr()?;
        let callers =
            async { future::try_join_all((0..3).map(|_| TcpStream::connect(address))).await };
        let accepts = future::try_join_all((0..3).map(|_| listener.accept()));
        let (callers, accepted) = future::try_join(callers, accepts).await?;
        let ours: BTreeSet<_> = callers.iter().map(|it| it.local_addr().unwrap()).collect();
        let theirs: BTreeSet<_> = accepted.into_iter().map(|(_, address)| address).collect();
        assert_eq!(ours, theirs);
        let _caller = TcpStream::connect(address).await?;
        assert!(listener.incoming().next().await.is_some_and(|it| it.is_ok()));
        Ok(())
    });
}

#[test]
fn halves_find_together() {
    block_on(async {
        let (one, two) = connection().await?;
        let (reader, writer) = one.into_split();
        let (other, _other) = two.into_split();
        let ReuniteError(_, writer) = other.reunite(writer).unwrap_err();
        let mut one = writer.reunite(reader).unwrap();
        one.write_all(b"x").await?;
        let (reader, mut writer) = TcpStream::split(&mut one);
        writer.write_all(b"y").await?;
        assert!(reader.as_ref().nodelay().is_ok());
        Ok(())
    });
}

#[test]
fn std_sockets_come_and_go() {
    block_on(async {
        let listener = TcpListener::from_std(std::net::TcpListener::bind(ANY)?)?;
        let address = listener.local_addr()?;
        let stream = TcpStream::from_std(std::net::TcpStream::connect(address)?)?;
        stream.set_nodelay(true)?;
        stream.set_ttl(7)?;
        assert_eq!((stream.nodelay()?, stream.ttl()?), (true, 7));
        assert!(stream.into_std()?.peer_addr()? == address);
        let _std: std::net::TcpListener = listener.into_std()?;
        let udp = UdpSocket::from_std(std::net::UdpSocket::bind(ANY)?)?;
        assert!(udp.try_recv(&mut [0; 1]).is_err());
        let _std: std::net::UdpSocket = udp.into_std()?;
        Ok(())
    });
}

#[test]
fn datagrams_are_whole_and_may_be_refused() {
    block_on(async {
        let (one, two) = (UdpSocket::bind(ANY).await?, UdpSocket::bind(ANY).await?);
        let address = two.local_addr()?;
        assert_eq!(one.send_to(b"first", address).await?, 5);
        assert_eq!(one.send_to(b"", address).await?, 0);
        assert_eq!(one.try_send_to(b"third", address)?, 5);
        let mut buffer = [0; 3];
        assert_eq!(two.peek_from(&mut buffer).await?.0, 3);
        assert_eq!(two.recv_from(&mut buffer).await?, (3, one.local_addr()?));
        assert_eq!(two.recv(&mut buffer).await?, 0);
        two.readable().await?;
        assert_eq!(two.try_recv_from(&mut buffer)?.0, 3);
        // Nobody there: the next to try is told.
        one.connect(address).await?;
        drop(two);
        one.send(b"x").await?;
        let error = one.recv(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        Ok(())
    });
}

#[test]
fn ready_sockets_yield_when_the_budget_is_spent() {
    block_on(async {
        let (one, two) = (UdpSocket::bind(ANY).await?, UdpSocket::bind(ANY).await?);
        let address = two.local_addr()?;
        let mut sent = 0;
        future::poll_fn(|cx| {
            let _budget = sync::coop::enter(10);
            while one.poll_send_to(cx, b"x", address).is_ready() {
                sent += 1;
            }
            Poll::Ready(())
        })
        .await;
        assert_eq!(sent, 10);
        Ok(())
    });
}

#[test]
fn a_wait_says_where_it_waits() {
    use sync::wait_site::{Kind, Record};
    static RECORD: Record = Record::new();
    let reactor = Reactor::builder().build().unwrap();
    let _here = reactor.enter();
    let socket = UdpSocket::from_std(std::net::UdpSocket::bind(ANY).unwrap()).unwrap();
    let mut buffer = [0; 1];
    let mut recv = socket.recv(&mut buffer);
    let line = line!() - 1;
    let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
    #[expect(unsafe_code, reason = "the guard ends in this block, the record never")]
    {
        // SAFETY: the record is static and the guard is the only one of the thread.
        let _record = unsafe { sync::wait_site::enter(&RECORD) };
        assert!(std::pin::Pin::new(&mut recv).poll(cx).is_pending());
    }
    let site = RECORD.read().unwrap();
    assert_eq!(site.kind, Kind::Readable);
    assert_eq!(site.location.unwrap().line(), line);
}

#[test]
fn every_descriptor_is_closed_on_exec() {
    block_on(async {
        let (one, two) = connection().await?;
        let udp = UdpSocket::bind(ANY).await?;
        let ours = [one.as_raw_fd(), two.as_raw_fd(), udp.as_raw_fd()];
        for entry in std::fs::read_dir("/proc/self/fd")? {
            let fd: RawFd = entry?.file_name().to_str().unwrap().parse().unwrap();
            let Ok(target) = std::fs::read_link(format!("/proc/self/fd/{fd}")) else { continue };
            let is_of_poller = target.to_string_lossy().starts_with("anon_inode:");
            if is_of_poller || ours.contains(&fd) {
                // One of another test may have been closed meanwhile.
                let info = std::fs::read_to_string(format!("/proc/self/fdinfo/{fd}"));
                let Ok(info) = info else { continue };
                let flags = info.lines().find_map(|it| it.strip_prefix("flags:")).unwrap().trim();
                let flags = i32::from_str_radix(flags, 8).unwrap();
                assert_ne!(flags & libc::O_CLOEXEC, 0, "{fd} is {target:?}");
            }
        }
        Ok(())
    });
}

fn limit_descriptors(max: u64) {
    let limit = libc::rlimit { rlim_cur: max, rlim_max: max };
    #[expect(unsafe_code, reason = "std has no door to it")]
    // SAFETY: the call only reads the structure, which outlives it.
    let result = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(result, 0);
}

#[test]
fn a_shortage_of_descriptors_is_rested_through() {
    if !is_child("a_shortage_of_descriptors_is_rested_through") {
        return;
    }
    let reactor = Reactor::builder().paused().build().unwrap();
    let result: io::Result<()> = reactor.block_on(async {
        let listener = TcpListener::bind(ANY).await?;
        let mut callers = vec![];
        for _ in 0..3 {
            callers.push(std::net::TcpStream::connect(listener.local_addr()?)?);
        }
        limit_descriptors(64);
        let mut fillers: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        assert!(!fillers.is_empty());
        let start = context::with_current(|reactor, _| reactor.clock().now());
        // The task that frees what is short gets its turn.
        let free = async {
            for _ in 0..100 {
                time::sleep(Duration::from_millis(10)).await;
            }
            fillers.truncate(fillers.len() - 1);
            io::Result::Ok(())
        };
        let (accepted, ()) = future::try_join(listener.accept(), free).await?;
        let rested = context::with_current(|reactor, _| reactor.clock().now()) - start;
        assert!(Duration::from_secs(1) <= rested && rested <= Duration::from_secs(2));
        // 100 turns for the other task, a dozen for the listener.
        assert!(reactor.metrics().turns < 150, "{:?}", reactor.metrics());
        drop(accepted);
        future::poll_fn(|cx| listener.poll_accept(cx)).await?;
        Ok(())
    });
    result.unwrap();
}

#[test]
fn a_descriptor_closed_behind_our_back_gives_an_error() {
    if !is_child("a_descriptor_closed_behind_our_back_gives_an_error") {
        return;
    }
    block_on(async {
        let (one, mut two) = connection().await?;
        two.write_all(b"x").await?;
        one.readable().await?;
        let fd = one.as_raw_fd();
        #[expect(unsafe_code, reason = "the fault under test")]
        // SAFETY: in this process nobody else opens descriptors meanwhile.
        let result = unsafe { libc::close(fd) };
        assert_eq!(result, 0);
        let error = one.try_read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        let mut buffer = [0; 8];
        let error = (&one).read(&mut buffer).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
        // So that the socket has something to close.
        let spare = File::open("/dev/null")?;
        #[expect(unsafe_code, reason = "the fault under test")]
        // SAFETY: the number belongs to `one`, and nothing is open under it.
        let result = unsafe { libc::dup2(spare.as_raw_fd(), fd) };
        assert_eq!(result, fd);
        drop(one);
        Ok(())
    });
}

#[test]
fn a_std_socket_given_back_does_not_block() {
    block_on(async {
        let (one, _two) = connection().await?;
        let mut std = one.into_std()?;
        assert_eq!(std.read(&mut [0; 1]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        Ok(())
    });
}

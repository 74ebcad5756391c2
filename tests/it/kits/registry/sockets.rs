//! Sockets of the system, and names that a step resolves. Bytes and datagrams that
//! were not received are still there.

use super::{Case, Count, Flag, Subject, timers::Stage, without_budget};
use bowerbird::{
    io::{AsyncFd, Interest},
    net::{TcpListener, TcpStream, UdpSocket},
};
use socket2::SockRef;
use std::{
    cell::RefCell,
    future::Future,
    io::{self, Read, Write},
    net::{self, Ipv4Addr, SocketAddr},
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixStream,
    },
    rc::Rc,
    sync::Arc,
    task::{Context, Waker},
    time::Duration,
};
use sync::Event;

pub(super) const ALL: &[Case] = &[
    Case {
        future: "reactor::async_fd::Readiness",
        make: || {
            bytes(|fd, read| async move {
                let mut guard = fd.readable().await.unwrap();
                if let Ok(count) = guard.try_io(|mut io| io.read(&mut [0; 2])) {
                    read.add(count.unwrap());
                }
            })
        },
    },
    Case {
        future: "reactor::async_fd::AsyncIo",
        make: || {
            bytes(|fd, read| async move {
                let operation = |mut io: &UnixStream| io.read(&mut [0; 2]);
                read.add(fd.async_io(Interest::READABLE, operation).await.unwrap());
            })
        },
    },
    Case { future: "reactor::net::tcp_listener::Accept", make: accept },
    Case {
        future: "reactor::net::address::Bind",
        make: || {
            resolved(|port, _| async move {
                TcpListener::bind((NAME, port)).await.unwrap();
            })
        },
    },
    Case {
        future: "reactor::net::address::Bind",
        make: || {
            resolved(|port, _| async move {
                UdpSocket::bind((NAME, port)).await.unwrap();
            })
        },
    },
    Case { future: "reactor::net::tcp_connect::Connect", make: connect },
    Case {
        future: "reactor::net::tcp_stream::Peek",
        make: || {
            stream(|stream| async move { assert!(stream.peek(&mut [0; 2]).await.unwrap() > 0) })
        },
    },
    Case {
        future: "reactor::net::socket::WaitReady",
        make: || stream(|stream| async move { assert!(stream.readable().await.is_ok()) }),
    },
    Case {
        future: "reactor::net::udp_socket::UdpConnect",
        make: || {
            let socket = datagram_socket();
            let theirs = socket.try_clone().unwrap();
            resolved(move |_, done| {
                let mine = UdpSocket::from_std(socket).unwrap();
                async move {
                    mine.connect((NAME, 9)).await.unwrap();
                    assert!(theirs.peer_addr().is_ok());
                    done.set();
                }
            })
        },
    },
    Case {
        future: "reactor::net::udp_socket::UdpRecv",
        make: || {
            datagrams(|socket| async move {
                let mut buffer = [0; 2];
                assert_eq!(socket.recv(&mut buffer).await.unwrap(), 1);
            })
        },
    },
    Case {
        future: "reactor::net::udp_socket::UdpRecvFrom",
        make: || {
            datagrams(|socket| async move {
                let mut buffer = [0; 2];
                assert_eq!(socket.recv_from(&mut buffer).await.unwrap().0, 1);
            })
        },
    },
    Case { future: "reactor::net::udp_socket::UdpSend", make: send },
    Case { future: "reactor::net::udp_socket::UdpSendTo", make: send_to },
];

/// What the resolver of [`resolved`] is asked for.
pub(super) const NAME: &str = "bower.test";

const ANY: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Waits until the kernel has brought to `fd` what was sent.
#[expect(unsafe_code, reason = "poll(2): std has no door to it")]
fn arrives(fd: impl AsFd, patience: Duration) {
    let mut entry = libc::pollfd { fd: fd.as_fd().as_raw_fd(), events: libc::POLLIN, revents: 0 };
    let milliseconds = i32::try_from(patience.as_millis()).unwrap();
    // SAFETY: one entry, and the descriptor is borrowed for as long.
    unsafe { libc::poll(&raw mut entry, 1, milliseconds) };
}

/// For what is under way for sure.
const SURELY: Duration = Duration::from_secs(10);

/// A step writes a byte.
fn bytes<F: Future<Output = ()> + 'static>(
    make: impl FnOnce(Rc<AsyncFd<UnixStream>>, Count) -> F,
) -> Subject {
    let (stage, written, read) = (Stage::enter(), Count::default(), Count::default());
    let (mine, theirs) = UnixStream::pair().unwrap();
    mine.set_nonblocking(true).unwrap();
    let mut left = mine.try_clone().unwrap();
    let fd = Rc::new(AsyncFd::new(mine).unwrap());
    let future = Box::pin(make(fd.clone(), read.clone()));
    let step = {
        let (stage, written) = (stage.clone(), written.clone());
        Rc::new(move || {
            (&theirs).write_all(b"x").unwrap();
            written.add(1);
            stage.poll();
        })
    };
    let check = Box::new(move || {
        stage.poll();
        if read.get() < written.get() {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(fd.poll_read_ready(&mut cx).is_ready(), "readiness is lost");
        }
        drop(fd);
        let mut rest = vec![];
        // An error says that no more is there; the end, that the peer is gone.
        let _ = left.read_to_end(&mut rest);
        assert_eq!(read.get() + rest.len(), written.get(), "bytes are lost");
        stage.check();
    });
    Subject { future, step, check }
}

/// A connection, which leaves nothing behind in the kernel.
fn dial(address: SocketAddr) -> net::TcpStream {
    let stream = net::TcpStream::connect(address).unwrap();
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    stream
}

fn listener() -> (net::TcpListener, SocketAddr) {
    let listener = net::TcpListener::bind(ANY).unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A step connects.
fn accept() -> Subject {
    let stage = Stage::enter();
    let (listener, address) = listener();
    let (left, accepted) = (listener.try_clone().unwrap(), Count::default());
    let mine = TcpListener::from_std(listener).unwrap();
    let count = accepted.clone();
    let future = Box::pin(async move {
        mine.accept().await.unwrap();
        count.add(1);
    });
    let callers = Rc::new(RefCell::new(vec![]));
    let step = {
        let (stage, callers) = (stage.clone(), callers.clone());
        let left = left.try_clone().unwrap();
        Rc::new(move || {
            let caller = dial(address);
            callers.borrow_mut().push(caller);
            arrives(&left, SURELY);
            stage.poll();
        })
    };
    let check = Box::new(move || {
        while accepted.get() < callers.borrow().len() {
            arrives(&left, SURELY);
            left.accept().expect("a connection is lost");
            accepted.add(1);
        }
        assert!(left.accept().is_err());
        stage.check();
    });
    Subject { future, step, check }
}

/// A step resolves the name, to this host.
pub(super) fn resolved<F: Future<Output = ()> + 'static>(
    make: impl FnOnce(u16, Flag) -> F,
) -> Subject {
    let (stage, done) = (Stage::enter(), Flag::default());
    let resolve = resolver(&stage);
    let future = Box::pin(make(0, done));
    let theirs = stage.clone();
    Subject {
        future,
        step: Rc::new(move || {
            resolve.set();
            theirs.poll();
        }),
        check: Box::new(move || stage.check()),
    }
}

/// Names are resolved when it is set.
fn resolver(stage: &Stage) -> Arc<Event> {
    let resolve = Arc::new(Event::new());
    let event = resolve.clone();
    stage.0.set_resolver(move |host, port| {
        assert_eq!(host, NAME);
        let is_set = event.clone().wait_owned();
        async move {
            is_set.await;
            io::Result::Ok(vec![SocketAddr::from((ANY.0, port))])
        }
    });
    resolve
}

/// A step resolves the name, or waits for the connection to be made.
fn connect() -> Subject {
    let stage = Stage::enter();
    let (resolve, (listener, address)) = (resolver(&stage), listener());
    let done = Flag::default();
    let is_done = done.clone();
    let future = Box::pin(async move {
        let stream = TcpStream::connect((NAME, address.port())).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), address);
        stream.set_linger(Some(Duration::ZERO)).unwrap();
        is_done.set();
    });
    let step = {
        let (stage, listener) = (stage.clone(), listener.try_clone().unwrap());
        Rc::new(move || {
            resolve.set();
            // Nothing comes, if it has not begun.
            arrives(&listener, Duration::from_millis(1));
            stage.poll();
        })
    };
    let check = Box::new(move || {
        if done.get() {
            arrives(&listener, SURELY);
        }
        let mut count = 0;
        while let Ok((caller, _)) = listener.accept() {
            // The end, or a reset: nobody holds the other side.
            arrives(&caller, SURELY);
            assert!(!matches!((&caller).read(&mut [0; 1]), Ok(1)));
            count += 1;
        }
        assert!(count >= usize::from(done.get()) && count < 2, "{count} connections");
        stage.check();
    });
    Subject { future, step, check }
}

/// A step sends a byte over TCP; none is taken by the future.
fn stream<F: Future<Output = ()> + 'static>(make: impl FnOnce(Rc<TcpStream>) -> F) -> Subject {
    let (stage, written) = (Stage::enter(), Count::default());
    let (listener, address) = listener();
    let theirs = dial(address);
    arrives(&listener, SURELY);
    let (mine, _) = listener.accept().unwrap();
    mine.set_nonblocking(true).unwrap();
    let left = mine.try_clone().unwrap();
    let mine = Rc::new(TcpStream::from_std(mine).unwrap());
    let future = Box::pin(make(mine.clone()));
    let theirs = Rc::new(theirs);
    let step = {
        let (stage, written) = (stage.clone(), written.clone());
        let (theirs, arriving) = (theirs.clone(), left.try_clone().unwrap());
        Rc::new(move || {
            (&*theirs).write_all(b"x").unwrap();
            written.add(1);
            arrives(&arriving, SURELY);
            stage.poll();
        })
    };
    let check = Box::new(move || {
        stage.poll();
        let mut count = 0;
        while count < written.get() {
            let mut cx = Context::from_waker(Waker::noop());
            let is_ready = mine.poll_read_ready(&mut cx).is_ready();
            assert!(is_ready || count > 0, "readiness is lost");
            arrives(&left, SURELY);
            count += (&left).read(&mut [0; 64]).unwrap();
        }
        assert_eq!(count, written.get(), "bytes are lost");
        drop((mine, theirs));
        stage.check();
    });
    Subject { future, step, check }
}

fn datagram_socket() -> net::UdpSocket {
    let socket = net::UdpSocket::bind(ANY).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

/// A step sends a datagram. Those who end have received one.
fn datagrams<F: Future<Output = ()> + 'static>(make: impl FnOnce(Rc<UdpSocket>) -> F) -> Subject {
    let (stage, sent, done) = (Stage::enter(), Count::default(), Flag::default());
    let (theirs, mine) = (datagram_socket(), datagram_socket());
    let (address, left) = (mine.local_addr().unwrap(), mine.try_clone().unwrap());
    let (is_done, receive) = (done.clone(), make(Rc::new(UdpSocket::from_std(mine).unwrap())));
    let future = Box::pin(async move {
        receive.await;
        is_done.set();
    });
    let step = {
        let (stage, sent) = (stage.clone(), sent.clone());
        let arriving = left.try_clone().unwrap();
        Rc::new(move || {
            theirs.send_to(b"x", address).unwrap();
            sent.add(1);
            arrives(&arriving, SURELY);
            stage.poll();
        })
    };
    let check = Box::new(move || {
        for _ in usize::from(done.get())..sent.get() {
            arrives(&left, SURELY);
            left.recv(&mut [0; 2]).expect("a datagram is lost");
        }
        assert!(left.recv(&mut [0; 2]).is_err(), "a datagram too many");
        stage.check();
    });
    Subject { future, step, check }
}

/// The kernel takes a datagram at once, so that only the budget makes it wait.
fn send() -> Subject {
    let (stage, done) = (Stage::enter(), Flag::default());
    let (mine, theirs) = (datagram_socket(), datagram_socket());
    mine.connect(theirs.local_addr().unwrap()).unwrap();
    let (mine, is_done) = (UdpSocket::from_std(mine).unwrap(), done.clone());
    let subject = without_budget(async move {
        assert_eq!(mine.send(b"x").await.unwrap(), 1);
        is_done.set();
    });
    Subject { check: Box::new(move || was_sent(&stage, &theirs, &done)), ..subject }
}

fn send_to() -> Subject {
    let (stage, done) = (Stage::enter(), Flag::default());
    let (resolve, theirs) = (resolver(&stage), datagram_socket());
    let port = theirs.local_addr().unwrap().port();
    let (mine, is_done) = (UdpSocket::from_std(datagram_socket()).unwrap(), done.clone());
    let future = Box::pin(async move {
        assert_eq!(mine.send_to(b"x", (NAME, port)).await.unwrap(), 1);
        is_done.set();
    });
    Subject {
        future,
        step: Rc::new(move || resolve.set()),
        check: Box::new(move || was_sent(&stage, &theirs, &done)),
    }
}

/// One datagram has come if it is done, otherwise none.
fn was_sent(stage: &Stage, theirs: &net::UdpSocket, done: &Flag) {
    if done.get() {
        arrives(theirs, SURELY);
        theirs.recv(&mut [0; 2]).expect("a datagram is lost");
    }
    assert!(theirs.recv(&mut [0; 2]).is_err(), "a datagram too many");
    stage.check();
}

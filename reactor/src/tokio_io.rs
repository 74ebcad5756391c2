//! tokio's traits for reading and writing, by way of those of `futures-io`.
//!
//! What is polled through them waits where their caller polls, as without them.

use crate::{
    net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpStream, WriteHalf},
    process::{ChildStderr, ChildStdin, ChildStdout},
};
use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

macro_rules! reads {
    ($($t:ty),*) => {$(
        impl AsyncRead for $t {
            #[track_caller]
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                // Zeroes what was never initialized: once per buffer, no unsafe code.
                let room = buffer.initialize_unfilled();
                let count = ready!(futures_io::AsyncRead::poll_read(self, cx, room))?;
                buffer.advance(count);
                Poll::Ready(Ok(()))
            }
        }
    )*};
}

macro_rules! writes {
    ($($t:ty),*) => {$(
        impl AsyncWrite for $t {
            #[track_caller]
            fn poll_write(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                futures_io::AsyncWrite::poll_write(self, cx, bytes)
            }

            #[track_caller]
            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                futures_io::AsyncWrite::poll_write_vectored(self, cx, buffers)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                futures_io::AsyncWrite::poll_flush(self, cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                futures_io::AsyncWrite::poll_close(self, cx)
            }
        }
    )*};
}

reads!(TcpStream, &TcpStream, ReadHalf<'_>, OwnedReadHalf, ChildStdout, ChildStderr);
writes!(TcpStream, &TcpStream, WriteHalf<'_>, OwnedWriteHalf, ChildStdin);

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::{
        net::TcpListener,
        process::{Command, Stdio},
        reactor::Reactor,
    };
    use futures::future::{poll_fn, try_join};
    use std::task::Waker;
    use sync::wait_site::{self, Record};

    #[test]
    fn the_traits_of_tokio_do_the_same() {
        let reactor = Reactor::builder().build().unwrap();
        let result: io::Result<()> = reactor.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            let caller = TcpStream::connect(listener.local_addr()?);
            let (mut caller, (mut callee, _)) = try_join(caller, listener.accept()).await?;
            let count = poll_fn(|cx| Pin::new(&mut caller).poll_write(cx, b"hello")).await?;
            assert_eq!(count, 5);
            poll_fn(|cx| Pin::new(&mut caller).poll_shutdown(cx)).await?;
            let mut memory = [0; 16];
            let mut buffer = ReadBuf::new(&mut memory);
            for filled in [5, 5] {
                poll_fn(|cx| Pin::new(&mut callee).poll_read(cx, &mut buffer)).await?;
                assert_eq!(buffer.filled().len(), filled);
            }
            Ok(())
        });
        result.unwrap();
    }

    /// The line where a poll waits.
    #[expect(unsafe_code, reason = "the guard ends before the record")]
    fn line_of<T>(poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> u32 {
        let record = Record::new();
        {
            // SAFETY: the record outlives the guard, the only one of the thread.
            let _entered = unsafe { wait_site::enter(&record) };
            assert!(poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let location = record.read().unwrap().location.unwrap();
        assert_eq!(location.file(), file!());
        location.line()
    }

    #[test]
    fn a_wait_names_who_polls_through_them() {
        let reactor = Reactor::builder().build().unwrap();
        let (mut stream, _peer) = reactor.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let caller = TcpStream::connect(listener.local_addr().unwrap());
            try_join(caller, listener.accept()).await.unwrap()
        });
        let _here = reactor.enter();
        let mut command = Command::new("sleep");
        command.arg("60").stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (stdin, stdout) = (child.stdin.as_mut().unwrap(), child.stdout.as_mut().unwrap());
        let (mut memory, bytes) = ([0; 1], [0; 1 << 16]);
        let mut room = ReadBuf::new(&mut memory);

        let line = line_of(|cx| Pin::new(&mut stream).poll_read(cx, &mut room));
        assert_eq!(line, line!() - 1);
        let line = line_of(|cx| Pin::new(stdout).poll_read(cx, &mut room));
        assert_eq!(line, line!() - 1);
        let mut fill = |cx: &mut Context<'_>| Pin::new(&mut *stdin).poll_write(cx, &bytes);
        let filled_in = line!() - 1;
        let line = line_of(|cx| {
            while fill(cx).is_ready() {}
            fill(cx)
        });
        assert_eq!(line, filled_in);
        let slices = [IoSlice::new(&bytes)];
        let line = line_of(|cx| Pin::new(stdin).poll_write_vectored(cx, &slices));
        assert_eq!(line, line!() - 1);
    }
}

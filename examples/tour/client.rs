//! A web client: connections that are kept and used again, a deadline for each
//! request.

use super::wire::{Response, Wire};
use bowerbird::{net::TcpStream, time::timeout};
use std::{io, net::SocketAddr, sync::Mutex, time::Duration};

/// How long a request may take, retries and all.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client of one server.
#[derive(Debug)]
pub(crate) struct Client {
    server: SocketAddr,
    /// Connections nobody uses. Locked for a push or a pop, never over an await.
    idle: Mutex<Vec<Wire>>,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Self {
        Self { server, idle: Mutex::new(Vec::new()) }
    }

    /// The page at `target`.
    pub(crate) async fn get(&self, target: &str) -> io::Result<Response> {
        self.request("GET", target).await
    }

    /// What a GET would answer, without the page.
    pub(crate) async fn head(&self, target: &str) -> io::Result<Response> {
        self.request("HEAD", target).await
    }

    async fn request(&self, method: &str, target: &str) -> io::Result<Response> {
        let answer = timeout(PATIENCE, async {
            // A connection that was kept may have been closed by the server since.
            while let Some(mut wire) = self.kept() {
                if let Ok(response) = wire.exchange(method, target).await {
                    self.keep(wire, &response);
                    return Ok(response);
                }
            }
            let mut wire = Wire::new(TcpStream::connect(self.server).await?);
            let response = wire.exchange(method, target).await?;
            self.keep(wire, &response);
            Ok(response)
        });
        answer.await.unwrap_or_else(|late| Err(late.into()))
    }

    fn kept(&self) -> Option<Wire> {
        self.idle.lock().expect("nobody panics under it").pop()
    }

    fn keep(&self, wire: Wire, response: &Response) {
        if response.keep_alive {
            self.idle.lock().expect("nobody panics under it").push(wire);
        }
    }
}

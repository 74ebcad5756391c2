//! The scraper of the README: twenty lines, with limits and deadlines.
//!
//! ```text
//! cargo run --release --example scraper -- example.org localhost
//! ```

use bowerbird::{net::TcpStream, task::GroupError, task::TaskGroup, task_group, time::timeout};
use futures::{AsyncReadExt, AsyncWriteExt};
use std::{env, io, time::Duration};

async fn fetch(host: &str) -> io::Result<usize> {
    let mut server = TcpStream::connect((host, 80)).await?;
    let request = format!("GET / HTTP/1.0\r\nHost: {host}\r\n\r\n");
    server.write_all(request.as_bytes()).await?;
    server.read_to_end(&mut Vec::new()).await
}

#[bowerbird::main]
async fn main() -> Result<(), GroupError<io::Error>> {
    task_group(async |group: TaskGroup<io::Error>| {
        group.max_concurrency(8);
        for host in env::args().skip(1) {
            group.spawn_named(host.clone(), async move {
                let size = timeout(Duration::from_secs(5), fetch(&host)).await??;
                println!("{host}: {size} bytes");
                Ok(())
            });
        }
        Ok(())
    })
    .await
}

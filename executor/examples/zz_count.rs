use bowerbird_executor::*;
use std::hint::black_box;
fn main() {
    let mut args = std::env::args().skip(1);
    let what = args.next().unwrap();
    let n: u64 = args.next().unwrap().parse().unwrap();
    let executor = Builder::new_current_thread().build_with(ThreadDriver::new).unwrap();
    let handle = executor.handle().clone();
    let start = std::time::Instant::now();
    match &*what {
        "yield" => {
            let a = handle.spawn(async move { for _ in 0..n { yield_now().await } });
            let b = handle.spawn(async move { for _ in 0..n { yield_now().await } });
            executor.block_on(async { a.await.unwrap(); b.await.unwrap() });
        }
        "spawn" => executor.block_on(async {
            spawn(async move {
                for _ in 0..n / 100 {
                    for it in (0..100).map(|i| spawn(async move { black_box(i) })).collect::<Vec<_>>() { it.await.unwrap(); }
                }
            }).await.unwrap()
        }),
        _ => panic!(),
    }
    eprintln!("{what} {n}: {:?}", start.elapsed() / n as u32);
}

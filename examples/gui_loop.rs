//! The runtime inside a loop that is not its own: a window's, here a mock of one.
//!
//! ```text
//! cargo run --example gui_loop
//! ```
//!
//! The window system owns the main thread and its queue of events. The runtime gets a
//! turn when `on_wake` has put an event into that queue, and when a timer is due. Its
//! tasks run on the main thread, so they may change the widgets directly; what takes
//! long is on the blocking pool, or on another runtime.

use bowerbird::{
    runtime::{Builder, LocalRuntime},
    spawn_blocking,
    sync::mpsc as channel,
    time::sleep,
};
use std::{
    cell::RefCell,
    rc::Rc,
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// What the window system tells.
enum UiEvent {
    Key(char),
    /// The runtime has something to run.
    TurnIsDue,
}

/// What is on the screen.
#[derive(Default)]
struct Window {
    progress: u32,
    typed: String,
    status: &'static str,
    is_dirty: bool,
    frames: u32,
}

impl Window {
    fn change(&mut self, change: impl FnOnce(&mut Self)) {
        change(self);
        self.is_dirty = true;
    }

    fn draw(&mut self) {
        if std::mem::take(&mut self.is_dirty) {
            self.frames += 1;
            let bar = "#".repeat(self.progress as usize / 10);
            println!("[{bar:<10}] {:>3} %  {:<8} {}", self.progress, self.typed, self.status);
        }
    }
}

/// Searches something for long, on a thread of the pool, and shows how far it is.
async fn search(window: Rc<RefCell<Window>>) -> u64 {
    let (report, mut reports) = channel::channel(1);
    let search = spawn_blocking(move || {
        let mut sum = 0_u64;
        for step in 1..=10 {
            sum += (0..200_000_u64).fold(0, |sum, n| sum ^ n.wrapping_mul(step));
            // The search goes on if nobody looks any more.
            let _ = report.blocking_send(step as u32 * 10);
        }
        sum
    });
    while let Some(percent) = reports.recv().await {
        window.borrow_mut().change(|it| it.progress = percent);
    }
    search.await.expect("the search does not panic")
}

/// Blinks until the end of the program.
async fn blink(window: Rc<RefCell<Window>>) {
    for status in ["searching", ""].into_iter().cycle() {
        window.borrow_mut().change(|it| it.status = status);
        sleep(Duration::from_millis(20)).await;
    }
}

/// The main loop: events of the window, turns of the runtime, frames.
fn main_loop(runtime: &LocalRuntime, queue: &mpsc::Receiver<UiEvent>, window: &RefCell<Window>) {
    let is_over = || window.borrow().progress == 100 && window.borrow().typed == "hello";
    while !is_over() {
        let turn = runtime.turn(Some(Duration::ZERO));
        window.borrow_mut().draw();
        let event = match turn.time_left() {
            Some(patience) => queue.recv_timeout(patience),
            None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(UiEvent::Key(key)) => window.borrow_mut().change(|it| it.typed.push(key)),
            // Either way the next turn comes.
            Ok(UiEvent::TurnIsDue) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (events, queue) = mpsc::channel();
    let user = events.clone();
    let runtime = Builder::new_current_thread()
        // The window may be closed.
        .on_wake(move || events.send(UiEvent::TurnIsDue).unwrap_or(()))
        .build_local()?;
    let window = Rc::new(RefCell::new(Window::default()));
    let result = runtime.spawn_local(search(window.clone()));
    let blinking = runtime.spawn_local(blink(window.clone()));
    let typing = thread::spawn(move || {
        for key in "hello".chars() {
            thread::sleep(Duration::from_millis(3));
            // The window may be closed.
            let _ = user.send(UiEvent::Key(key));
        }
    });
    main_loop(&runtime, &queue, &window);
    blinking.abort_with("the window closes");
    typing.join().expect("the user does not panic");
    let (found, closed) = (runtime.block_on(result)?, runtime.block_on(blinking).unwrap_err());
    window.borrow_mut().draw();
    let window = window.borrow();
    assert_eq!((window.progress, &*window.typed), (100, "hello"));
    assert_eq!(closed.reason(), Some("the window closes"));
    assert!(window.frames > 1, "progress was shown");
    println!("found {found:#x} while the window stayed alive");
    Ok(())
}

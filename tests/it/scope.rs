use bowerbird::{spawn, task::scope, yield_now};
#[test]
fn a_scope_is_send_when_it_is_spawned_nested_and_borrows_locals() {
    bowerbird::run(async {
        let task = spawn(async {
            let words = vec![String::from("a"), String::from("b")];
            let inner = scope(async |s| {
                let one = s.spawn(async {
                    yield_now().await;
                    words.len()
                });
                let nested = s.spawn(scope(async |t| {
                    let two = t.spawn(async { words[0].len() });
                    two.await.unwrap()
                }));
                one.await.unwrap() + nested.await.unwrap()
            });
            inner.await
        });
        assert_eq!(task.await.unwrap(), 3);
    });
}

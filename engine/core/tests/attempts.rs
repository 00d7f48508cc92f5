//! Attempts of a call: what uses one up, and what says nothing of it.

mod story;
mod world;

use ferry_core::run::{Command, Entry};

use story::{at, begun, read};

/// An engine that is too slow to send, and a neighbour in the same bundle that is refused, say nothing of this payout: it is
/// no dead letter for them, however often. What the target says counts, and so does the time.
#[test]
fn what_says_nothing_of_a_call_uses_up_none_of_its_attempts() {
    let pipeline = "steps:\n  - id: balance\n    action: payoneer.get_balance\n    on_error:\n      - { class: unavailable, retry: { attempts: 2, within: 1h, first: 1s, at_most: 1s }, then: continue }\n";
    let failed = |untried: bool| {
        let untried = if untried { r#","is_untried":true"# } else { "" };
        format!(r#"{{"failed":{{"step":"balance","failure":{{"class":"unavailable","message":"no"{untried}}}}}}}"#)
    };
    let mut run = begun(pipeline);
    let mut tell = |second: i64, untried: bool| {
        let attempt = run.attempt(0);
        let called =
            format!(r#"{{"called":{{"step":"balance","attempt":{attempt},"key":"k","digest":"d","target":"t"}}}}"#);
        run.take(at(second), &read::<Entry>(&format!("{second} {called}")).1);
        run.take(at(second), &read::<Entry>(&format!("{second} {}", failed(untried))).1);
        let commands: Vec<String> = run.commands(at(second)).iter().map(|command| story::told(&run, command)).collect();
        (attempt, commands.join(", "))
    };
    for second in 1..50 {
        assert_eq!(tell(second, true), (1, format!("call balance at {second}")));
    }
    assert_eq!(tell(50, false), (1, "call balance at 50".to_owned()));
    assert_eq!(tell(51, true), (2, "call balance at 51".to_owned()));
    assert_eq!(tell(52, false), (2, "finish".to_owned()));
    let mut late = begun(pipeline);
    late.take(
        at(1),
        &read::<Entry>(r#"1 {"called":{"step":"balance","attempt":1,"key":"k","digest":"d","target":"t"}}"#).1,
    );
    late.take(at(3_700), &read::<Entry>(&format!("3700 {}", failed(true))).1);
    assert!(matches!(late.commands(at(3_700))[..], [Command::Finish]));
}

//! Answers that begin and do not end.

use ferry_sandbox::Options;
use serde_json::json;

#[tokio::test]
async fn truncated_answer_begins_and_does_not_end() {
    for (fault, says_length) in [("truncated", true), ("truncated_chunked", false)] {
        let rule = json!({ "fault": fault, "system": "fx", "times": 1 });
        let faults = serde_json::from_value(json!({ "rules": [rule] })).expect("the rule is well formed");
        let sandbox = ferry_sandbox::start(Options { requests: 1, faults, ..Options::default() })
            .await
            .expect("a free port is there");
        let url = format!("{}/ecb/stats/eurofxref/eurofxref-daily.xml", sandbox.url());
        let mut cut = reqwest::get(&url).await.expect("the answer begins");
        assert!(cut.status().is_success() && cut.content_length().is_some() == says_length, "{fault}: {cut:?}");
        let mut seen = Vec::new();
        let broken = loop {
            match cut.chunk().await {
                Ok(Some(bytes)) => seen.extend_from_slice(&bytes),
                Ok(None) => break false,
                Err(_) => break true,
            }
        };
        let whole = reqwest::get(&url).await.expect("it answers").bytes().await.expect("it is whole");
        assert!(broken, "{fault}: the client sees that it is not whole");
        assert_eq!(seen, whole[..whole.len() / 2], "{fault}");
    }
}

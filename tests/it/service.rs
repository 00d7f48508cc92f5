//! The service as others meet it: webhooks, answers, reloads.

use std::{path::Path, process::Command, time::Duration};

use ferry::{
    clock::pause,
    store::{Change, Store as _, sqlite::SqliteStore},
};
use ferry_tests::program::Running;
use serde_json::{Value, json};

use crate::program::{ferry, serve_folder};

const PROJECT: &str = "ferry: 1\nproject: shop\n";

/// Doubles an amount, and says so at once.
fn orders(factor: u32) -> String {
    format!(
        "ferry: 1
pipeline: orders
trigger:
  webhook: {{ path: orders, verify: {{ header: X-Signature, secret: \"${{env:HOOK_SECRET}}\" }}, respond: answer }}
  key: $.id
steps:
  - {{ id: pause, when: event.slow, wait: {{ for: 500ms }} }}
  - {{ id: answer, needs: [pause], map: {{ id: $.event.id, twice: {{ rhai: event.amount * {factor} }} }} }}
"
    )
}

struct Shop {
    folder: tempfile::TempDir,
    service: Running,
    http: reqwest::Client,
}

impl Shop {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("shop")).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join("shop").join(name), text).unwrap();
        write("ferry.yaml", PROJECT);
        write("orders.yaml", &orders(2));
        let service = serve_folder(folder.path(), &folder.path().join("shop"), "ferry.db", &[]);
        Self { folder, service, http: reqwest::Client::new() }
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.folder.path().join("shop").join(name), text).unwrap();
    }

    async fn deliver(&self, body: &str, signature: Option<&str>) -> (u16, Value) {
        let request = self.http.post(format!("{}orders", self.service.hooks)).body(body.to_owned());
        let request = match signature {
            Some(signature) => request.header("X-Signature", signature),
            None => request,
        };
        let response = request.send().await.unwrap();
        let (status, text) = (response.status().as_u16(), response.text().await.unwrap());
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    async fn order(&self, id: &str) -> (u16, Value) {
        let body = json!({ "id": id, "amount": 0.1, "slow": false }).to_string();
        self.deliver(&body, Some(&signature(&body))).await
    }

    fn reload(&self) -> (Option<i32>, String) {
        let admin = self.service.address.trim_start_matches("http://");
        let output = ferry(self.folder.path()).args(["reload", "--admin", admin]).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    /// Waits until a metric has a value.
    async fn until(&self, name: &str, value: &str) {
        for _ in 0..200 {
            if self.metric(name).await == value {
                return;
            }
            pause(Duration::from_millis(20)).await;
        }
        panic!("{name} is {}, and not {value}", self.metric(name).await);
    }

    async fn metric(&self, name: &str) -> String {
        let text = self.http.get(format!("{}/metrics", self.service.address)).send().await.unwrap();
        let text = text.text().await.unwrap();
        text.lines().find_map(|line| line.strip_prefix(&format!("{name} "))).unwrap_or_default().to_owned()
    }
}

/// What another implementation than ours makes of it.
pub(crate) fn signature(body: &str) -> String {
    let mut command = Command::new("python3");
    let script = "import hmac,hashlib,sys;print(hmac.new(b'geheim',sys.argv[1].encode(),hashlib.sha256).hexdigest())";
    let output = command.args(["-c", script, body]).output().unwrap();
    format!("sha256={}", String::from_utf8(output.stdout).unwrap().trim())
}

#[tokio::test]
async fn a_webhook_is_answered_by_a_step_once_its_event_is_on_disk() {
    let shop = Shop::open();
    assert_eq!(shop.order("a").await, (200, json!({ "id": "a", "twice": 0.2 })));
    // The same event makes no second run, and has the same answer.
    assert_eq!(shop.order("a").await, (200, json!({ "id": "a", "twice": 0.2 })));
    let slow = json!({ "id": "s", "amount": 1, "slow": true }).to_string();
    assert_eq!(shop.deliver(&slow, Some(&signature(&slow))).await, (200, json!({ "id": "s", "twice": 2 })));
    shop.until("ferry_runs{state=\"finished\"}", "2").await;

    let body = json!({ "id": "b", "amount": 1 }).to_string();
    for wrong in [None, Some("sha256=00"), Some("x"), Some(signature("{}").as_str())] {
        assert_eq!(shop.deliver(&body, wrong).await.0, 401, "{wrong:?}");
    }
    assert_eq!(shop.deliver("no json", Some(&signature("no json"))).await.0, 400);
    let nameless = json!({ "amount": 1 }).to_string();
    assert_eq!(shop.deliver(&nameless, Some(&signature(&nameless))).await.0, 202);
    shop.until("ferry_runs{state=\"dead_lettered\"}", "1").await;

    shop.until("ferry_dead_events", "0").await;
    let (event, key, at) = ("order.paid".to_owned(), "o1".to_owned(), jiff::Timestamp::UNIX_EPOCH);
    let post = Change::Post { event: event.clone(), key: key.clone(), data: json!({}), at };
    let give_up = Change::GiveUp { event, key, at: at + jiff::SignedDuration::from_hours(7 * 24) };
    let store = SqliteStore::open(&shop.folder.path().join("ferry.db")).unwrap();
    store.commit(vec![post]).await.unwrap();
    store.commit(vec![give_up]).await.unwrap();
    shop.until("ferry_dead_events", "1").await;
    let admin = shop.service.address.trim_start_matches("http://");
    let status = ferry(shop.folder.path()).args(["status", "--admin", admin]).output().unwrap().stdout;
    assert!(String::from_utf8(status).unwrap().contains("1 events that nobody claimed"));
}

#[tokio::test]
async fn a_reload_is_taken_whole_or_refused_whole() {
    let shop = Shop::open();
    shop.order("a").await;
    shop.write("orders.yaml", &orders(3));
    shop.write("more.yaml", "ferry: 1\npipeline: more\ntrigger: manual\nsteps:\n  - { id: a, map: { x: 1 } }\n");
    assert_eq!(shop.reload(), (Some(0), "reloaded: 1 added (more), 1 changed (orders), 0 removed\n".to_owned()));
    assert_eq!(shop.order("b").await.1["twice"], json!(0.3));
    // A known event keeps the answer of the version that it ran on.
    assert_eq!(shop.order("a").await.1["twice"], json!(0.2));

    shop.write("orders.yaml", &orders(4));
    shop.write("more.yaml", "ferry: 1\npipeline: more\ntrigger: manual\nsteps:\n  - { id: a, mpa: { x: 1 } }\n");
    let (code, said) = shop.reload();
    assert!(code == Some(1) && said.contains("unknown-key"), "{said}");
    assert_eq!(shop.order("c").await.1["twice"], json!(0.3));
    assert_eq!(shop.metric("ferry_config_last_reload_successful").await, "0");
    std::fs::remove_file(shop.folder.path().join("shop/more.yaml")).unwrap();
    assert_eq!(shop.reload(), (Some(0), "reloaded: 0 added, 1 changed (orders), 1 removed (more)\n".to_owned()));
    assert_eq!(shop.order("d").await.1["twice"], json!(0.4));
    assert_eq!(shop.metric("ferry_config_last_reload_successful").await, "1");
    assert_eq!(shop.metric("ferry_config_reloads_total{outcome=\"refused\"}").await, "1");
}

#[test]
fn nobody_reloads_what_does_not_run() {
    let output = ferry(Path::new(".")).args(["reload", "--admin", "127.0.0.1:1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(69));
}

//! `ferry connectors`: what it says of shipped connectors and of a project's own, what it exports, and whether it finds that
//! a connection does not work.

use std::fs;

use boon::{Compiler, Schemas};
use ferry::{http::HttpClient, sandbox::SandboxInfo};
use ferry_connectors::library::Library;
use ferry_contract::script::NoWatch;
use ferry_tests::program::Running;
use serde_json::{Value, json};

use crate::program::{ferry, outcome, sandbox};

/// A project with three connectors of its own, in a world of its own.
struct Desk {
    folder: tempfile::TempDir,
    world: Running,
    /// The secret that the world's Payoneer takes.
    secret: String,
}

const PROJECT: &str = "\
ferry: 1
project: desk
connections:
  payouts: { connector: payoneer, environment: sandbox, PROGRAM client_secret: \"${env:PAYOUT_SECRET}\" }
  other: { connector: payoneer, environment: sandbox, program_id: \"1\", CLIENT client_secret: \"${env:PAYOUT_SECRET}\" }
  dead: { connector: payoneer, environment: production, PROGRAM client_secret: \"${env:PAYOUT_SECRET}\" }
  crm: { connector: salesforce, environment: sandbox, my_domain: acme, client_id: a, username: b, private_key: \"${env:NO_KEY}\" }
  shop: { connector: shop, environment: live, CLIENT client_secret: \"${env:PAYOUT_SECRET}\" }
  keyed: { connector: keyed, environment: live, api_key: \"${env:PAYOUT_SECRET}\" }
";

/// Neither has a `verify`; one has a token to fetch, and the other a write with a key and parameters of each kind.
const SHOP: &str = "\
ferry: 1
connector: shop
title: Shop
environments: { live: { api: \"WORLD/shop\", login: \"WORLD/payoneer\" } }
connection:
  client_id: { example: a, doc: The id. }
  client_secret: { secret: true, example: b, doc: The secret. }
auth: { oauth2: { grant: client_credentials, token_url: \"{login}/api/v2/oauth2/token\", client: basic, scope: read } }
";
const KEYED: &str = "\
ferry: 1
connector: keyed
title: Keyed
environments: { live: { api: \"WORLD/keyed\" }, test: { api: \"https://{tenant}.keyed.example\" } }
connection:
  api_key: { secret: true, example: top-secret-key, doc: The key. }
  tenant: { optional: true, example: acme, doc: The tenant. }
auth:
  - api_key: { header: X-API-Key, value: \"{api_key}\" }
";
const ACTIONS: &str = "\
errors: [ { when: \"status == 422 && body.code != ()\", class: rejected } ]
budget: [ { limit: 60, per: 1m } ]
actions:
  order:
    summary: Orders.
    source: \"https://acme.example/docs/orders, read once\"
    evidence: assumed
    effect: { write: { repeat: keyed, header: Idempotency-Key, remembers: 24h } }
    errors: [ { when: status == 409, class: conflict } ]
    request:
      host: api
      method: POST
      let: { shelf: { rhai: \"input.item.code\" } }
      path: \"/shelves/{shelf}/{$.item.id}\"
      query: { note: $.note, kind: fixed }
      body: { lines: [ $.item ], more: { rhai: \"input.note\" } }
    success: \"status == 200 || status == 201\"
    result: { id: $.data.id, first: { rhai: \"body.data.lines[0]\" } }
    input:
      type: object
      required: [item]
      properties:
        item:
          type: object
          description: What is ordered.
          required: [id, code]
          properties:
            id: { type: string, description: Its id., example: I-1 }
            code: { type: string, enum: [a, b], description: Its shelf., example: a }
          example: { id: I-1, code: a }
        note: { type: string, description: A note., example: soon }
    output:
      type: object
      required: [id]
      properties:
        id: { type: string, description: The order., example: O-1 }
        first: { type: string, description: The first line., example: L-1 }
    sample: none
";

impl Desk {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let world = sandbox(folder.path(), &[]);
        let known = SandboxInfo::ask(&world.address, &HttpClient::new().unwrap()).await.unwrap();
        let field = |name: &str| known.field("payoneer", name).unwrap();
        let client = format!("client_id: {},", field("client_id"));
        let program = format!("program_id: \"{}\", {client}", field("program_id"));
        let write = |path: &str, text: String| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text.replace("WORLD", &world.address)).unwrap();
        };
        write("ferry.yaml", PROJECT.replace("PROGRAM", &program).replace("CLIENT", &client));
        write("connectors/shop/connector.yaml", format!("{SHOP}{ACTIONS}"));
        write("connectors/keyed/connector.yaml", format!("{KEYED}{ACTIONS}"));
        let shipped = include_str!("../../connectors/payoneer/connector.yaml");
        let here = shipped
            .replace("https://api.sandbox.payoneer.com", "WORLD/payoneer")
            .replace("https://login.sandbox.payoneer.com", "WORLD/payoneer")
            .replace("https://api.payoneer.com", "http://127.0.0.1:1")
            .replace("https://login.payoneer.com", "http://127.0.0.1:1");
        write("connectors/payoneer/connector.yaml", here);
        Self { secret: field("client_secret"), folder, world }
    }

    /// The exit code and both outputs; in the world, Payoneer takes one secret.
    fn call(&self, secret: Option<&str>, args: &[&str]) -> (Option<i32>, String) {
        let mut command = ferry(self.folder.path());
        command.arg("connectors").args(args).envs(secret.map(|secret| ("PAYOUT_SECRET", secret)));
        let (code, stdout, stderr) = outcome(&mut command);
        (code, stdout + stderr.as_str())
    }

    fn json(&self, args: &[&str]) -> Value {
        let (code, printed) = self.call(None, args);
        assert_eq!(code, Some(0), "{args:?}: {printed}");
        serde_json::from_str(&printed).unwrap()
    }
}

#[tokio::test]
async fn a_connection_that_does_not_work_says_why_and_what_to_do() {
    let desk = Desk::open().await;
    let (right, wrong) = (Some(desk.secret.as_str()), Some("sesame-of-somebody-else"));
    let world = desk.world.address.as_str();
    for (args, secret, code, says) in [
        (&["payouts"][..], right, 0, &["payouts  ok  in ", " ms  (get_balance)"][..]),
        (&["payouts"], wrong, 1, &["payouts  auth  in ", "see whether `client_id` and `client_secret` are those of"]),
        (
            &["payouts"],
            None,
            2,
            &["payouts  config  `client_secret` has no value: set the environment variable PAYOUT_SECRET"],
        ),
        (
            &["other"],
            right,
            1,
            &[
                "other  ",
                "answered 404: Program not found; the system answers; see whether `program_id`, `client_id` are right",
            ],
        ),
        (&["dead"], right, 69, &["dead  unavailable  in ", "see whether `127.0.0.1:1` can be reached"]),
        (&["shop"], right, 0, &["shop  logged in  in ", "(its connector has no `verify`, so nothing was read)"]),
        (&["shop"], wrong, 1, &["shop  auth  in "]),
        (&["keyed"], right, 0, &["keyed  not tried  (its connector has no `verify` and no token to fetch"]),
        (&["keyed", "shop"], right, 0, &["keyed  not tried", "\nshop   logged in"]),
        (&["payouts", "dead"], wrong, 1, &["payouts  auth", "dead     unavailable"]),
        (&[], right, 2, &["crm      config", "dead     unavailable", "payouts  ok"]),
        (&["payots"], right, 2, &["there is no connection `payots`; did you mean `payouts`?"]),
        (&["crm", "payouts", "--sandbox", world], None, 0, &["crm      ok  in ", "(query)", "payouts  ok  in "]),
        (&["crm", "--sandbox", "http://127.0.0.1:1"], None, 69, &["no sandbox answers at http://127.0.0.1:1"]),
    ] {
        let (ended, printed) = desk.call(secret, &[&["check"], args].concat());
        assert_eq!(ended, Some(code), "{args:?}: {printed}");
        assert!(says.iter().all(|said| printed.contains(said)), "{args:?}: {printed}");
        assert!(!printed.contains(desk.secret.as_str()) && !printed.contains("sesame"), "{args:?}: {printed}");
    }
    let (_, printed) = desk.call(wrong, &["check", "payouts", "keyed", "--format", "json"]);
    let report: Value = serde_json::from_str(&printed).unwrap();
    let of = |index: usize, key: &str| report["connections"][index][key].clone();
    assert_eq!([of(0, "state"), of(0, "class"), of(0, "action")], ["failed", "auth", "get_balance"]);
    assert_eq!(
        [of(1, "state"), of(1, "class"), of(1, "took_ms").is_u64().into()],
        [json!("untried"), Value::Null, true.into()]
    );
}

/// One space for many.
fn squeezed(text: &str) -> String {
    text.split(' ').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn what_is_said_of_a_connector_is_said_of_a_projects_own() {
    let desk = Desk::open().await;
    for (args, code, says) in [
        (
            &["list"][..],
            0,
            &["keyed       Keyed       1        live, test           connectors/keyed/connector.yaml"][..],
        ),
        (&["list"], 0, &["payoneer    Payoneer    24       production, sandbox  connectors/payoneer/connector.yaml"]),
        (&["list"], 0, &["salesforce  Salesforce  30       production, sandbox  shipped"]),
        (
            &["show", "keyed"],
            0,
            &[
                "api_key      (secret) The key.",
                "test api  `https://{tenant}.keyed.example`",
                "the header `x-api-key` with each call. It needs `api_key`.",
                "60 requests in 1m.",
                "rejected  `status == 422 && body.code != ()`",
                "has no `verify`",
                "The manifest is `connectors/keyed/connector.yaml`.",
                "keyed.order  Orders.",
            ],
        ),
        (
            &["show", "keyed.order"],
            0,
            &[
                "The key travels in the header `idempotency-key`.",
                "The target remembers a key for 1d; ferry counts on half of that, and then a person decides.",
                "assumed: it is our inference",
                "conflict  `status == 409`",
                "item.code  (string, required) Its shelf. One of `\"a\"`, `\"b\"`.",
            ],
        ),
        (&["docs", "keyed"], 0, &["# keyed: Keyed\n", "## keyed.order\n", "- `item.id` (string, required): Its id."]),
        (&["show", "keyd"], 4, &["there is no connector, action or webhook `keyd`; did you mean `keyed`?"]),
        (&["show", "keyed.ordr"], 4, &["did you mean `order`?"]),
        (&["docs", "keyd"], 4, &["did you mean `keyed`?"]),
        (&["export", "keyd", "--format", "openapi"], 4, &["did you mean `keyed`?"]),
        (&["export", "keyed", "--format", "postman", "--environment", "tst"], 4, &["did you mean `test`?"]),
        (&["list", "--project", "nowhere"], 2, &["nowhere cannot be read"]),
    ] {
        let (ended, printed) = desk.call(None, args);
        assert_eq!(ended, Some(code), "{args:?}: {printed}");
        for said in says {
            // Columns are as wide as the longest name of a shipped connector.
            assert!(squeezed(&printed).contains(&squeezed(said)), "{args:?} says no `{said}`: {printed}");
        }
    }
    assert_eq!(desk.json(&["show", "keyed.order", "--format", "json"])["actions"][0]["evidence"], "assumed");
    let listed = desk.json(&["list", "--format", "json"])["connectors"].take();
    assert!(listed.as_array().unwrap().iter().any(|one| one["origin"] == "connectors/shop/connector.yaml"), "{listed}");
    assert_eq!(desk.call(None, &["docs", "--out", "pages"]).0, Some(0));
    let (_, page) = desk.call(None, &["docs", "salesforce"]);
    assert_eq!(fs::read_to_string(desk.folder.path().join("pages/salesforce.md")).unwrap(), page);
    assert_eq!(page, include_str!("../../docs/reference/connectors/salesforce.md"));
    // What cannot be read is said, and keeps the others from nothing.
    fs::write(desk.folder.path().join("connectors/shop/connector.yaml"), "connector: shop\n").unwrap();
    let (ended, printed) = desk.call(None, &["show", "keyed"]);
    assert!(ended == Some(0) && printed.contains("the manifest of `shop` cannot be read; `ferry lint`"), "{printed}");
}

/// Every address of a schema in a document leads to one, and every example is as its schema says.
fn check_document(document: &Value, at: &Value, (schemas, compiler): (&mut Schemas, &mut Compiler), seen: &mut Seen) {
    let Some(map) = at.as_object() else {
        let items = at.as_array().into_iter().flatten();
        return items.for_each(|item| check_document(document, item, (schemas, compiler), seen));
    };
    if let Some(reference) = map.get("$ref") {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
        seen.references += 1;
    }
    if let (Some(schema), Some(example)) = (map.get("schema"), map.get("example")) {
        let pointer = schema["$ref"].as_str().map(|reference| reference.trim_start_matches('#'));
        let schema = pointer.map_or(schema, |pointer| document.pointer(pointer).unwrap());
        seen.examples += 1;
        let url = format!("https://ferry.invalid/{}", seen.examples);
        compiler.add_resource(&url, schema.clone()).unwrap();
        let index = compiler.compile(&url, schemas).unwrap();
        assert!(schemas.validate(example, index).is_ok(), "{example} is not as {schema} says");
    }
    map.values().for_each(|value| check_document(document, value, (schemas, compiler), seen));
}

#[derive(Default)]
struct Seen {
    references: usize,
    examples: usize,
}

#[tokio::test]
async fn exports_have_every_action_and_no_secret_and_their_examples_are_right() {
    let desk = Desk::open().await;
    let (library, _) = Library::load(&[], std::sync::Arc::new(NoWatch));
    for (name, actions) in [("payoneer", 24), ("salesforce", 25), ("keyed", 1), ("shop", 1)] {
        let document = desk.json(&["export", name, "--format", "openapi"]);
        let (mut schemas, mut compiler, mut seen) = (Schemas::new(), Compiler::new(), Seen::default());
        check_document(&document, &document, (&mut schemas, &mut compiler), &mut seen);
        assert!(seen.references >= actions && seen.examples >= actions, "{name}");
        let operations =
            document["paths"].as_object().unwrap().values().flat_map(|path| path.as_object().unwrap().values());
        let operations: Vec<&Value> = operations.collect();
        let ids: std::collections::BTreeSet<&str> =
            operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!((ids.len(), operations.len()), (actions, actions), "{name}");
        // Each name in a path is a parameter, and each way to log in is described.
        for (path, methods) in document["paths"].as_object().unwrap() {
            let wanted = path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap());
            for name in wanted {
                let is_it = |parameter: &Value| parameter["name"] == name && parameter["in"] == "path";
                let is_there = |method: &Value| method["parameters"].as_array().unwrap().iter().any(is_it);
                assert!(methods.as_object().unwrap().values().all(is_there), "{path}: {name}");
            }
        }
        for way in document["security"].as_array().unwrap() {
            let name = way.as_object().unwrap().keys().next().unwrap();
            assert!(document["components"]["securitySchemes"][name].is_object(), "{name}");
        }
        let collection = desk.json(&["export", name, "--format", "postman"]);
        assert_eq!(collection["item"].as_array().unwrap().len(), actions, "{name}");
        let variables = collection["variable"].as_array().unwrap();
        for secret in ["client_secret", "private_key", "api_key"] {
            let of = variables.iter().find(|variable| variable["key"] == secret);
            assert!(of.is_none_or(|of| of["value"] == ""), "{name}: {secret}");
        }
        for text in [document.to_string(), collection.to_string()] {
            assert!(!text.contains("top-secret-key") && !text.contains("BEGIN PRIVATE KEY"), "{name}");
        }
        if let Some(manifest) = library.manifests.get(name) {
            // What is none of HTTP has no request to describe.
            let of_http = manifest.calls.iter().filter(|(_, call)| call.is_http());
            assert!(of_http.map(|(action, _)| action).all(|action| ids.contains(action.as_str())), "{name}");
        }
    }
}

#[tokio::test]
async fn an_export_says_what_is_sent_and_what_is_read() {
    let desk = Desk::open().await;
    let document = desk.json(&["export", "keyed", "--format", "openapi", "--environment", "test"]);
    let order = &document["paths"]["/shelves/{shelf}/{item_id}"]["post"];
    let parameters: Vec<[&str; 3]> = order["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|parameter| {
            let is_required = if parameter["required"] == true { "required" } else { "optional" };
            [parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap(), is_required]
        })
        .collect();
    assert_eq!(
        parameters,
        [
            ["path", "shelf", "required"],
            ["path", "item_id", "required"],
            ["query", "note", "optional"],
            ["query", "kind", "required"],
            ["header", "idempotency-key", "required"]
        ]
    );
    assert_eq!(document["servers"][0]["url"], "https://{tenant}.keyed.example");
    assert_eq!(document["servers"][0]["variables"]["tenant"]["default"], "acme");
    assert_eq!(document["components"]["securitySchemes"]["api_key"]["name"], "x-api-key");
    assert_eq!(order["externalDocs"]["url"], "https://acme.example/docs/orders");
    let example = &order["requestBody"]["content"]["application/json"]["example"];
    assert_eq!(*example, json!({ "lines": [{ "id": "I-1", "code": "a" }], "more": "soon" }));
    let answer = &document["components"]["schemas"]["order_response"]["properties"]["data"]["properties"];
    assert_eq!((answer["id"]["type"].as_str(), answer.as_object().unwrap().len()), (Some("string"), 1));
    let statuses: Vec<&String> = order["responses"].as_object().unwrap().keys().collect();
    assert_eq!(statuses, ["200", "201", "409", "422", "default"]);
    let collection = desk.json(&["export", "keyed", "--format", "postman", "--environment", "test"]);
    let url = &collection["item"][0]["request"]["url"];
    assert_eq!(url["raw"], "{{api}}/shelves/:shelf/:item_id?note=soon&kind=fixed");
    assert_eq!(collection["auth"]["apikey"][1]["value"], "{{api_key}}");
    assert_eq!(collection["variable"][0]["value"], "https://{{tenant}}.keyed.example");
}

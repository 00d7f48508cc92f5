//! What a snapshot of `describe/` makes known of records: fields, types, values, and what can be written.

use expect_test::{Expect, expect};

use crate::check;

const PROJECT: &str = "\
# ferry.yaml
ferry: 1
project: p
connections:
  salesforce: { connector: salesforce, environment: sandbox, my_domain: acme, client_id: a, client_secret: '${secret:b}' }
alerts: { ops: log }
";

/// A field as Salesforce describes it; `more` replaces what is said of a text that anyone may write.
fn field(name: &str, more: &str) -> String {
    let usual = [
        ("type", "\"string\""),
        ("length", "80"),
        ("nillable", "true"),
        ("createable", "true"),
        ("updateable", "true"),
        ("defaultedOnCreate", "false"),
        ("restrictedPicklist", "false"),
        ("externalId", "false"),
        ("idLookup", "false"),
        ("relationshipName", "null"),
        ("referenceTo", "[]"),
        ("picklistValues", "[]"),
    ];
    let told = usual
        .iter()
        .filter(|(key, _)| !more.contains(&format!("\"{key}\"")))
        .map(|(key, value)| format!(", \"{key}\": {value}"));
    format!(
        "{{ \"name\": \"{name}\", \"label\": \"{}\"{}{more} }}",
        name.trim_end_matches("__c"),
        told.collect::<String>()
    )
}

fn object(name: &str, fields: &[String]) -> String {
    format!("# describe/salesforce/{name}.json\n{{ \"name\": \"{name}\", \"fields\": [{}] }}\n", fields.join(", "))
}

fn snapshots() -> String {
    let system = ", \"nillable\": false, \"createable\": false, \"updateable\": false, \"defaultedOnCreate\": true";
    let id = field("Id", &format!(", \"type\": \"id\", \"length\": 18{system}"));
    let values = |names: &[&str]| {
        let value = |name: &&str| format!("{{ \"active\": {}, \"value\": \"{name}\" }}", *name != "Old");
        format!("[{}]", names.iter().map(value).collect::<Vec<_>>().join(", "))
    };
    let status = format!(
        ", \"type\": \"picklist\", \"length\": 255, \"restrictedPicklist\": true, \"picklistValues\": {}",
        values(&["Draft", "Paid", "Old"])
    );
    let open = format!(", \"type\": \"picklist\", \"length\": 255, \"picklistValues\": {}", values(&["Hot", "Cold"]));
    let contact = [
        id.clone(),
        field("LastName", ", \"nillable\": false"),
        field("Email", ", \"type\": \"email\""),
        field("Rating", &open),
        field("IsVip__c", ", \"type\": \"boolean\", \"length\": 0, \"nillable\": false, \"defaultedOnCreate\": true"),
        field(
            "AccountId",
            ", \"type\": \"reference\", \"length\": 18, \"relationshipName\": \"Account\", \"referenceTo\": [\"Account\"]",
        ),
        field(
            "OwnerId",
            ", \"type\": \"reference\", \"length\": 18, \"relationshipName\": \"Owner\", \"referenceTo\": [\"Group\", \"User\"]",
        ),
        field("CreatedDate", &format!(", \"type\": \"datetime\", \"length\": 0{system}")),
    ];
    let account = [
        id.clone(),
        field("Name", ", \"length\": 255, \"nillable\": false"),
        field("Staff", ", \"type\": \"int\", \"length\": 0"),
    ];
    let payment = [
        id,
        field("Reference__c", ", \"length\": 20, \"externalId\": true, \"nillable\": false"),
        field("Amount__c", ", \"type\": \"currency\", \"length\": 0, \"nillable\": false"),
        field("Status__c", &status),
        field("Fixed__c", ", \"updateable\": false"),
    ];
    [object("Contact", &contact), object("Account", &account), object("Payment__c", &payment)].concat()
}

#[track_caller]
fn findings(steps: &str, expected: Expect) {
    let head = "ferry: 1\npipeline: one\ntrigger: manual\noutput: $.last\non_failure: { alert: ops }\n";
    let last = if steps.contains("id: last") { "" } else { "  - { id: last, map: { a: $.event.a } }\n" };
    let table = if steps.contains("lookup: states") { "# tables/states.yaml\nDraft: open\n" } else { "" };
    check(&format!("{PROJECT}{table}# one.yaml\nsteps:\n{steps}{last}{head}{}", snapshots()), expected);
}

#[test]
fn fields_that_are_read_are_those_of_the_snapshot() {
    findings(
        "  - id: contact
    action: salesforce.get
    with: { object: Contact, id: a, fields: [Id, Emial, Email, IsVip__c, Rating, Account.Name, Account.Nmae, Acount.Name, Owner.Anything] }
  - id: found
    action: salesforce.query
    with: { object: Payment__c, fields: [Id, Status__c, Amount__c], where: \"Amount__c > 0\" }
  - id: seen
    when: 'contact.IsVip__c == \"yes\" || contact.Rating == \"Warm\" || contact.Owner.Name == \"x\"'
    map:
      a: $.contact.Email
      b: $.contact.CreatedDate
      c: $.contact.Account.Nam
      d: '$.found.records[0].Status__c'
      e: '$.found.records[0].Fixed__c'
      f: $.contact.attributes.type
      g: { text: 'at {$.contact.Emial}' }
",
        expect![[r#"
            one.yaml:4:50: error[unknown-field]: `Contact` has no field `Emial`
              help: did you mean `Email`?
            one.yaml:4:96: error[unknown-field]: `Account` has no field `Nmae`
              help: did you mean `Name`?
            one.yaml:4:110: error[unknown-field]: `Contact` has no parent `Acount`
              help: did you mean `Account`?
            one.yaml:9:32: error[mixed-comparison]: `contact.IsVip__c` is true or false, and is never `== "yes"`
              help: compare it with true or false
            one.yaml:9:83: error[unknown-field]: `contact.Owner` has no `Name`
              help: write one of `Anything`
            one.yaml:12:10: error[unknown-field]: `contact` has no `CreatedDate`
              help: write one of `attributes`, `Id`, `Email`, `IsVip__c`, `Rating`, `Account`, `Owner`
            one.yaml:13:10: error[unknown-field]: `contact.Account` has no `Nam`
              help: did you mean `Name`?
            one.yaml:14:10: warning[uncertain-value]: `$.found.records[0].Status__c` may be missing: `found.records` may have no such item
              help: say what stands for it, `{ from: $.found.records[0].Status__c, default: … }`, or look first with a `check` that it is `present`
            one.yaml:15:10: error[unknown-field]: `found.records[]` has no `Fixed__c`
              help: write one of `attributes`, `Id`, `Status__c`, `Amount__c`
            one.yaml:17:23: error[unknown-field]: `contact` has no `Emial`
              help: did you mean `Email`?
        "#]],
    );
}

#[test]
fn fields_that_are_written_are_those_that_can_be() {
    findings(
        "  - { id: bare, action: salesforce.create, with: { object: Contact, values: { Emial: x, IsVip__c: 'true' } } }
  - { id: made, action: salesforce.create, with: { object: Contact, values: { LastName: Ana, CreatedDate: '2026-01-01', Rating: Warm } } }
  - { id: changed, action: salesforce.update, with: { object: Payment__c, id: a, values: { Status__c: Payed, Fixed__c: x, Amount__c: '5' } } }
  - id: put
    action: salesforce.upsert
    with: { object: Payment__c, external_id: { Reference__c: a }, values: { Reference__c: a, Status__c: Old, Fixed__c: x } }
  - { id: unkeyed, action: salesforce.upsert, with: { object: Payment__c, external_id: { Status__c: Paid }, values: { Amount__c: 5 } } }
  - { id: long, action: salesforce.upsert, with: { object: Payment__c, external_id: { Reference__c: 'far longer than it may be' }, values: { Amount__c: 5 } } }
",
        expect![[r#"
            one.yaml:2:77: error[missing-input]: `values` of `salesforce.create` needs `LastName`: `Contact` is not made without it
              help: add `LastName: …`
            one.yaml:2:79: error[unknown-input]: `Contact` has no field `Emial`
              help: did you mean `Email`?
            one.yaml:2:99: error[wrong-input]: `values.IsVip__c` of `salesforce.create` must be true or false, and this is a text
              help: convert it: `{ from: …, as: boolean }`
            one.yaml:3:107: error[wrong-input]: `values.CreatedDate` of `salesforce.create` cannot be set when a record is made
              help: remove it
            one.yaml:4:103: error[wrong-input]: `values.Status__c` of `salesforce.update` is never "Payed"
              help: write one of `Draft`, `Paid`
            one.yaml:4:120: error[wrong-input]: `values.Fixed__c` of `salesforce.update` cannot be changed
              help: remove it
            one.yaml:4:134: error[wrong-input]: `values.Amount__c` of `salesforce.update` must be a number, and this is a text
              help: convert it: `{ from: …, as: decimal(2) }`
            one.yaml:7:91: error[wrong-input]: `values.Reference__c` of `salesforce.upsert` is in `external_id` already, and may not be written twice
              help: remove it here
            one.yaml:7:105: error[wrong-input]: `values.Status__c` of `salesforce.upsert` is never "Old"
              help: write one of `Draft`, `Paid`
            one.yaml:7:120: error[wrong-input]: `values.Fixed__c` of `salesforce.upsert` cannot be changed where the upsert finds the record
              help: remove it
            one.yaml:8:101: error[wrong-input]: `external_id.Status__c` of `salesforce.upsert` names no record: it is no external id
              help: write one of `Reference__c`
            one.yaml:9:101: error[wrong-input]: `external_id.Reference__c` of `salesforce.upsert` has 20 characters at the most, and this has 25
              help: write a shorter text
        "#]],
    );
}

#[test]
fn what_is_read_is_known_where_it_is_written() {
    findings(
        "  - { id: contact, action: salesforce.get, with: { object: Contact, id: a, fields: [Email, IsVip__c, LastName] } }
  - { id: payment, action: salesforce.get, with: { object: Payment__c, id: a, fields: [Status__c, Amount__c, Reference__c] } }
  - { id: values, map: { Status__c: $.payment.Status__c, Amount__c: $.contact.IsVip__c, Reference__c: $.contact.LastName } }
  - { id: whole, action: salesforce.create, with: { object: Payment__c, values: $.values } }
  - { id: cut, action: salesforce.create, with: { object: Payment__c, values: { Amount__c: $.payment.Amount__c, Reference__c: { from: $.contact.LastName, max_length: 20 } } } }
  - { id: looked, map: { from: $.payment.Status__c, lookup: states } }
",
        expect![[r#"
            one.yaml:5:81: error[wrong-input]: `values.Amount__c` of `salesforce.create` must be a number, and this is true or false
              help: give it a number
            one.yaml:5:81: warning[wrong-input]: `values.Reference__c` of `salesforce.create` has 20 characters at the most, and this may have 80
              help: refuse what is longer before it is sent: `max_length: 20`
            one.yaml:7:61: warning[partial-table]: the table `states` has no row for `Paid`
              help: add what is missing to the table, or write `else`
        "#]],
    );
}

#[test]
fn where_no_snapshot_is_nothing_is_said() {
    findings(
        "  - { id: other, action: salesforce.get, with: { object: Case, id: a, fields: [Anything, Any.thing] } }
  - { id: any, action: salesforce.get, with: { object: $.event.object, id: a, fields: [Anything] } }
  - { id: fields, action: salesforce.get, with: { object: Contact, id: a, fields: $.event.fields } }
  - { id: all, action: salesforce.query, with: { object: Contact, fields: ['FIELDS(ALL)'] } }
  - { id: last, map: { a: $.other.Anything, b: $.any.Anything, c: $.fields.Email, d: { from: '$.all.records[0].Whatever', default: none }, e: $.fields.Whatever } }
  - { id: written, action: salesforce.update, with: { object: Case, id: a, values: { Anything: 5 } } }
  - { id: made, action: salesforce.create, with: { object: Contact, values: $.event.values } }
  - { id: emptied, action: salesforce.update, with: { object: Contact, id: a, values: { Email: null, OwnerId: $.event.owner } } }
  - { id: upserted, action: salesforce.upsert, with: { object: Payment__c, external_id: { Reference__c: $.event.id }, values: { Status__c: Paid } } }
",
        expect![""],
    );
}

#[test]
fn a_poll_knows_its_event_and_its_cursor() {
    let pipeline = "\
# one.yaml
steps:
  - { id: last, map: { seen: $.event.Status__c, typo: $.event.Statuss__c } }
  - { id: paid, when: event.Status__c == \"Payed\" || event.Amount__c == \"5\", map: { a: $.last.seen } }
ferry: 1
pipeline: one
trigger:
  poll:
    action: salesforce.query
    with: { object: Payment__c, fields: [Id, Amount__c, Status__c, SystemModstmp] }
    every: 1m
    cursor: { field: $.SystemModstamp, tie_break: $.Id, lookback: 5m }
  key: $.Id
output: $.paid
on_failure: { alert: ops }
";
    check(
        &format!("{PROJECT}{pipeline}{}", snapshots()),
        expect![[r#"
            one.yaml:2:55: error[unknown-field]: `event` has no `Statuss__c`
              help: did you mean `Status__c`?
            one.yaml:3:42: error[mixed-comparison]: `event.Status__c` is never "Payed"
              help: write one of `Draft`, `Paid`
            one.yaml:3:72: error[mixed-comparison]: `event.Amount__c` is a number, and is never `== "5"`
              help: compare it with a number
            one.yaml:9:68: error[unknown-field]: `Payment__c` has no field `SystemModstmp`
              help: write one of `Id`, `Reference__c`, `Amount__c`, `Status__c`, `Fixed__c`
            one.yaml:11:22: error[unknown-field]: `event` has no `SystemModstamp`
              help: write one of `attributes`, `Id`, `Amount__c`, `Status__c`
            one.yaml:13:9: warning[uncertain-value]: `$.paid` may be missing: `paid` is skipped where its `when` does not hold
              help: say what stands for it, `{ from: $.paid, default: … }`, or look first: `when: paid != ()`
        "#]],
    );
}

#[test]
fn a_snapshot_is_what_its_connection_says_of_the_record_in_its_name() {
    let snapshots = "\
# one.yaml
ferry: 1
pipeline: one
trigger: manual
steps:
  - { id: contact, action: salesforce.get, with: { object: Contact, id: $.event.id, fields: [Id] } }
output: $.contact
on_failure: { alert: ops }
# describe/salesforce/Contact.json
{ \"name\": \"Contact\", \"fields\": [{ \"label\": \"x\" }] }
# describe/salesforce/Account.json
{ \"name\": \"Acount\", \"fields\": [] }
# describe/salesforce/Case.json
[{ \"errorCode\": \"NOT_FOUND\" }]
# describe/salesforce/Lead.json
{ \"name\":
# describe/sales_force/Lead.json
{ \"name\": \"Lead\", \"fields\": [] }
# describe/payoneer/Payout.json
{ \"name\": \"Payout\", \"fields\": [] }
";
    let project = PROJECT.replace("alerts:", "  payoneer: { connector: payoneer, environment: sandbox, program_id: '100086190', client_id: a, client_secret: '${secret:b}' }\nalerts:");
    check(
        &format!("{project}{snapshots}"),
        expect![[r#"
        ferry.yaml:5:3: warning[unused-definition]: no pipeline of this project uses the connection `payoneer`
          help: remove it, or name it in a pipeline
        describe/payoneer/Payout.json:1:1: error[bad-snapshot]: the connector `payoneer` does not say how its records are described
          help: remove the file, or add `records` to its manifest
        describe/sales_force/Lead.json:1:1: error[bad-snapshot]: there is no connection `sales_force` whose records this could describe
          help: did you mean `salesforce`?
        describe/salesforce/Account.json:1:1: error[bad-snapshot]: this describes `Acount`, and its file is named `Account`
          help: fetch it again: `ferry connectors describe salesforce Account`
        describe/salesforce/Case.json:1:1: error[bad-snapshot]: this is no snapshot of `Salesforce`: `$.name` is not there
          help: fetch it again: `ferry connectors describe salesforce Case`
        describe/salesforce/Contact.json:1:1: error[bad-snapshot]: this is no snapshot of `Salesforce`: its field 0 cannot be read: Data type incorrect: () (expecting string) (script 17:15)
          help: fetch it again: `ferry connectors describe salesforce Contact`
        describe/salesforce/Lead.json:1:1: error[bad-snapshot]: this is no snapshot of `Salesforce`: it is not JSON: EOF while parsing a value at line 2 column 0
          help: fetch it again: `ferry connectors describe salesforce Lead`
    "#]],
    );
}

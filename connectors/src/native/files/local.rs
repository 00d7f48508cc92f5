//! A call on a folder of this machine, in a thread of its own.

use ferry_contract::failure::Failure;
use serde_json::{Value, json};

use super::{Verb, Work, folder::Folder, listed, read, written};
use crate::native::departure::Departure;

/// Makes the exchange.
pub(super) async fn run(work: Work<'_>, verb: Verb) -> Result<Value, Failure> {
    let departure = Departure::new(work.gate);
    let (folder, input, own) = (work.needed_field("folder")?.to_owned(), work.input.clone(), departure.clone());
    let is_tried = work.connection.is_tried;
    departure.within_thread(work.timeout, move || made((&folder, is_tried), verb, &input, &own)).await
}

fn made((folder, is_tried): (&str, bool), verb: Verb, input: &Value, departure: &Departure) -> Result<Value, Failure> {
    let text = |name: &str| input.get(name).and_then(Value::as_str).unwrap_or_default();
    let folder = if is_tried { Folder::made(folder)? } else { Folder::open(folder)? };
    let path = text("path");
    match verb {
        Verb::ReadCsv | Verb::ReadJsonLines | Verb::ReadCamt => read(verb, input, &folder.read(path)?),
        Verb::WriteCsv | Verb::WriteJsonLines => {
            let bytes = written(verb, input)?;
            folder.write(path, &bytes, departure)?;
            Ok(json!({ "path": path, "bytes": bytes.len() }))
        }
        Verb::List => listed(input, folder.list(text("folder"))?),
        Verb::Move => {
            folder.rename(path, text("to"), departure)?;
            Ok(json!({ "path": text("to") }))
        }
    }
}

//! A project that is served from a folder, with its store beside it.

use std::time::Duration;

use ferry::{
    clock::pause,
    store::{Filter, RunId, Store as _, StoredRun, sqlite::SqliteStore},
};
use ferry_tests::program::Running;
use serde_json::Value;

use crate::program::serve_folder;

pub(crate) struct Shop {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: SqliteStore,
    service: Option<Running>,
}

impl Shop {
    /// A service of one project, whose files are named without `.yaml`.
    pub(crate) fn open(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shop = folder.path().join("shop");
        std::fs::create_dir(&shop).unwrap();
        files.iter().for_each(|(name, text)| std::fs::write(shop.join(format!("{name}.yaml")), text).unwrap());
        let service = Some(serve_folder(folder.path(), &shop, "ferry.db", &[]));
        let store = SqliteStore::open(&folder.path().join("ferry.db")).unwrap();
        Self { folder, store, service }
    }

    /// SIGKILL, and another life.
    pub(crate) fn kill(&mut self) {
        let mut service = self.service.take().unwrap();
        service.child.kill().unwrap();
        service.child.wait().unwrap();
        self.service = Some(serve_folder(self.folder.path(), &self.folder.path().join("shop"), "ferry.db", &[]));
    }

    pub(crate) async fn deliver(&self, path: &str, event: &Value) {
        let hooks = &self.service.as_ref().unwrap().hooks;
        let request = reqwest::Client::new().post(format!("{hooks}{path}")).body(event.to_string());
        assert_eq!(request.send().await.unwrap().status().as_u16(), 202);
    }

    /// The run of an event, as soon as it is in one of these states.
    pub(crate) async fn run(&self, pipeline: &str, key: &str, states: &[&str]) -> StoredRun {
        let id = RunId::of(pipeline, key);
        for _ in 0..400 {
            let run = self.store.run(&id).await.unwrap();
            if let Some(run) = run.filter(|run| states.contains(&run.row.state.as_str())) {
                return run;
            }
            pause(Duration::from_millis(20)).await;
        }
        let runs = self.store.runs(&Filter { limit: 99, ..Filter::default() }).await.unwrap();
        let journal = self.store.run(&id).await.unwrap().map(|run| run.journal);
        panic!("{pipeline} {key} is not {states:?}: {journal:#?} among {runs:#?}");
    }
}

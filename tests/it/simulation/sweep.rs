//! A crash at every point, with stores as they are in production: in a file and on a server.
//!
//! What is counted is what the target did. Where it makes a repeat harmless, or a look-up tells whether the
//! interrupted call arrived, each payment counts exactly 1.

use std::sync::Arc;

use ferry::store::{Store, postgres::PostgresStore, sqlite::SqliteStore};
use ferry_core::once::{Guard, Guards};
use ferry_tests::postgres::{Server, server};
use tokio::runtime::Runtime;

use super::{
    broken,
    manifest::Kind,
    shelf::Shelf,
    world::{Ending, World},
};

/// Everything that stands on a server, except its layout.
const EMPTY: &str =
    "DO $$ BEGIN EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ')
    FROM pg_tables WHERE schemaname = 'ferry' AND tablename <> 'meta'); END $$";

/// The story of what a crash at this point left, if it is not what it must be.
fn miscounted(kind: Kind, world: &World) -> Option<String> {
    let counts_one = kind != Kind::Never;
    let payments = world.payments();
    let wrong = payments.iter().find(|paid| counts_one && (paid.effects, &paid.ending) != (1, &Ending::Finished));
    let story = wrong.map(|paid| format!("{}: counts {}, run {:?}", paid.key, paid.effects, paid.ending));
    story.or_else(|| broken(kind, world))
}

/// Crashes once at each point that a life passes; gives how many there were, or the first wrong story.
fn sweep(kind: Kind, guards: Guards, shelf: impl Fn() -> Shelf) -> Result<u64, String> {
    for point in 0.. {
        let world = World::new(kind, 0).on(shelf()).guards(guards).crash_at(point).run();
        if let Some(story) = miscounted(kind, &world) {
            return Err(format!("{kind:?}, crash at point {point}: {story}\n{}", world.journals()));
        }
        if world.points() <= point {
            return Ok(point);
        }
    }
    unreachable!("a life that ends passes so many points")
}

/// Threads and time for stores, beside the time of the worlds.
fn real_time() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// The sweeps of all kinds beside each other.
fn sweep_all(sweep: impl Fn(Kind, &Runtime) -> Result<u64, String> + Sync) {
    let real = real_time();
    std::thread::scope(|scope| {
        for kind in Kind::ALL {
            let (sweep, real) = (&sweep, &real);
            scope.spawn(move || {
                let points = sweep(kind, real).unwrap();
                assert!(points > 20, "{kind:?} has only {points} points");
            });
        }
    });
}

/// Each world has a file of its own.
fn in_files(kind: Kind, guards: Guards, real: &Runtime) -> Result<u64, String> {
    let folder = tempfile::tempdir().unwrap();
    let files = std::cell::Cell::new(0);
    sweep(kind, guards, || {
        let path = folder.path().join(format!("{}.db", files.replace(files.get() + 1)));
        Shelf::Real(Arc::new(SqliteStore::open(&path).unwrap()), real.handle().clone())
    })
}

/// All worlds of a kind have one database, which is emptied.
fn on_a_server(kind: Kind, guards: Guards, real: &Runtime) -> Result<u64, String> {
    let address = server().database();
    let store: Arc<dyn Store> = Arc::new(real.block_on(PostgresStore::open(&address)).unwrap());
    sweep(kind, guards, || {
        server().execute_in(Server::name(&address), EMPTY).unwrap();
        Shelf::Real(Arc::clone(&store), real.handle().clone())
    })
}

#[test]
fn a_crash_at_any_point_counts_one_effect_with_a_store_in_a_file() {
    sweep_all(|kind, real| in_files(kind, Guards::ALL, real));
}

#[test]
fn a_crash_at_any_point_counts_one_effect_with_a_store_on_a_server() {
    sweep_all(|kind, real| on_a_server(kind, Guards::ALL, real));
}

#[test]
fn a_sweep_counts_what_a_mutant_pays_twice() {
    for sweep in [in_files, on_a_server] {
        let story = sweep(Kind::Lookup, Guards::without(Guard::Unknown), &real_time()).unwrap_err();
        assert!(story.contains("counts 2"), "{story}");
    }
}

//! The words that the engine and the connectors share.
//!
//! Pure: nothing here reads a clock, a socket or a file. `yaml`, `path`, `script` and `template`
//! are what pipelines and manifests are both written in; `catalog` is what a connector says about
//! its actions, and everything (lint, engine, `ferry explain`) reads that one catalog.

pub mod limits;

pub mod report;
pub mod yaml;

pub mod expression;
pub mod pairs;
pub mod path;
pub mod script;
pub mod template;

pub mod money;
pub mod number;

pub mod catalog;
pub mod evidence;
pub mod record;
pub mod schema;
pub mod shape;

pub mod depth;
pub mod exchange;
pub mod failure;
pub mod host;
pub mod key;
pub mod mask;
pub mod port;
pub mod suggest;
pub mod webhook;
pub mod xml;

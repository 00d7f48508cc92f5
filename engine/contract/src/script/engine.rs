//! The Rhai engine with everything taken out that a rule must not do.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, OnceLock},
};

use rhai::{
    AST, Dynamic, Engine, EvalAltResult, INT, ImmutableString, ParseErrorType, Position, Scope,
    module_resolvers::DummyModuleResolver,
    packages::{
        BasicArrayPackage, BasicMapPackage, BasicMathPackage, CorePackage, LogicPackage, MoreStringPackage,
        Package as _,
    },
};
use rust_decimal::Decimal;

use super::{Form, ScriptError, rounding, texts};
use crate::limits::{
    SCRIPT_ARRAY_MAX_ITEMS, SCRIPT_CALLS_DEPTH_MAX, SCRIPT_CLOCK_EVERY_OPERATIONS, SCRIPT_EXPRESSION_DEPTH_MAX,
    SCRIPT_MAP_MAX_ENTRIES, SCRIPT_OPERATIONS_MAX, SCRIPT_STRING_MAX_BYTES,
};

/// What Rhai calls like a function and registers nowhere.
const KEYWORDS: [&str; 8] = ["Fn", "call", "curry", "type_of", "print", "debug", "is_def_var", "is_def_fn"];

/// The functions that there are, each with how many values it takes; with none, it takes any number.
pub(super) type Functions = BTreeMap<String, BTreeSet<usize>>;

/// All engines have the same ones.
static FUNCTIONS: OnceLock<Functions> = OnceLock::new();

/// A clock for one evaluation; the service passes a real one in.
pub trait Watch: Send + Sync {
    /// An evaluation begins on this thread.
    fn begin(&self);
    /// Whether the evaluation of this thread has run for too long.
    fn is_late(&self) -> bool;
}

/// No clock: only the operations are counted.
#[derive(Clone, Copy, Debug)]
pub struct NoWatch;

impl Watch for NoWatch {
    fn begin(&self) {}
    fn is_late(&self) -> bool {
        false
    }
}

/// What a field that is not there is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Missing {
    /// An error: in pipelines, where a slip of the hand must not read as nothing.
    Fails,
    /// `()`: in manifests, where a body may have any shape.
    IsNothing,
}

/// One engine for many scripts; costly to make, cheap to share.
pub struct Rules {
    engine: Engine,
    watch: Arc<dyn Watch>,
    missing: Missing,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Rules")
    }
}

impl Rules {
    /// An engine whose evaluations the watch stops.
    pub fn new(missing: Missing, watch: Arc<dyn Watch>) -> Self {
        let mut engine = Engine::new_raw();
        CorePackage::new().register_into_engine(&mut engine);
        LogicPackage::new().register_into_engine(&mut engine);
        BasicMathPackage::new().register_into_engine(&mut engine);
        BasicArrayPackage::new().register_into_engine(&mut engine);
        BasicMapPackage::new().register_into_engine(&mut engine);
        MoreStringPackage::new().register_into_engine(&mut engine);
        engine.set_module_resolver(DummyModuleResolver::new());
        engine.disable_symbol("eval").disable_symbol("import").disable_symbol("export");
        // However it is called: nothing stops a thread that sleeps.
        engine.register_fn("sleep", |_: INT| -> Result<(), Box<EvalAltResult>> {
            Err("`sleep` is not allowed: use a `wait` step".into())
        });
        texts::register(&mut engine);
        engine.on_print(|_| {}).on_debug(|_, _, _| {});
        engine.set_strict_variables(true);
        exact_division(&mut engine);
        rounding::of_whole_numbers(&mut engine);
        limits(&mut engine);
        match missing {
            Missing::Fails => {
                engine.set_fail_on_invalid_map_property(true);
            }
            Missing::IsNothing => {
                engine.register_indexer_get(|(): &mut (), _: ImmutableString| Dynamic::UNIT);
                engine.register_indexer_get(|(): &mut (), _: INT| Dynamic::UNIT);
            }
        }
        let on_progress = Arc::clone(&watch);
        engine.on_progress(move |operations| {
            let look = operations % SCRIPT_CLOCK_EVERY_OPERATIONS == 0;
            (look && on_progress.is_late()).then(|| "it took too long".into())
        });
        Self { engine, watch, missing }
    }

    /// All functions that a script may call beside its own.
    pub(super) fn functions(&self) -> &'static Functions {
        FUNCTIONS.get_or_init(|| {
            let all = self.engine.collect_fn_metadata(
                None,
                |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
                true,
            );
            let mut functions = Functions::from_iter(KEYWORDS.map(|name| (name.to_owned(), BTreeSet::new())));
            for (name, count) in all {
                functions.entry(name).or_default().insert(count);
            }
            functions
        })
    }

    pub(super) fn missing(&self) -> Missing {
        self.missing
    }

    pub(super) fn compile(&self, text: &str, form: Form, scope: &Scope<'_>) -> Result<AST, ScriptError> {
        let compiled = match form {
            Form::Expression => self.engine.compile_expression_with_scope(scope, text),
            Form::Statements => self.engine.compile_with_scope(scope, text),
        };
        compiled.map_err(|error| {
            let message = if let ParseErrorType::VariableUndefined(name) = error.err_type() {
                format!("`{name}` is not known here")
            } else {
                lower_first(&error.err_type().to_string())
            };
            at(message, error.position())
        })
    }

    pub(super) fn call(&self, ast: &AST, name: &str, arguments: Vec<Dynamic>) -> Result<Dynamic, ScriptError> {
        self.watch.begin();
        self.engine.call_fn::<Dynamic>(&mut Scope::new(), ast, name, arguments).map_err(|error| failure(&error))
    }

    pub(super) fn eval(&self, ast: &AST, scope: &mut Scope<'_>) -> Result<Dynamic, ScriptError> {
        self.watch.begin();
        self.engine.eval_ast_with_scope::<Dynamic>(scope, ast).map_err(|error| failure(&error))
    }
}

fn limits(engine: &mut Engine) {
    engine
        .set_max_operations(SCRIPT_OPERATIONS_MAX)
        .set_max_call_levels(SCRIPT_CALLS_DEPTH_MAX)
        .set_max_expr_depths(SCRIPT_EXPRESSION_DEPTH_MAX, SCRIPT_EXPRESSION_DEPTH_MAX)
        .set_max_string_size(SCRIPT_STRING_MAX_BYTES)
        .set_max_array_size(SCRIPT_ARRAY_MAX_ITEMS)
        .set_max_map_size(SCRIPT_MAP_MAX_ENTRIES)
        .set_max_modules(0);
}

/// Rhai's own `100 / 3` is 33, and whether its `3 / 2` of decimals is `1.5` or `1.50` hangs on how the 3 came about. A
/// quotient is exact here, without idle zeros. The fast built-in operators would win over ours, so they are off.
fn exact_division(engine: &mut Engine) {
    type Quotient = Result<Decimal, Box<EvalAltResult>>;
    let quotient =
        |left, right| -> Quotient { super::quick::quotient(left, right).ok_or_else(|| "division by zero".into()) };
    engine.set_fast_operators(false);
    engine.register_fn("/", move |left: INT, right: INT| quotient(left.into(), right.into()));
    engine.register_fn("/", move |left: INT, right: Decimal| quotient(left.into(), right));
    engine.register_fn("/", move |left: Decimal, right: INT| quotient(left, right.into()));
    engine.register_fn("/", move |left: Decimal, right: Decimal| quotient(left, right));
    let divide = move |left: &mut Decimal, right| quotient(*left, right).map(|quotient| *left = quotient);
    engine.register_fn("/=", move |left: &mut Decimal, right: Decimal| divide(left, right));
    engine.register_fn("/=", move |left: &mut Decimal, right: INT| divide(left, right.into()));
    engine.register_fn("/=", |_: &mut INT, _: INT| -> Result<(), Box<EvalAltResult>> {
        Err("write `x = x / y`: an integer cannot hold the exact quotient".into())
    });
}

#[expect(clippy::wildcard_enum_match_arm, reason = "Rhai's other errors say it well enough")]
fn failure(error: &EvalAltResult) -> ScriptError {
    let position = innermost(error).position();
    let position = if position.is_none() { error.position() } else { position };
    let message = match innermost(error) {
        EvalAltResult::ErrorVariableNotFound(name, _) | EvalAltResult::ErrorPropertyNotFound(name, _) => {
            format!("`{name}` is not there")
        }
        EvalAltResult::ErrorRuntime(value, _) => value.to_string(),
        EvalAltResult::ErrorArithmetic(text, _) => text.to_lowercase(),
        EvalAltResult::ErrorTerminated(reason, _) => format!("stopped: {reason}"),
        EvalAltResult::ErrorTooManyOperations(_) => format!("stopped: more than {SCRIPT_OPERATIONS_MAX} operations"),
        EvalAltResult::ErrorStackOverflow(_) => format!("stopped: calls nested deeper than {SCRIPT_CALLS_DEPTH_MAX}"),
        EvalAltResult::ErrorDataTooLarge(what, _) => format!("stopped: too large: {what}"),
        other => without_place(&other.to_string()),
    };
    at(message, position)
}

fn innermost(error: &EvalAltResult) -> &EvalAltResult {
    if let EvalAltResult::ErrorInFunctionCall(_, _, inner, _) | EvalAltResult::ErrorInModule(_, inner, _) = error {
        innermost(inner)
    } else {
        error
    }
}

fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

fn without_place(text: &str) -> String {
    text.rsplit_once(" (line ").map_or(text, |(message, _)| message).to_owned()
}

pub(super) fn at(message: String, position: Position) -> ScriptError {
    let cast = |place: Option<usize>| place.and_then(|place| u32::try_from(place).ok()).unwrap_or(0);
    let line = cast(position.line());
    let column = if line == 0 { 0 } else { cast(position.position()).max(1) };
    ScriptError { message, line, column }
}

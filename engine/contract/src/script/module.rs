//! Files of functions, which see only their arguments.

use std::sync::Arc;

use rhai::{AST, Dynamic, Position, Scope};
use serde_json::Value;

use super::{
    Form, Rules, ScriptError,
    convert::{to_dynamic, to_value},
    engine, forbidden_function, unknown_function,
};

/// A compiled file of functions.
#[derive(Clone, Debug)]
pub struct Module {
    ast: Arc<AST>,
    /// Each function with the names of its parameters.
    functions: Arc<[(String, Vec<String>)]>,
}

impl Module {
    /// Compiles a file that has functions and nothing else.
    ///
    /// # Errors
    /// [`ScriptError`] with its place where it does not compile, calls what it may not, or has statements of its own.
    pub fn compile(rules: &Rules, text: &str) -> Result<Self, ScriptError> {
        let ast = rules.compile(text, Form::Statements, &Scope::new())?;
        forbidden_function(&ast)?;
        unknown_function(&ast, rules)?;
        if let Some(statement) = ast.statements().first() {
            let message = "only functions stand in a module: nobody would run this".to_owned();
            return Err(engine::at(message, statement.position()));
        }
        let mut functions: Vec<(String, Vec<String>)> = Vec::new();
        for function in ast.iter_functions() {
            let parameters = function.params.iter().map(|name| (*name).to_owned()).collect();
            if functions.iter().any(|(name, _)| name == function.name) {
                let message = format!("there are two functions `{}`; each needs a name of its own", function.name);
                return Err(engine::at(message, Position::NONE));
            }
            functions.push((function.name.to_owned(), parameters));
        }
        functions.sort();
        Ok(Self { ast: Arc::new(ast), functions: functions.into() })
    }

    /// The names of the functions, in order.
    pub fn functions(&self) -> impl Iterator<Item = &str> {
        self.functions.iter().map(|(name, _)| name.as_str())
    }

    /// The names of a function's parameters.
    pub fn parameters(&self, name: &str) -> Option<&[String]> {
        self.functions.iter().find(|(known, _)| known == name).map(|(_, parameters)| parameters.as_slice())
    }

    /// Calls a function.
    ///
    /// # Errors
    /// [`ScriptError`] where it fails, meets a limit, or gives what JSON does not have.
    pub fn call(&self, rules: &Rules, name: &str, arguments: &[Value]) -> Result<Value, ScriptError> {
        let placeless = |message| ScriptError { message, line: 0, column: 0 };
        let arguments: Vec<Dynamic> = arguments.iter().map(to_dynamic).collect::<Result<_, _>>().map_err(placeless)?;
        let result = rules.call(&self.ast, name, arguments)?;
        to_value(&result).map_err(placeless)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::script::{Missing, NoWatch};

    #[test]
    fn a_function_sees_only_its_arguments() {
        let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
        let text = "fn fee(amount, rate) { half(amount * rate) }\nfn half(x) { x / 2 }\n";
        let module = Module::compile(&rules, text).unwrap();
        assert_eq!(module.functions().collect::<Vec<_>>(), ["fee", "half"]);
        assert_eq!(module.parameters("fee").unwrap(), ["amount", "rate"]);
        assert_eq!(module.call(&rules, "fee", &[json!(100), json!(3)]).unwrap().to_string(), "150");
        assert_eq!(module.call(&rules, "fee", &[json!("a"), json!(3)]).unwrap_err().line, 1);
    }

    #[test]
    fn a_module_has_functions_and_nothing_else() {
        let rules = Rules::new(Missing::Fails, Arc::new(NoWatch));
        for (text, expected) in [
            ("fn a() { 1 }\nlet x = 2;\n", "only functions stand in a module: nobody would run this (script 2:1)"),
            ("fn a() { sleep(1) }\n", "`sleep` is not allowed: use a `wait` step (script 1:10)"),
            ("fn a() { event.x }\n", "`event` is not known here (script 1:10)"),
            ("fn a( { 1 }\n", "expecting ')' to close the parameters list of function 'a' (script 1:7)"),
        ] {
            assert_eq!(Module::compile(&rules, text).map(|_| ()).unwrap_err().to_string(), expected, "{text}");
        }
    }
}

//! A step that calls a function of a Rhai module.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    script::Module,
    shape::{Shape, Typing},
    yaml::read::map,
};
use serde_json::Value;

use crate::{language::Function, project::Project};

#[derive(Debug)]
struct FunctionCall {
    module: Module,
    name: String,
    arguments: Vec<Expression>,
}

/// Finds the function, and an argument for each of its parameters.
pub(super) fn compile(
    function: &Function,
    project: &Project,
    compiler: &mut Compiler<'_>,
) -> Option<Box<dyn Operator>> {
    let (path, name) = (&function.module, &function.name);
    let Some(file) = project.scripts.get(&path.value) else {
        if project.broken.contains(&path.value) {
            return None;
        }
        let known: Vec<&str> = project.scripts.keys().map(String::as_str).collect();
        let message = format!("there is no module `{}`", path.value);
        compiler.report.unknown("unknown-script", path.at, message, (&path.value, &known));
        return None;
    };
    let Some(parameters) = file.module.parameters(&name.value) else {
        let known: Vec<&str> = file.module.functions().collect();
        let message = format!("`{}` has no function `{}`", path.value, name.value);
        compiler.report.unknown("unknown-script", name.at, message, (&name.value, &known));
        return None;
    };
    let entries = match &function.with {
        Some(node) => map(node, "`with`", compiler.report)?,
        None => &[],
    };
    let mut complete = true;
    for (given, _) in entries.iter().filter(|(given, _)| !parameters.contains(&given.value)) {
        let known: Vec<&str> = parameters.iter().map(String::as_str).collect();
        let message = format!("`{}` takes no `{}`", name.value, given.value);
        compiler.report.unknown("unknown-input", given.at, message, (&given.value, &known));
        complete = false;
    }
    let mut arguments = Vec::new();
    for parameter in parameters {
        match entries.iter().find(|(given, _)| given.value == *parameter) {
            Some((_, node)) => arguments.extend(compiler.expression(node)),
            None => {
                let message = format!("`{}` needs `{parameter}`", name.value);
                compiler.report.error("missing-input", name.at, message, format!("add `{parameter}: …` to `with`"));
            }
        }
    }
    let complete = complete && arguments.len() == parameters.len();
    let call = FunctionCall { module: file.module.clone(), name: name.value.clone(), arguments };
    complete.then(|| Box::new(call) as Box<dyn Operator>)
}

impl Operator for FunctionCall {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let arguments: Vec<Value> =
            self.arguments.iter().map(|argument| argument.eval(scope)).collect::<Result<_, _>>()?;
        Ok(self.module.call(scope.rules, &self.name, &arguments)?)
    }

    fn parts(&self) -> Vec<&Expression> {
        self.arguments.iter().collect()
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        self.arguments.iter().for_each(|argument| drop(argument.shape(cx)));
        Shape::default()
    }
}

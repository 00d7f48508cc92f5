//! `money: { amount: …, currency: … }`: an exact amount that its currency can hold.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Operator, Scope},
    money::Money,
    yaml::{Node, read::Fields},
};
use serde_json::Value;

#[derive(Debug)]
struct MakeMoney {
    amount: Expression,
    currency: Expression,
}

pub(super) fn compile(node: &Node, compiler: &mut Compiler<'_>) -> super::Built {
    let fields = Fields::open(node, "`money`", &["amount", "currency"], compiler.report)?;
    let amount = fields.need("amount", "$.event.Amount__c", compiler.report);
    let currency = fields.need("currency", "$.event.CurrencyIsoCode", compiler.report);
    let (amount, currency) = (compiler.expression(amount?), compiler.expression(currency?));
    Some(Box::new(MakeMoney { amount: amount?, currency: currency? }))
}

impl Operator for MakeMoney {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let money = Money::read(&self.amount.eval(scope)?, &self.currency.eval(scope)?);
        money.map(Money::to_value).map_err(|error| EvalError(error.to_string()))
    }

    fn parts(&self) -> Vec<&Expression> {
        vec![&self.amount, &self.currency]
    }
}

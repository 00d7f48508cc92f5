//! `money`: an exact amount that its currency can hold.

use ferry_contract::{
    expression::{Compiler, EvalError, Expression, Made, Operator, Scope},
    money::{Money, currency_symbol},
    schema::{Kind, Schema},
    shape::{Shape, Target, Typing},
    yaml::{
        Node,
        read::{Fields, one_of},
    },
};
use serde_json::Value;

use super::{Built, Example, Mapping, Page};

pub(super) const PAGE: Page = Page {
    name: "money",
    text: "Makes money of an amount and its ISO 4217 currency. An amount that is finer than the currency knows is refused, \
           because rounding it silently would lose money; `round: half_even` rounds it on purpose.",
    examples: &[
        Example {
            written: "{ money: { amount: $.event.amount, currency: $.event.currency } }",
            event: r#"{"amount": "50", "currency": "USD"}"#,
            gives: r#"{"amount":50.00,"currency":"USD"}"#,
        },
        Example {
            written: "{ money: { amount: $.event.amount, currency: JPY } }",
            event: r#"{"amount": 0.5}"#,
            gives: "error: 0.5 is finer than JPY knows; round it first",
        },
        Example {
            written: "{ money: { amount: $.event.amount, currency: USD, round: half_even } }",
            event: r#"{"amount": 0.125}"#,
            gives: r#"{"amount":0.12,"currency":"USD"}"#,
        },
    ],
};

#[derive(Debug)]
struct MakeMoney {
    amount: Expression,
    currency: Expression,
    rounds: bool,
}

pub(super) fn compile(_: &Mapping<'_>, node: &Node, compiler: &mut Compiler<'_>) -> Built {
    let fields = Fields::open(node.get("money")?, "`money`", &["amount", "currency", "round"], compiler.report)?;
    let amount = fields.need("amount", "$.event.Amount__c", compiler.report);
    let currency = fields.need("currency", "$.event.CurrencyIsoCode", compiler.report);
    let rounds = fields.get("round").map(|node| one_of(node, "a way to round", &[("half_even", ())], compiler.report));
    let (amount, currency) = (compiler.expression(amount?), compiler.expression(currency?));
    let rounds = rounds.map_or(Some(false), |way| way.map(|()| true))?;
    Some(Box::new(MakeMoney { amount: amount?, currency: currency?, rounds }))
}

impl Operator for MakeMoney {
    fn eval(&self, scope: Scope<'_>) -> Result<Value, EvalError> {
        let (amount, currency) = (self.amount.eval(scope)?, self.currency.eval(scope)?);
        let money = if self.rounds { Money::read_rounded(&amount, &currency) } else { Money::read(&amount, &currency) };
        money.map(Money::to_value).map_err(|error| EvalError(error.to_string()))
    }

    fn parts(&self) -> Vec<&Expression> {
        vec![&self.amount, &self.currency]
    }

    fn shape(&self, cx: &mut Typing<'_>) -> Shape {
        let amount = self.amount.shape(cx);
        if amount.schema.kind.is_some_and(|kind| !matches!(kind, Kind::Number | Kind::Integer | Kind::String)) {
            let message = "the amount of `money` must be a number";
            cx.report.error("wrong-input", self.amount.at, message, "read the field that has the amount");
        }
        let wanted = Schema { kind: Some(Kind::String), ..Schema::default() };
        let target = Target::field("money", "currency");
        self.currency.fits(&wanted, &target, cx);
        if let Made::Literal(Value::String(code)) = &self.currency.made
            && currency_symbol(code).is_none()
        {
            let message = format!("`{code}` is not an ISO 4217 currency code");
            cx.report.error("wrong-input", self.currency.at, message, "write one such as `USD`");
        }
        Shape::money()
    }
}

/// Reports what is known not to be money.
pub(crate) fn fits_money(value: &Expression, taker: &str, cx: &mut Typing<'_>) {
    let target = Target::field(taker, "money");
    let mut wanted = Schema { open: true, ..Shape::money().schema };
    // An exact amount may be written as a text.
    if let Some((_, amount)) = wanted.properties.iter_mut().find(|(name, _)| name == "amount") {
        amount.kind = None;
    }
    value.fits(&wanted, &target, cx);
}

/// Money as the other operators take it: a map with `amount` and `currency`.
pub(crate) fn read(value: &Value, what: &str) -> Result<Money, EvalError> {
    match (value.get("amount"), value.get("currency")) {
        (Some(amount), Some(currency)) => {
            Money::read(amount, currency).map_err(|error| EvalError(format!("{what}: {error}")))
        }
        _ => Err(EvalError(format!("{what} must be money, a map with `amount` and `currency`, and is {value}"))),
    }
}

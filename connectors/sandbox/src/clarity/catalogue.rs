//! What the shop sells, and to whom: from the seed alone.

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use crate::random::Random;
use crate::wire;

/// How many customers there are.
const CUSTOMERS: u64 = 30;

/// How many products there are.
const PRODUCTS: u64 = 24;

/// How many vendors sell them.
const VENDORS: u64 = 8;

/// How many affiliates send customers.
pub(super) const AFFILIATES: u64 = 4;

const COMPANIES: [&str; 10] =
    ["Alder", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Ginkgo", "Hazel", "Ironwood", "Juniper"];
const KINDS: [&str; 3] = ["Trading", "Supply", "Works"];
const GOODS: [&str; 8] = ["Lamp", "Desk", "Chair", "Shelf", "Cabinet", "Bench", "Stool", "Table"];
const FINISHES: [&str; 3] = ["Oak", "Steel", "White"];

/// The products and the customers.
#[derive(Debug)]
pub(super) struct Catalogue {
    products: Vec<Product>,
    customers: Vec<Customer>,
}

/// Something that is sold.
#[derive(Debug)]
pub(super) struct Product {
    /// Its id, such as `PRD-7`.
    pub(super) id: String,
    /// What the warehouse calls it.
    pub(super) sku: String,
    /// What the customer reads.
    pub(super) name: String,
    /// Whose it is, such as `V-3`.
    pub(super) vendor: String,
    /// What it costs, in US dollars.
    pub(super) price: Decimal,
    updated: Timestamp,
}

#[derive(Debug)]
struct Customer {
    id: String,
    company: String,
    created: Timestamp,
}

impl Catalogue {
    /// Makes the catalogue of a seed.
    pub(super) fn new(seed: u64, now: Timestamp) -> Self {
        let mut random = Random::of(seed, "clarity/catalogue");
        let before = |random: &mut Random| {
            let ms = now.as_millisecond() - days_ms(random.between(30, 300));
            Timestamp::from_millisecond(ms).unwrap_or(now)
        };
        let products = (1..=PRODUCTS).map(|number| {
            let (good, finish) = (pick(&GOODS, number - 1), pick(&FINISHES, (number - 1) / GOODS.len() as u64));
            Product {
                id: format!("PRD-{number}"),
                sku: format!("{}-{}", good.to_uppercase(), finish.to_uppercase()),
                name: format!("{good}, {finish}"),
                vendor: format!("V-{}", random.between(1, VENDORS)),
                price: Decimal::new(random.between(900, 39_900).cast_signed(), 2),
                updated: before(&mut random),
            }
        });
        let products = products.collect();
        let customers = (1..=CUSTOMERS).map(|number| Customer {
            id: format!("C-{number}"),
            company: format!(
                "{} {}",
                pick(&COMPANIES, number - 1),
                pick(&KINDS, (number - 1) / COMPANIES.len() as u64)
            ),
            created: before(&mut random),
        });
        Self { products, customers: customers.collect() }
    }

    /// Draws a product.
    pub(super) fn any_product(&self, random: &mut Random) -> &Product {
        let index = random.between(0, self.products.len() as u64 - 1);
        &self.products[usize::try_from(index).expect("it is an index")]
    }

    /// Draws a customer, and says his id.
    pub(super) fn any_customer(&self, random: &mut Random) -> &str {
        let index = random.between(0, self.customers.len() as u64 - 1);
        &self.customers[usize::try_from(index).expect("it is an index")].id
    }

    /// Shows all products, with the time of the last change of each.
    pub(super) fn products(&self) -> impl Iterator<Item = (Timestamp, Value)> {
        self.products.iter().map(|product| {
            let shown = json!({
                "id": product.id,
                "customKey": product.sku,
                "sku": product.sku,
                "name": product.name,
                "vendorId": product.vendor,
                "price": wire::number(product.price),
                "currency": "USD",
                "isActive": true,
                "updatedAt": product.updated,
            });
            (product.updated, shown)
        })
    }

    /// Shows all customers, with the time of the last change of each.
    pub(super) fn customers(&self) -> impl Iterator<Item = (Timestamp, Value)> {
        self.customers.iter().map(|customer| (customer.created, shown(customer)))
    }

    /// Shows one customer.
    pub(super) fn customer(&self, id: &str) -> Option<Value> {
        self.customers.iter().find(|customer| customer.id == id).map(shown)
    }
}

fn shown(customer: &Customer) -> Value {
    let mail = customer.company.to_lowercase().replace(' ', ".");
    json!({
        "id": customer.id,
        "customKey": format!("CRM-{}", customer.id),
        "company": customer.company,
        "email": format!("{mail}@example.com"),
        "createdAt": customer.created,
        "updatedAt": customer.created,
    })
}

fn pick<'a>(names: &[&'a str], number: u64) -> &'a str {
    names[usize::try_from(number).expect("it is small") % names.len()]
}

fn days_ms(days: u64) -> i64 {
    (days * 24 * 60 * 60 * 1_000).cast_signed()
}

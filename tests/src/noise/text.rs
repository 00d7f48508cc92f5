//! Reference texts as banks and processors deliver them.

use super::date::civil;
use super::random::Random;

/// Puts a reference among words. No other number in it has the form of an order number.
pub(super) fn among_words(random: &mut Random, reference: &str, day: i32) -> String {
    let date = short_date(day);
    let tail = random.between(1_000_000_000, 9_999_999_999);
    match random.index(16) {
        0 => format!("Payment for order {reference}"),
        1 => format!("Rechnung {reference} vom {date}"),
        2 => format!("Bestellung {reference}, vielen Dank!"),
        3 => format!("{reference} Danke"),
        4 => format!("Your order {reference} - thank you"),
        5 => format!("paiement commande {reference}"),
        6 => format!("EREF+NOTPROVIDED SVWZ+{reference} {date}"),
        7 => format!("SVWZ+Zahlung zu {reference} KREF+{tail}"),
        8 => format!("SEPA-UEBERWEISUNG {reference} DATUM {date}"),
        9 => format!("inv {reference} / ref TXN{tail}"),
        10 => format!("PayPal *{reference} {tail}"),
        11 => format!("zamówienie {reference}"),
        12 => format!("RE:{reference}"),
        13 => format!("pago pedido n.º {reference}"),
        14 => format!("ch_{tail} {reference}"),
        _ => format!("Überweisung für Bestellung Nr. {reference} ({date})"),
    }
}

/// Puts a reference among other numbers that a person does not take for an order number.
pub(super) fn among_numbers(random: &mut Random, reference: &str, day: i32) -> String {
    let customer = random.between(700_000, 999_999);
    let (year, month, of_month) = civil(day);
    let phone = random.between(100_000, 999_999);
    match random.index(6) {
        0 => format!("KD-NR {customer} {reference}"),
        1 => format!("{reference} Kundennr. {customer}"),
        2 => format!("{year:04}{month:02}{of_month:02} {reference} {customer}"),
        3 => format!("{reference} Tel. 0170 {phone}"),
        4 => format!("IBAN DE89 3704 0044 0532 0130 00 {reference}"),
        _ => format!("Cust {customer}; ord {reference}; {:02}:{:02}", random.below(24), random.below(60)),
    }
}

/// A text that names no order.
pub(super) fn without_reference(random: &mut Random, day: i32) -> String {
    let date = short_date(day);
    let tail = random.between(10_000_000, 99_999_999);
    match random.index(14) {
        0 | 1 => String::new(),
        2 => "Danke".to_owned(),
        3 => "Rechnung".to_owned(),
        4 => format!("Zahlung vom {date}"),
        5 => "online order".to_owned(),
        6 => "NOTPROVIDED".to_owned(),
        7 => "siehe Rechnung".to_owned(),
        8 => format!("SVWZ+Ueberweisung {date}"),
        9 => "Einkauf".to_owned(),
        10 => "payment".to_owned(),
        11 => format!("TXN{tail}"),
        12 => "facture".to_owned(),
        _ => format!("EREF+NOTPROVIDED MREF+M{tail}"),
    }
}

/// A text of money that has nothing to do with orders, or does not say it.
pub(super) fn unrelated(random: &mut Random, day: i32) -> String {
    let (year, month, _) = civil(day);
    match random.index(8) {
        0 => format!("Miete {month:02}/{year}"),
        1 => "Zinsen".to_owned(),
        2 => "Spende".to_owned(),
        3 => format!("Gutschrift Versicherung {year}"),
        4 => "Rückzahlung Darlehen".to_owned(),
        5 => "Steuererstattung".to_owned(),
        _ => without_reference(random, day),
    }
}

/// Names several orders in one text.
pub(super) fn several(random: &mut Random, references: &[String]) -> String {
    let between = [", ", " ", " + ", "; ", " und ", "/", " & "][random.index(7)];
    let list = references.join(between);
    let front = ["", "", "Sammelzahlung ", "Rechnungen ", "orders "][random.index(5)];
    format!("{front}{list}")
}

/// Names the first number in full, and of the others only the last digits.
pub(super) fn shorthand(random: &mut Random, prefix: &str, digits: &[String], kept: usize) -> String {
    let ends: Vec<&str> = digits[1..].iter().map(|number| &number[number.len() - kept..]).collect();
    let sign = random.pick(&["/", " / ", "+", ", -"]);
    format!("{prefix}{}{sign}{}", digits[0], ends.join(sign))
}

/// The text of a deposit.
pub(super) fn deposit(random: &mut Random, batch: &str) -> String {
    match random.index(4) {
        0 => format!("STRIPE PAYOUT {batch}"),
        1 => format!("Settlement {batch}"),
        2 => format!("EREF+{batch} SVWZ+Auszahlung"),
        _ => batch.to_owned(),
    }
}

fn short_date(day: i32) -> String {
    let (year, month, of_month) = civil(day);
    format!("{of_month:02}.{month:02}.{year}")
}

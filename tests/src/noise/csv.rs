//! A world as CSV files with decimal amounts.

use super::World;
use super::date::iso;
use std::io;
use std::path::Path;

/// Writes `orders.csv`, `payments.csv` and `lines.csv` into a folder that exists.
///
/// # Errors
/// Where a file cannot be written.
pub fn write(world: &World, folder: &Path) -> io::Result<()> {
    std::fs::write(folder.join("orders.csv"), orders(world))?;
    std::fs::write(folder.join("payments.csv"), payments(world))?;
    std::fs::write(folder.join("lines.csv"), lines(world))
}

/// Writes orders: `id,number,amount,currency,date,customer`.
pub fn orders(world: &World) -> String {
    let mut text = "id,number,amount,currency,date,customer\n".to_owned();
    for order in &world.orders {
        let (amount, date) = (decimal(order.amount_minor), iso(order.date));
        push_row(&mut text, &[&order.id, &order.number, &amount, order.currency, &date, &order.customer]);
    }
    text
}

/// Writes payments: `id,gross,fee,net,currency,date,text,payer,batch`.
pub fn payments(world: &World) -> String {
    let mut text = "id,gross,fee,net,currency,date,text,payer,batch\n".to_owned();
    for payment in &world.payments {
        let [gross, fee, net] = [payment.gross_minor, payment.fee_minor, payment.net_minor].map(decimal);
        let (date, batch) = (iso(payment.date), payment.batch.as_deref().unwrap_or_default());
        let cells = [&payment.id, &gross, &fee, &net, payment.currency, &date, &payment.text, &payment.payer, batch];
        push_row(&mut text, &cells);
    }
    text
}

/// Writes settlement lines: `batch,kind,order_number,gross,fee,net,currency`.
pub fn lines(world: &World) -> String {
    let mut text = "batch,kind,order_number,gross,fee,net,currency\n".to_owned();
    for line in &world.lines {
        let [gross, fee, net] = [line.gross_minor, line.fee_minor, line.net_minor].map(decimal);
        let cells = [&line.batch, line.kind.name(), &line.order_number_text, &gross, &fee, &net, line.currency];
        push_row(&mut text, &cells);
    }
    text
}

/// Writes minor units of two decimals.
pub fn decimal(minor: i64) -> String {
    let sign = if minor < 0 { "-" } else { "" };
    let units = minor.unsigned_abs();
    format!("{sign}{}.{:02}", units / 100, units % 100)
}

fn push_row(text: &mut String, cells: &[&str]) {
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            text.push(',');
        }
        if cell.contains([',', '"', '\n', '\r']) {
            text.push_str(&format!("\"{}\"", cell.replace('"', "\"\"")));
        } else {
            text.push_str(cell);
        }
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    #[test]
    fn amounts_are_decimal_with_their_sign() {
        for (minor, text) in [(0, "0.00"), (5, "0.05"), (-5, "-0.05"), (123_456, "1234.56"), (-100, "-1.00")] {
            assert_eq!(super::decimal(minor), text);
        }
    }
}

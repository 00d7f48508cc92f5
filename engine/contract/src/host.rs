//! Where an address leads: the one decision on whether requests may go there.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::report::{At, Report};

/// Where a host is, as far as its name says it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    /// This machine: loopback.
    Own,
    /// Behind a router or a firewall: RFC 1918, RFC 4193, RFC 6598, and the names of RFC 6762, RFC 8375 and ICANN's `.internal`.
    Private,
    /// No server of anybody: link-local, where clouds give out the keys of a machine, unspecified, multicast, reserved.
    Nowhere,
    /// Anywhere else.
    Public,
}

/// Names that a public resolver does not have.
const PRIVATE_NAMES: [&str; 6] = [".local", ".internal", ".lan", ".home.arpa", ".intranet", ".corp"];
/// Names under which clouds give out the keys of a machine, whatever they resolve to.
const KEYS_OF_MACHINES: [&str; 2] = ["metadata.google.internal", "metadata.goog"];

impl Reach {
    /// Of the host of an address such as `https://acme.example:8443/v1`, or of a host alone.
    pub fn of(address: &str) -> Self {
        let host = host(address);
        match ip(host) {
            Some(IpAddr::V4(ip)) => Self::of_v4(ip),
            Some(IpAddr::V6(ip)) => Self::of_v6(ip),
            None => Self::of_name(&host.to_ascii_lowercase()),
        }
    }

    fn of_name(name: &str) -> Self {
        let name = name.trim_end_matches('.');
        if name == "localhost" || name.ends_with(".localhost") {
            return Self::Own;
        }
        if KEYS_OF_MACHINES.contains(&name) {
            return Self::Nowhere;
        }
        if PRIVATE_NAMES.iter().any(|end| name.ends_with(end)) { Self::Private } else { Self::Public }
    }

    fn of_v4(ip: Ipv4Addr) -> Self {
        let [first, second, ..] = ip.octets();
        // 100.64.0.0/10 is between a provider and its customers.
        let is_shared = first == 100 && (64..128).contains(&second);
        match ip {
            _ if ip.is_loopback() => Self::Own,
            _ if ip.is_private() || is_shared => Self::Private,
            _ if ip.is_link_local() || first == 0 || first >= 224 => Self::Nowhere,
            _ => Self::Public,
        }
    }

    fn of_v6(ip: Ipv6Addr) -> Self {
        // What is inside decides, or a private host would have a second name.
        if let Some(inside) = ip.to_ipv4_mapped().or_else(|| translated(ip)) {
            return Self::of_v4(inside);
        }
        match ip {
            _ if ip.is_loopback() => Self::Own,
            _ if ip.is_unique_local() => Self::Private,
            _ if ip.is_unicast_link_local() || ip.is_unspecified() || ip.is_multicast() => Self::Nowhere,
            _ => Self::Public,
        }
    }
}

/// Reports an address that is not safe to send to: over plain HTTP, or to a host that no partner has.
pub fn look(field: &str, text: &str, at: At, report: &mut Report) {
    let (is_plain, address) = match text.split_once("://") {
        Some(("http", rest)) => (true, rest),
        Some(("https", rest)) => (false, rest),
        _ => return,
    };
    let reach = Reach::of(address);
    if is_plain && reach != Reach::Own {
        let message = format!("`{field}` is sent over `http`, so whoever is on the way reads and changes it");
        report.error("plain-http", at, message, "write `https://…`; to this machine itself `http` is enough");
    }
    let host = host(address);
    match reach {
        Reach::Own | Reach::Public => {}
        Reach::Private => {
            let message = format!("`{host}` is a host of a private network, which is not there from everywhere");
            let help = "write the system's public address; where it is meant, say so with \
                        `# ferry: allow(private-host) our own ERP`";
            report.warning("private-host", at, message, help);
        }
        Reach::Nowhere => {
            let message = format!("`{host}` is no host of a partner: a cloud gives out the keys of a machine there");
            report.error("private-host", at, message, "write the system's own address");
        }
    }
}

/// Whether a text is an address and nothing else: a scheme, a host, perhaps a port and a path. A user, a query or a
/// fragment would be shown wherever the address is, and may be a secret.
pub fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_other = |sign: char| sign.is_whitespace() || "?#@\\".contains(sign);
    rest.is_some_and(|rest| !host(rest).is_empty() && !rest.contains(is_other))
}

/// The host of an address, with or without its scheme; brackets around an IPv6 address are taken off.
fn host(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    // A name before an `@` is no host.
    let host = host.rsplit('@').next().unwrap_or_default();
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((inside, _)) => inside,
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// An address in any form that clients read as one, such as `0x7f.1`. Source: WHATWG URL, IPv4 parser.
fn ip(host: &str) -> Option<IpAddr> {
    if let Ok(ip) = host.parse() {
        return Some(ip);
    }
    let parts: Vec<u64> = host.trim_end_matches('.').split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    let room = 4_usize.checked_sub(first.len())?;
    if first.iter().any(|part| *part > 255) || *last >= 1 << (8 * room) {
        return None;
    }
    let begin = first.iter().fold(0, |sum, part| sum << 8 | part);
    u32::try_from(begin << (8 * room) | last).ok().map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits)))
}

fn number(part: &str) -> Option<u64> {
    let (digits, base) = match part.strip_prefix("0x").or(part.strip_prefix("0X")) {
        Some("") => return Some(0),
        Some(hex) => (hex, 16),
        None if part.len() > 1 && part.starts_with('0') => (part, 8),
        None => (part, 10),
    };
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_number.then(|| u64::from_str_radix(digits, base).ok()).flatten()
}

/// The IPv4 address that a translator takes out of `64:ff9b::/96`. Source: RFC 6052.
fn translated(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = ip.segments() else { return None };
    Some(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_where_its_host_is_however_it_is_written() {
        let own = [
            "localhost",
            "127.0.0.1:8080/x",
            "https://[::1]:1/",
            "http://a@127.9.9.9",
            "0x7f.1",
            "2130706433",
            "0177.1",
        ];
        let private = [
            "10.0.0.5",
            "https://172.31.255.1",
            "192.168.1.1:443",
            "100.64.0.1",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "[64:ff9b::c0a8:1]",
            "erp.internal",
            "ERP.Local.",
            "0xA000001",
        ];
        let nowhere = [
            "169.254.169.254",
            "http://0.0.0.0",
            "[fe80::1]",
            "224.0.0.1",
            "metadata.google.internal",
            "0xa9fea9fe",
            "[::]",
        ];
        let public = [
            "api.payoneer.com",
            "172.32.0.1",
            "11.0.0.1",
            "[2606:4700::1]",
            "localhost.example",
            "10.example",
            "256.1.1.1",
            "",
        ];
        for (reach, hosts) in
            [(Reach::Own, &own[..]), (Reach::Private, &private), (Reach::Nowhere, &nowhere), (Reach::Public, &public)]
        {
            for host in hosts {
                assert_eq!(Reach::of(host), reach, "{host}");
            }
        }
    }
}

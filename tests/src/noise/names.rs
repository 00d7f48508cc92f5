//! Who buys: persons and companies, some of them often.

use super::random::Random;
use std::collections::BTreeSet;

const FIRST: [&str; 72] = [
    "Anna",
    "Bernd",
    "Claudia",
    "Dieter",
    "Elke",
    "Frank",
    "Gisela",
    "Hans",
    "Ingrid",
    "Jürgen",
    "Karin",
    "Lukas",
    "Maria",
    "Niklas",
    "Olaf",
    "Petra",
    "Ralf",
    "Sabine",
    "Thomas",
    "Ursula",
    "Volker",
    "Werner",
    "Yvonne",
    "Zoë",
    "James",
    "Olivia",
    "George",
    "Amelia",
    "Harry",
    "Emily",
    "Jack",
    "Sophie",
    "William",
    "Charlotte",
    "Oliver",
    "Grace",
    "François",
    "Amélie",
    "Jérôme",
    "Chloé",
    "Mathieu",
    "Élodie",
    "Luc",
    "Camille",
    "Piotr",
    "Agnieszka",
    "Krzysztof",
    "Małgorzata",
    "Tomasz",
    "Katarzyna",
    "Giulia",
    "Marco",
    "Francesca",
    "Luca",
    "José",
    "Lucía",
    "Alejandro",
    "Carmen",
    "Søren",
    "Åsa",
    "Lars",
    "Ingeborg",
    "Mehmet",
    "Ayşe",
    "Fatima",
    "Yusuf",
    "Wei",
    "Mei",
    "Priya",
    "Arjun",
    "Thi",
    "Minh",
];

const LAST: [&str; 108] = [
    "Müller",
    "Schmidt",
    "Schneider",
    "Fischer",
    "Weber",
    "Meyer",
    "Wagner",
    "Becker",
    "Schulz",
    "Hoffmann",
    "Schäfer",
    "Koch",
    "Bauer",
    "Richter",
    "Klein",
    "Wolf",
    "Schröder",
    "Neumann",
    "Schwarz",
    "Zimmermann",
    "Braun",
    "Krüger",
    "Hofmann",
    "Hartmann",
    "Lange",
    "Krause",
    "Lehmann",
    "Maier",
    "Köhler",
    "Herrmann",
    "König",
    "Walter",
    "Mayer",
    "Huber",
    "Kaiser",
    "Fuchs",
    "Peters",
    "Lang",
    "Scholz",
    "Möller",
    "Weiß",
    "Jung",
    "Hahn",
    "Schubert",
    "Vogel",
    "Friedrich",
    "Keller",
    "Günther",
    "Frank",
    "Berger",
    "Winkler",
    "Roth",
    "Beck",
    "Lorenz",
    "Baumann",
    "Franke",
    "Albrecht",
    "Smith",
    "Jones",
    "Taylor",
    "Brown",
    "Williams",
    "Wilson",
    "Johnson",
    "Davies",
    "Robinson",
    "Wright",
    "Thompson",
    "Evans",
    "Walker",
    "White",
    "Roberts",
    "O'Brien",
    "O'Neill",
    "MacDonald",
    "Martin",
    "Bernard",
    "Dubois",
    "Lefèvre",
    "Moreau",
    "Girard",
    "Kowalski",
    "Nowak",
    "Wiśniewski",
    "Wójcik",
    "Zieliński",
    "Rossi",
    "Ferrari",
    "Esposito",
    "Bianchi",
    "García",
    "Fernández",
    "González",
    "Rodríguez",
    "López",
    "Hansen",
    "Jensen",
    "Nielsen",
    "Andersson",
    "Lindqvist",
    "Yılmaz",
    "Kaya",
    "Demir",
    "Nguyen",
    "Tran",
    "Chen",
    "Wang",
    "Patel",
];

const STEMS: [&str; 48] = [
    "Nordlicht",
    "Alpenblick",
    "Hanseat",
    "Rheingold",
    "Bergmann",
    "Seeblick",
    "Falken",
    "Adler",
    "Phoenix",
    "Atlas",
    "Orion",
    "Kraus",
    "Steinbach",
    "Lindenhof",
    "Weidmann",
    "Brückner",
    "Grünwald",
    "Schlüter",
    "Harbour",
    "Oakridge",
    "Riverside",
    "Kingsway",
    "Whitfield",
    "Bluebell",
    "Ashford",
    "Thornbury",
    "Beaumont",
    "Lumière",
    "Provence",
    "Mercier",
    "Rivage",
    "Zakopane",
    "Wisła",
    "Baltyk",
    "Polaris",
    "Vistula",
    "Verona",
    "Adriatica",
    "Toscana",
    "Iberia",
    "Sierra",
    "Nordfjord",
    "Öresund",
    "Tulip",
    "Windmolen",
    "Delta",
    "Quantum",
    "Vertex",
];

const TRADES: [&str; 36] = [
    "Handel",
    "Gartentechnik",
    "Logistik",
    "Medien",
    "Büromöbel",
    "Elektronik",
    "Software",
    "Consulting",
    "Bau",
    "Immobilien",
    "Spielwaren",
    "Feinkost",
    "Optik",
    "Zweirad",
    "Möbel",
    "Textil",
    "Druckerei",
    "Kaffeerösterei",
    "Trading",
    "Foods",
    "Interiors",
    "Outdoor",
    "Bikes",
    "Books",
    "Pharma",
    "Design",
    "Studio",
    "Systems",
    "Services",
    "Import Export",
    "Boulangerie",
    "Traiteur",
    "Ceramica",
    "Vini",
    "Handelsgesellschaft",
    "Werkzeugbau",
];

const FORMS: [&str; 14] = [
    "GmbH",
    "GmbH",
    "GmbH & Co. KG",
    "GmbH & Co. KG",
    "AG",
    "KG",
    "UG",
    "Ltd",
    "Limited",
    "Inc.",
    "LLC",
    "SARL",
    "Sp. z o.o.",
    "B.V.",
];

/// The customers of one world, and strangers who are none of them.
pub(super) struct Names {
    customers: Vec<String>,
    strangers: Vec<String>,
}

impl Names {
    /// Draws so many customers, two in three persons, all names different.
    pub(super) fn new(random: &mut Random, count: usize) -> Self {
        let strangers = (count / 4).max(50);
        assert!(count + strangers <= 20_000, "there are not names enough for `{count}` customers");
        let mut seen = BTreeSet::new();
        let mut customers = Vec::new();
        while customers.len() < count + strangers {
            // Persons run out before companies do.
            let name = if random.chance(640) && customers.len() < 8000 { person(random) } else { company(random) };
            if seen.insert(name.clone()) {
                customers.push(name);
            }
        }
        let strangers = customers.split_off(count);
        Self { customers, strangers }
    }

    /// Draws a customer; the first ones come more often.
    pub(super) fn customer(&self, random: &mut Random) -> String {
        let place = random.index(self.customers.len()).min(random.index(self.customers.len()));
        self.customers[place].clone()
    }

    /// Draws a person or a company that never bought.
    pub(super) fn stranger(&self, random: &mut Random) -> String {
        self.strangers[random.index(self.strangers.len())].clone()
    }
}

/// Says whether a name is a company's.
pub(super) fn is_company(name: &str) -> bool {
    FORMS.iter().any(|form| name.ends_with(form))
}

fn person(random: &mut Random) -> String {
    let first = random.pick(&FIRST);
    let last = random.pick(&LAST);
    match random.index(20) {
        0 => format!("{first} {last}-{}", random.pick(&LAST)),
        1 => format!("Dr. {first} {last}"),
        2 | 3 => format!("{first} {} {last}", random.pick(&FIRST)),
        _ => format!("{first} {last}"),
    }
}

fn company(random: &mut Random) -> String {
    let stem = if random.chance(650) { random.pick(&STEMS) } else { random.pick(&LAST) };
    let trade = random.pick(&TRADES);
    let form = random.pick(&FORMS);
    match random.index(8) {
        0 => format!("{stem} & {} {form}", random.pick(&LAST)),
        1 => format!("{stem} {form}"),
        _ => format!("{stem} {trade} {form}"),
    }
}

//! The made-up vocabulary of the simulated companies: names, titles, departments.

use unicode_normalization::UnicodeNormalization;

/// Given names; their slugs differ from each other.
pub(super) const GIVEN: [&str; 80] = [
    "Aisha",
    "Alejandro",
    "Amelia",
    "Anders",
    "Anouk",
    "Arjun",
    "Astrid",
    "Aylin",
    "Beatriz",
    "Bogdan",
    "Camille",
    "Carlos",
    "Chiara",
    "Chloë",
    "Dafydd",
    "Daniela",
    "Dmitri",
    "Eilidh",
    "Elif",
    "Emeka",
    "Émilie",
    "Erik",
    "Farah",
    "Felipe",
    "Freja",
    "Gábor",
    "Giulia",
    "Hana",
    "Hélène",
    "Henrik",
    "Hiroshi",
    "Ibrahim",
    "Ifeoma",
    "Ingrid",
    "Iván",
    "Jana",
    "Jörg",
    "Joana",
    "Kaito",
    "Katarzyna",
    "Kemal",
    "Kwame",
    "Lars",
    "Leila",
    "Lucía",
    "Luka",
    "Magnus",
    "Małgorzata",
    "Marek",
    "María",
    "Mateus",
    "Mehmet",
    "Milica",
    "Mirjam",
    "Nadia",
    "Neha",
    "Nikolai",
    "Noémie",
    "Nuno",
    "Oluwaseun",
    "Oscar",
    "Paola",
    "Pekka",
    "Petra",
    "Rafael",
    "Ravi",
    "Rósa",
    "Sanjay",
    "Saoirse",
    "Siobhán",
    "Sofía",
    "Søren",
    "Tariq",
    "Tereza",
    "Thandiwe",
    "Tomáš",
    "Ursula",
    "Viktor",
    "Yuki",
    "Zoë",
];

/// Surnames; their slugs differ from each other and from those of the example people.
pub(super) const SURNAMES: [&str; 125] = [
    "Abebe",
    "Adeyemi",
    "Aguilar",
    "Ahmed",
    "Almeida",
    "Andersson",
    "Antonov",
    "Bakker",
    "Balogun",
    "Barbosa",
    "Bauer",
    "Becker",
    "Beneš",
    "Bergström",
    "Bianchi",
    "Bondarenko",
    "Bose",
    "Brennan",
    "Byrne",
    "Calder",
    "Campos",
    "Castillo",
    "Çelik",
    "Cohen",
    "Conti",
    "Costa",
    "Dahl",
    "Das",
    "Davies",
    "Demir",
    "Desai",
    "Diallo",
    "Dlamini",
    "Dvořák",
    "Eriksen",
    "Esposito",
    "Farkas",
    "Fernandes",
    "Ferrari",
    "Fischer",
    "Fontaine",
    "Fraser",
    "Fujita",
    "Gallagher",
    "García",
    "Girard",
    "Gómez",
    "Grabowski",
    "Gupta",
    "Haas",
    "Hansen",
    "Hashimoto",
    "Hofmann",
    "Horváth",
    "Ibarra",
    "Ito",
    "Ivanova",
    "Jensen",
    "Jovanović",
    "Kamara",
    "Karlsson",
    "Kaur",
    "Kaya",
    "Kimura",
    "Kowalczyk",
    "Krüger",
    "Kumar",
    "Lambert",
    "Larsen",
    "Leroy",
    "Lindqvist",
    "Lombardi",
    "Maes",
    "Malik",
    "Marchetti",
    "Martins",
    "Mbeki",
    "Mehta",
    "Mendoza",
    "Meyer",
    "Molina",
    "Moreau",
    "Morita",
    "Mwangi",
    "Nagy",
    "Navarro",
    "Nguyen",
    "Nielsen",
    "Novák",
    "Nyström",
    "Obi",
    "Olsen",
    "Öztürk",
    "Papadopoulos",
    "Patel",
    "Pereira",
    "Petrov",
    "Popescu",
    "Quinn",
    "Ramos",
    "Rasmussen",
    "Ricci",
    "Rocha",
    "Romero",
    "Rossi",
    "Ruiz",
    "Şahin",
    "Sato",
    "Schmidt",
    "Sharma",
    "Silva",
    "Singh",
    "Smit",
    "Sørensen",
    "Suzuki",
    "Takahashi",
    "Tanaka",
    "Tóth",
    "Van Dijk",
    "Vargas",
    "Virtanen",
    "Wagner",
    "Wójcik",
    "Yıldız",
    "Zielińska",
];

/// What departments do; with more departments than these, each does it for a region.
const FUNCTIONS: [&str; 20] = [
    "Engineering",
    "People & Operations",
    "Executive",
    "Vertrieb & Ventes",
    "Hardware",
    "Finance",
    "Legal",
    "Marketing",
    "Customer Success",
    "Support",
    "Security",
    "Data",
    "Design",
    "Product",
    "Quality",
    "Procurement",
    "Logistics",
    "Research",
    "IT",
    "Facilities",
];
const REGIONS: [&str; 3] = ["", " Americas", " Asia Pacific"];

/// The place of the department that only the head of the company belongs to.
pub(super) const EXECUTIVE: u32 = 2;

/// The name of the `place`th department. In a company that has everything, the fifth is a second "Engineering":
/// Remote lets names repeat.
pub(super) fn department(place: u32, names_repeat: bool) -> String {
    let place = usize::try_from(place).unwrap_or_default();
    if names_repeat && place == 4 {
        return FUNCTIONS[0].to_owned();
    }
    format!("{}{}", FUNCTIONS[place % FUNCTIONS.len()], REGIONS[(place / FUNCTIONS.len()) % REGIONS.len()])
}

pub(super) const RANKS: [&str; 4] = ["", "Junior ", "Senior ", "Staff "];

pub(super) const TITLES: [&str; 20] = [
    "Software Engineer",
    "Data Engineer",
    "Product Designer",
    "Account Executive",
    "People Partner",
    "Payroll Analyst",
    "Support Engineer",
    "Site Reliability Engineer",
    "Technical Writer",
    "Marketing Analyst",
    "Recruiter",
    "Firmware Engineer",
    "Quality Analyst",
    "Security Engineer",
    "Product Manager",
    "Solutions Architect",
    "Office Coordinator",
    "Legal Counsel",
    "Buyer",
    "Researcher",
];

/// A name as it is written in an email address: ASCII letters and digits only.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::with_capacity(name.len());
    for letter in name.nfd() {
        match letter {
            'ł' | 'Ł' => slug.push('l'),
            'ø' | 'Ø' => slug.push('o'),
            'ı' => slug.push('i'),
            'ß' => slug.push_str("ss"),
            _ if letter.is_ascii_alphanumeric() => slug.push(letter.to_ascii_lowercase()),
            _ => {}
        }
    }
    slug
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_names_have_the_same_slug() {
        assert_eq!(GIVEN.map(slug).iter().collect::<BTreeSet<_>>().len(), GIVEN.len());
        assert_eq!(SURNAMES.map(slug).iter().collect::<BTreeSet<_>>().len(), SURNAMES.len());
    }

    #[test]
    fn a_slug_keeps_every_letter_of_a_name() {
        assert_eq!(slug("Małgorzata"), "malgorzata");
        assert_eq!(slug("Sørensen"), "sorensen");
        assert_eq!(slug("Yıldız"), "yildiz");
        assert_eq!(slug("Van Dijk"), "vandijk");
    }

    #[test]
    fn department_names_repeat_only_where_wanted() {
        let names = |repeat| (0..60).map(|place| department(place, repeat)).collect::<BTreeSet<_>>().len();
        assert_eq!(names(false), 60);
        assert_eq!(names(true), 59);
    }
}

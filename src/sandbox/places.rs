//! The countries and offices of the simulated companies, in different time zones.

/// A country as far as the simulated vendors describe it, and the office that the company has there.
#[derive(Debug)]
pub(super) struct Country {
    pub(super) alpha_2: &'static str,
    pub(super) alpha_3: &'static str,
    pub(super) name: &'static str,
    pub(super) region: &'static str,
    pub(super) subregion: &'static str,
    /// Code, name and type of the one subdivision that is listed, if any.
    pub(super) subdivision: Option<(&'static str, &'static str, &'static str)>,
    pub(super) currency: &'static str,
    /// Street, postal code, city and state of the office.
    pub(super) office: (&'static str, &'static str, &'static str, Option<&'static str>),
}

macro_rules! country {
    ($alpha_2:literal $alpha_3:literal $name:literal, $region:literal $subregion:literal, $currency:literal, $office:expr) => {
        country!($alpha_2 $alpha_3 $name, $region $subregion, $currency, $office, None)
    };
    ($alpha_2:literal $alpha_3:literal $name:literal, $region:literal $subregion:literal, $currency:literal, $office:expr, $subdivision:expr) => {
        Country {
            alpha_2: $alpha_2,
            alpha_3: $alpha_3,
            name: $name,
            region: $region,
            subregion: $subregion,
            subdivision: $subdivision,
            currency: $currency,
            office: $office,
        }
    };
}

/// All countries; the example people live in the first twelve.
pub(super) const COUNTRIES: [Country; 20] = [
    country!("GB" "GBR" "United Kingdom (UK)", "Europe" "Northern Europe", "GBP", ("1 Wharf Road", "E8 4QL", "London", None)),
    country!("PT" "PRT" "Portugal", "Europe" "Southern Europe", "EUR", ("Avenida Central 10", "1200-192", "Lisboa", Some("Lisboa")),
        Some(("PT-11", "Lisboa", "District"))),
    country!("SE" "SWE" "Sweden", "Europe" "Northern Europe", "SEK", ("Hamngatan 8", "412 54", "Göteborg", None)),
    country!("PL" "POL" "Poland", "Europe" "Eastern Europe", "PLN", ("ul. Długa 3", "00-263", "Warszawa", None)),
    country!("JP" "JPN" "Japan", "Asia" "Eastern Asia", "JPY", ("神宮前1-2-3", "150-0001", "渋谷区", Some("東京都"))),
    country!("IN" "IND" "India", "Asia" "Southern Asia", "INR", ("12 Residency Road", "560025", "Bengaluru", Some("Karnataka"))),
    country!("MX" "MEX" "Mexico", "Americas" "Central America", "MXN", ("Av. Reforma 15", "06700", "Ciudad de México", Some("CDMX"))),
    country!("UA" "UKR" "Ukraine", "Europe" "Eastern Europe", "UAH", ("вул. Січових Стрільців 7", "04053", "Київ", None)),
    country!("TW" "TWN" "Taiwan", "Asia" "Eastern Asia", "TWD", ("信義路五段7號", "110", "臺北市", None)),
    country!("DE" "DEU" "Germany", "Europe" "Western Europe", "EUR", ("Lindenstraße 5", "50674", "Köln", None)),
    country!("ID" "IDN" "Indonesia", "Asia" "South-Eastern Asia", "IDR", ("Jl. Sudirman 21", "12920", "Jakarta", None)),
    country!("US" "USA" "United States (US)", "Americas" "Northern America", "USD", ("88 Pine St", "98101", "Seattle", Some("WA"))),
    country!("FR" "FRA" "France", "Europe" "Western Europe", "EUR", ("4 rue du Port", "75011", "Paris", None)),
    country!("AU" "AUS" "Australia", "Oceania" "Australia and New Zealand", "AUD", ("20 George Street", "2000", "Sydney", Some("NSW"))),
    country!("BR" "BRA" "Brazil", "Americas" "South America", "BRL", ("Rua Augusta 900", "01304-001", "São Paulo", Some("SP"))),
    country!("CA" "CAN" "Canada", "Americas" "Northern America", "CAD", ("60 Queen Street", "K1P 5Y7", "Ottawa", Some("ON"))),
    country!("ES" "ESP" "Spain", "Europe" "Southern Europe", "EUR", ("Calle Mayor 11", "28013", "Madrid", None)),
    country!("ZA" "ZAF" "South Africa", "Africa" "Southern Africa", "ZAR", ("5 Long Street", "8001", "Cape Town", None)),
    country!("SG" "SGP" "Singapore", "Asia" "South-Eastern Asia", "SGD", ("30 Cecil Street", "049712", "Singapore", None)),
    country!("AE" "ARE" "United Arab Emirates", "Asia" "Western Asia", "AED", ("7 Al Marsa Street", "00000", "Dubai", None)),
];

/// The place of a country in [`COUNTRIES`] by its two letters.
pub(super) fn country(alpha_2: &str) -> Option<usize> {
    COUNTRIES.iter().position(|country| country.alpha_2 == alpha_2)
}

//! Formats the printed table in Markdown, so that it can be pasted into a page unchanged.

pub(crate) struct Table {
    people: u32,
    rows: Vec<[String; 6]>,
    lines: Vec<[String; 3]>,
}

impl Table {
    pub(crate) fn new(people: u32) -> Self {
        Self { people, rows: Vec::new(), lines: Vec::new() }
    }

    /// A kind of request under load.
    pub(crate) fn row(&mut self, row: [String; 6]) {
        eprintln!("  {}: {}/s, {} of the floor", row[0], row[1], row[2]);
        self.rows.push(row);
    }

    /// A single figure.
    pub(crate) fn line(&mut self, what: &str, figure: &str, reach: &str) {
        eprintln!("  {what}: {figure}");
        self.lines.push([what.to_owned(), figure.to_owned(), reach.to_owned()]);
    }

    #[expect(clippy::print_stdout, reason = "the table is what this program is for")]
    pub(crate) fn print(&self) {
        println!("\n### {} people\n", thousands(self.people.into()));
        println!("| request, 8 connections | answers/s | of the floor | median ms | 99 % ms | to reach |");
        println!("|---|---:|---:|---:|---:|---|");
        for row in &self.rows {
            println!("| {} |", row.join(" | "));
        }
        println!("\n| what else | figure | to reach |");
        println!("|---|---:|---|");
        for line in &self.lines {
            println!("| {} |", line.join(" | "));
        }
    }
}

/// 1234567 as `1,234,567`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

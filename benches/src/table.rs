//! The table of results: Markdown, as it stands in docs/benchmarks.md.

use std::process::ExitCode;

/// How a benchmark is run.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Finishes in seconds: shows that it runs, not how fast.
    pub quick: bool,
    /// Exits 1 when a target is missed.
    pub check: bool,
}

impl Options {
    /// From the command line.
    ///
    /// # Errors
    /// When there is an argument that nobody knows.
    pub fn parse() -> anyhow::Result<Self> {
        let mut options = Self { quick: false, check: false };
        for argument in std::env::args().skip(1) {
            match argument.as_str() {
                "--quick" => options.quick = true,
                "--check" => options.check = true,
                other => anyhow::bail!("unknown argument {other:?}: there are --quick and --check"),
            }
        }
        Ok(options)
    }
}

/// What a figure should be.
#[derive(Debug, Clone, Copy)]
pub enum Target {
    /// No more than this.
    AtMost(f64),
    /// No less than this.
    AtLeast(f64),
    /// Told for its own sake.
    None,
}

impl Target {
    fn is_met(self, figure: f64) -> Option<bool> {
        match self {
            Self::AtMost(limit) => Some(figure <= limit),
            Self::AtLeast(limit) => Some(figure >= limit),
            Self::None => None,
        }
    }
}

/// Rows of figures against targets.
#[derive(Debug, Default)]
pub struct Table {
    rows: Vec<[String; 4]>,
    missed: usize,
}

impl Table {
    /// Adds a row; `unit` stands behind figure and target.
    pub fn row(&mut self, what: impl Into<String>, figure: f64, unit: &str, target: Target) {
        let target_text = match target {
            Target::AtMost(limit) => format!("≤ {limit}{unit}"),
            Target::AtLeast(limit) => format!("≥ {limit}{unit}"),
            Target::None => String::new(),
        };
        let verdict = match target.is_met(figure) {
            Some(true) => "yes",
            Some(false) => {
                self.missed += 1;
                "**no**"
            }
            None => "",
        };
        let figure =
            if figure >= 100.0 { format!("{figure:.0}{unit}") } else { format!("{figure:.2}{unit}") };
        self.rows.push([what.into(), figure, target_text, verdict.to_owned()]);
    }

    /// Prints the table; says by the exit code whether a target was missed, if that is asked for.
    #[must_use]
    pub fn finish(self, options: Options) -> ExitCode {
        let head = ["what", "figure", "target", "met"].map(str::to_owned);
        let width = |column: usize| {
            self.rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let widths = [width(0), width(1), width(2), width(3)];
        let print = |row: &[String; 4]| {
            let [a, b, c, d] = widths;
            println!("| {:<a$} | {:>b$} | {:>c$} | {:<d$} |", row[0], row[1], row[2], row[3]);
        };
        print(&head);
        let [a, b, c, d] = widths.map(|width| "-".repeat(width));
        println!("|-{a}-|-{b}:|-{c}:|-{d}-|");
        self.rows.iter().for_each(print);
        if options.check && self.missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

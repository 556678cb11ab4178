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
    rows: Vec<[String; 5]>,
    missed: usize,
}

impl Table {
    /// Adds a row; `unit` stands behind figure and target, `detail` says where the figure comes from.
    pub fn row(&mut self, what: &str, figure: f64, unit: &str, target: Target, detail: &str) {
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
        let figure = format!("{}{unit}", short(figure));
        self.rows.push([what.to_owned(), figure, target_text, verdict.to_owned(), detail.to_owned()]);
    }

    /// Prints the table; says by the exit code whether a target was missed, if that is asked for.
    #[must_use]
    pub fn finish(self, options: Options) -> ExitCode {
        let head = ["what", "figure", "target", "met", "from"].map(str::to_owned);
        let width = |column: usize| {
            self.rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default()
        };
        let [a, b, c, d, e] = std::array::from_fn(width);
        let print = |row: &[String; 5]| {
            println!(
                "| {:<a$} | {:>b$} | {:>c$} | {:<d$} | {:<e$} |",
                row[0], row[1], row[2], row[3], row[4]
            );
        };
        print(&head);
        let [left, figure, target, met, from] = [a, b, c, d, e].map(|width| "-".repeat(width));
        println!("|-{left}-|-{figure}:|-{target}:|-{met}-|-{from}-|");
        self.rows.iter().for_each(print);
        if options.check && self.missed > 0 { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// As many digits as a reader needs.
#[must_use]
pub fn short(figure: f64) -> String {
    if figure >= 100.0 { format!("{figure:.0}") } else { format!("{figure:.2}") }
}

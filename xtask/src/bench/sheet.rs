//! One table of figures, as Markdown: what is printed can be pasted into `docs/benchmarks.md`.

use std::fs;
use std::time::Duration;

/// A table that grows by rows.
pub(crate) struct Sheet {
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// A table with these columns.
    pub(crate) fn new(columns: &[&str]) -> Self {
        Self { rows: vec![columns.iter().map(|c| (*c).to_owned()).collect()] }
    }

    /// Adds a row; it has as many cells as there are columns.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.to_vec());
    }

    /// Prints the machine and the table.
    pub(crate) fn print(&self) {
        println!("{}\n", machine());
        let width =
            |at: usize| self.rows.iter().filter_map(|row| row.get(at)).map(|c| c.chars().count()).max().unwrap_or(0);
        let columns = self.rows.first().map_or(0, Vec::len);
        for (line, row) in self.rows.iter().enumerate() {
            let cells: Vec<String> =
                row.iter().enumerate().map(|(at, cell)| format!("{cell:<0$}", width(at))).collect();
            println!("| {} |", cells.join(" | "));
            if line == 0 {
                println!("|{}|", (0..columns).map(|at| "-".repeat(width(at) + 2)).collect::<Vec<_>>().join("|"));
            }
        }
    }
}

/// What the figures were measured on, as far as the system says.
fn machine() -> String {
    let read = |file: &str| fs::read_to_string(file).unwrap_or_default();
    let model = read("/proc/cpuinfo");
    let model = model
        .lines()
        .find_map(|l| l.strip_prefix("model name"))
        .map_or("unknown CPU", |l| l.trim_start_matches([' ', '\t', ':']).trim());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or("unknown");
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{model}, {cores} cores, Linux {}, load average {load} when this was printed", kernel.trim())
}

/// Smallest, middle and largest of some times, in the unit that `show` writes.
pub(crate) fn spread(times: &mut [Duration], show: fn(Duration) -> String) -> [String; 3] {
    times.sort_unstable();
    let at = |index: usize| times.get(index).map_or_else(|| "-".to_owned(), |time| show(*time));
    [at(0), at(times.len() / 2), at(times.len().saturating_sub(1))]
}

/// Milliseconds.
pub(crate) fn millis(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

/// Seconds with two digits.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

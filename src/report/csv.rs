//! Histories and sweeps as comma-separated values.

use csv::Writer;

use super::sweep::SweepResults;
use crate::sweep::{OPTIONS, Summary};
use crate::train::History;

/// One line an epoch: `epoch` from 1, then the quantities in the order of the history.
///
/// Numbers have as many digits as it takes to read the same number back. Values that are not finite are written `NaN`,
/// `inf` and `-inf`, as pandas and R read them.
pub fn history_csv(history: &History) -> String {
    let names = history.series().map(|(name, _)| name.to_owned());
    let header = std::iter::once("epoch".to_owned()).chain(names).collect();
    let lines = (0..history.epochs()).map(|epoch| {
        let values = history.series().map(|(_, values)| format!("{:?}", values[epoch]));
        std::iter::once((epoch + 1).to_string()).chain(values).collect::<Vec<_>>()
    });
    table(std::iter::once(header).chain(lines))
}

/// One line a configuration, from the best to the worst: its options, and mean and standard deviation of each quantity at the
/// epoch where the mean of the measure is best. What is not known is empty.
///
/// # Panics
/// As [`SweepResults::ranking`].
pub fn sweep_csv(results: &SweepResults) -> String {
    const QUANTITIES: [&str; 4] = ["val_loss", "val_accuracy", "loss", "accuracy"];
    let labels = results.design.labels();
    let known = ["parameters", "runs", "diverged", "best_epoch"];
    let header = ["rank", "configuration"].into_iter().chain(OPTIONS).chain(known);
    let mut header: Vec<String> = header.map(str::to_owned).collect();
    for name in QUANTITIES {
        header.extend(["mean", "deviation"].map(|kind| format!("{name}_{kind}")));
    }
    let line = |(rank, summary): (usize, Summary)| {
        let one = &results.design.configurations()[summary.configuration];
        let mut line = vec![
            summary.best().map_or(String::new(), |_| rank.to_string()),
            labels[summary.configuration].clone(),
        ];
        line.extend(one.values());
        line.extend([
            results.parameters(summary.configuration).to_string(),
            summary.runs.to_string(),
            summary.diverged.to_string(),
            summary.epoch.map_or(String::new(), |epoch| (epoch + 1).to_string()),
        ]);
        for name in QUANTITIES {
            let spread = summary.epoch.and_then(|epoch| summary.at(name, epoch));
            let number = |value: Option<f64>| value.map_or(String::new(), |v| format!("{v:?}"));
            line.push(number(spread.map(|spread| spread.mean)));
            line.push(number(spread.and_then(|spread| spread.deviation)));
        }
        line
    };
    table(std::iter::once(header).chain((1..).zip(results.ranking()).map(line)))
}

fn table(lines: impl Iterator<Item = Vec<String>>) -> String {
    let mut writer = Writer::from_writer(Vec::new());
    for line in lines {
        writer.write_record(line).expect("all lines are equally long, and memory takes them");
    }
    let bytes = writer.into_inner().expect("memory has nothing to flush");
    String::from_utf8(bytes).expect("names and numbers are UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_an_epoch_in_full_precision() {
        let series = vec![
            ("loss".to_owned(), vec![0.1 + 0.2, 1e-300]),
            ("a, \"b\"".to_owned(), vec![f64::NAN, f64::INFINITY]),
        ];
        let text = history_csv(&History::from_series(series).unwrap());
        let expected = "epoch,loss,\"a, \"\"b\"\"\"\n1,0.30000000000000004,NaN\n2,1e-300,inf\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn no_epoch_leaves_the_header() {
        assert_eq!(history_csv(&History::default()), "epoch\n");
    }
}

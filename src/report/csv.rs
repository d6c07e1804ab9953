//! A history as comma-separated values.

use csv::Writer;

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
    let mut writer = Writer::from_writer(Vec::new());
    for line in std::iter::once(header).chain(lines) {
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

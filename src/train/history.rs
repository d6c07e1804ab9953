//! What a run has measured, epoch by epoch.

use std::collections::HashSet;
use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// One list a quantity, one value an epoch, as Keras' `History.history`: `loss`, `accuracy`, then further metrics, and
/// the same names with `val_` before them where the run validates.
///
/// The order of the names is the order in which they were first recorded. All lists are equally long.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    series: Vec<(String, Vec<f64>)>,
}

impl History {
    /// Adds an epoch.
    ///
    /// # Panics
    /// If the names are not those of the epochs before.
    pub fn push(&mut self, epoch: &[(String, f64)]) {
        if self.series.is_empty() {
            self.series = epoch.iter().map(|(name, _)| (name.clone(), Vec::new())).collect();
        }
        assert_eq!(epoch.len(), self.series.len(), "every epoch records the same quantities");
        for ((name, values), (new_name, value)) in self.series.iter_mut().zip(epoch) {
            assert_eq!(name, new_name, "every epoch records the same quantities");
            values.push(*value);
        }
    }

    /// How many epochs are recorded.
    pub fn epochs(&self) -> usize {
        self.series.first().map_or(0, |(_, values)| values.len())
    }

    /// The values of one quantity, one an epoch.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.series.iter().find(|(n, _)| n == name).map(|(_, values)| values.as_slice())
    }

    /// All quantities in order.
    pub fn series(&self) -> impl Iterator<Item = (&str, &[f64])> {
        self.series.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// The epoch (from 0) at which `name` was lowest; the first of equals, none where nothing is comparable.
    pub fn lowest(&self, name: &str) -> Option<usize> {
        let values = self.get(name)?;
        (0..values.len())
            .filter(|&epoch| !values[epoch].is_nan())
            .min_by(|&a, &b| values[a].total_cmp(&values[b]).then(a.cmp(&b)))
    }

    /// Puts a history together from its lists.
    ///
    /// # Errors
    /// [`Error::Unfit`] where the lists differ in length or a name stands twice.
    pub fn from_series(series: Vec<(String, Vec<f64>)>) -> Result<History> {
        let lists = series.len();
        History::of_lists(series).map_err(|reason| Error::Unfit {
            option: "the history",
            value: format!("one of {lists} lists"),
            reason,
            remedy: "give each quantity one list, and each list a value for every epoch".to_owned(),
        })
    }

    /// The same, with a sentence alone for an error.
    fn of_lists(series: Vec<(String, Vec<f64>)>) -> Result<History, String> {
        let mut names = HashSet::new();
        for (name, values) in &series {
            if values.len() != series[0].1.len() {
                let first = &series[0];
                return Err(format!(
                    "`{}` has {} epochs, `{name}` has {}",
                    first.0,
                    first.1.len(),
                    values.len()
                ));
            }
            if !names.insert(name) {
                return Err(format!("`{name}` stands twice"));
            }
        }
        Ok(History { series })
    }
}

impl Serialize for History {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.series.len()))?;
        for (name, values) in &self.series {
            map.serialize_entry(name, values)?;
        }
        map.end()
    }
}

/// Values that are not finite are `null` in JSON; they come back as NaN.
impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<History, D::Error> {
        deserializer.deserialize_map(HistoryVisitor)
    }
}

/// Takes the lists one by one, so that an error tells the place within the list.
struct HistoryVisitor;

impl<'de> Visitor<'de> for HistoryVisitor {
    type Value = History;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("lists of numbers under their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<History, A::Error> {
        let mut series = Vec::new();
        while let Some((name, values)) = map.next_entry::<String, Vec<Option<f64>>>()? {
            let values = values.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect();
            series.push((name, values));
        }
        History::of_lists(series).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(loss: f64, val: f64) -> Vec<(String, f64)> {
        vec![("loss".into(), loss), ("val_loss".into(), val)]
    }

    #[test]
    fn lists_grow_together_and_survive_json() {
        let mut history = History::default();
        history.push(&epoch(0.5, 0.4));
        history.push(&epoch(0.25, 0.3));
        history.push(&epoch(0.125, 0.35));
        assert_eq!(history.get("loss"), Some(&[0.5, 0.25, 0.125][..]));
        assert_eq!(history.lowest("val_loss"), Some(1));
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(json, r#"{"loss":[0.5,0.25,0.125],"val_loss":[0.4,0.3,0.35]}"#);
        assert_eq!(serde_json::from_str::<History>(&json).unwrap(), history);
    }

    #[test]
    fn what_json_cannot_tell_comes_back_as_nan() {
        let mut history = History::default();
        history.push(&epoch(f64::NAN, f64::INFINITY));
        history.push(&epoch(0.5, 0.5));
        let json = serde_json::to_string(&history).unwrap();
        assert_eq!(json, r#"{"loss":[null,0.5],"val_loss":[null,0.5]}"#);
        let read: History = serde_json::from_str(&json).unwrap();
        assert!(read.get("val_loss").unwrap()[0].is_nan());
        assert_eq!(read.get("val_loss").unwrap()[1], 0.5);
    }

    #[test]
    fn a_name_stands_once() {
        let error = serde_json::from_str::<History>(r#"{"loss":[1.0],"loss":[1.0]}"#);
        assert!(error.unwrap_err().to_string().contains("`loss` stands twice"));
        let twice = vec![("loss".to_owned(), vec![1.0]); 2];
        let error = History::from_series(twice).unwrap_err().to_string();
        assert!(error.starts_with("the history is one of 2 lists, but `loss` stands twice; "));
    }

    #[test]
    fn ragged_lists_are_refused() {
        let error = serde_json::from_str::<History>(r#"{"loss":[1.0,2.0],"val_loss":[1.0]}"#);
        assert!(error.unwrap_err().to_string().contains("val_loss"));
    }
}

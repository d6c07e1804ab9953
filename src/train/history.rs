//! What a run has measured, epoch by epoch.

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};

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
    /// A sentence, where the lists differ in length or a name stands twice.
    pub fn from_series(series: Vec<(String, Vec<f64>)>) -> Result<History, String> {
        for (i, (name, values)) in series.iter().enumerate() {
            if values.len() != series[0].1.len() {
                let first = &series[0];
                return Err(format!(
                    "`{}` has {} epochs, `{name}` has {}",
                    first.0,
                    first.1.len(),
                    values.len()
                ));
            }
            if series[..i].iter().any(|(other, _)| other == name) {
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

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<History, D::Error> {
        let map = serde_json::Map::<String, serde_json::Value>::deserialize(deserializer)?;
        let mut series = Vec::with_capacity(map.len());
        for (name, values) in map {
            let values = Vec::<f64>::deserialize(values).map_err(serde::de::Error::custom)?;
            series.push((name, values));
        }
        History::from_series(series).map_err(serde::de::Error::custom)
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
    fn ragged_lists_are_refused() {
        let error = serde_json::from_str::<History>(r#"{"loss":[1.0,2.0],"val_loss":[1.0]}"#);
        assert!(error.unwrap_err().to_string().contains("val_loss"));
    }
}

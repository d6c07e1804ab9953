//! What labels mean: which is positive, which negative.

use crate::error::{Error, Result, shortened};

/// Pairs of labels that need no explanation, the negative one first.
const KNOWN: [(&str, &str); 7] = [
    ("0", "1"),
    ("negative", "positive"),
    ("neg", "pos"),
    ("-1", "1"),
    ("false", "true"),
    ("no", "yes"),
    // Stars of reviews that were only called negative or positive, as in fastText's own examples.
    ("1", "2"),
];

/// The labels of a source as they come up. Upper and lower case, and spaces around, make no difference.
#[derive(Debug, Clone, Default)]
pub(in crate::import) struct Labels {
    /// Those that the user has named. Where that is one side only, the first other label becomes the other side.
    negative: Vec<String>,
    positive: Vec<String>,
    /// Where the user has named none: all in the order of their coming, at most two.
    seen: Vec<String>,
}

impl Labels {
    /// Labels of which the user has named some, or none.
    ///
    /// # Errors
    /// [`Error::InvalidOption`] for a label that is both.
    pub fn new(negative: &[String], positive: &[String]) -> Result<Labels> {
        let [negative, positive] = [negative, positive].map(|names| {
            let mut known: Vec<String> = Vec::new();
            for name in names.iter().map(|name| canonical(name)) {
                if !known.contains(&name) {
                    known.push(name);
                }
            }
            known
        });
        let labels = Labels { negative, positive, seen: Vec::new() };
        match labels.positive.iter().find(|name| labels.negative.contains(name)) {
            Some(name) => Err(Error::invalid("--positive", name, "other labels than --negative")),
            None => Ok(labels),
        }
    }

    /// The class of a label; none where it is empty. The error is a problem and a remedy.
    pub fn class(&mut self, label: &str) -> Result<Option<u8>, (String, String)> {
        // Nearly always it is spelt as the label of the row before.
        if let Some(class) = self.seen.iter().position(|seen| seen == label) {
            return Ok(Some(class as u8));
        }
        let name = canonical(label);
        if name.is_empty() {
            return Ok(None);
        }
        if self.named() {
            let sides = [&mut self.negative, &mut self.positive];
            let class = sides.iter().position(|names| names.contains(&name));
            if let Some(class) = class.or_else(|| sides.iter().position(|names| names.is_empty())) {
                if sides[class].is_empty() {
                    sides[class].push(name);
                }
                return Ok(Some(class as u8));
            }
            let problem = format!("the label {} is not among those named", shown(&name));
            return Err((problem, REMEDY.into()));
        }
        if let Some(class) = self.seen.iter().position(|seen| *seen == name) {
            return Ok(Some(class as u8));
        }
        if let [a, b] = &self.seen[..] {
            let problem =
                format!("a third label, {}, beside {} and {}", shown(&name), shown(a), shown(b));
            return Err((problem, REMEDY.into()));
        }
        self.seen.push(name);
        Ok(Some(self.seen.len() as u8 - 1))
    }

    /// Whether the user has named any.
    fn named(&self) -> bool {
        !self.negative.is_empty() || !self.positive.is_empty()
    }

    /// Which class is positive, now that all labels are known.
    ///
    /// # Errors
    /// [`Error::Unfit`] where that cannot be told.
    pub fn positive(&self) -> Result<u8> {
        if self.named() || self.seen.is_empty() {
            return Ok(1);
        }
        for (negative, positive) in KNOWN {
            let class = |name: &String| match name {
                name if name == negative => Some(0),
                name if name == positive => Some(1),
                _ => None,
            };
            if let Some(classes) = self.seen.iter().map(class).collect::<Option<Vec<u8>>>() {
                return Ok(if classes[0] == 1 { 0 } else { 1 });
            }
        }
        let names: Vec<String> = self.seen.iter().map(|name| shown(name)).collect();
        Err(Error::Unfit {
            option: "--positive",
            value: "not given".into(),
            reason: format!("nobody can tell which label means what: {}", names.join(", ")),
            remedy: REMEDY.into(),
        })
    }

    /// A sentence on what they mean; none where there are none.
    pub fn note(&self) -> Option<String> {
        if self.named() {
            let sides = [(&self.negative, "negative"), (&self.positive, "positive")];
            let sides = sides.into_iter().filter(|(names, _)| !names.is_empty());
            let sides: Vec<String> = sides
                .map(|(names, side)| {
                    let names: Vec<String> = names.iter().map(|name| shown(name)).collect();
                    let are = if names.len() == 1 { "is" } else { "are" };
                    format!("{} {are} {side}", names.join(", "))
                })
                .collect();
            return Some(format!("labels: {}", sides.join(", ")));
        }
        let positive = self.positive().ok()?;
        let meaning = |class: usize| if class as u8 == positive { "positive" } else { "negative" };
        let names = self.seen.iter().enumerate();
        let names: Vec<String> =
            names.map(|(class, name)| format!("{} is {}", shown(name), meaning(class))).collect();
        (!names.is_empty()).then(|| format!("labels: {}", names.join(", ")))
    }
}

const REMEDY: &str = "name the labels with --negative NAME and --positive NAME, several with commas between, and leave \
                      rows with other labels out of the file";

/// A label in the form in which labels are compared: `Positive` is `positive`, `1.00` and `+1` are `1`.
fn canonical(label: &str) -> String {
    let label = label.trim().to_lowercase();
    let number = label.strip_prefix('+').unwrap_or(&label);
    let number = match number.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => number,
    };
    if number.parse::<i64>().is_ok() { number.to_owned() } else { label }
}

/// A label for error texts, not longer than a line of a terminal.
fn shown(label: &str) -> String {
    format!("{:?}", shortened(label, 40))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(labels: &[&str]) -> Result<Vec<bool>, String> {
        let mut all = Labels::default();
        let mut classes = Vec::new();
        for label in labels {
            let class = all.class(label).map_err(|(problem, _)| problem)?;
            classes.push(class.expect("it is not empty"));
        }
        let positive = all.positive().map_err(|error| error.to_string())?;
        Ok(classes.into_iter().map(|class| class == positive).collect())
    }

    #[test]
    fn common_pairs_are_known_whatever_comes_first() {
        for labels in [
            ["0", "1"],
            ["negative", " Positive"],
            ["NEG", "pos"],
            ["-1", "+1"],
            ["false", "True"],
            ["no", "yes"],
            ["1", "2"],
            ["0.0", "1.0"],
            ["0.00", "+1."],
        ] {
            assert_eq!(meaning(&labels), Ok(vec![false, true]), "{labels:?}");
            let [a, b] = labels;
            assert_eq!(meaning(&[b, a, b]), Ok(vec![true, false, true]), "{labels:?}");
        }
        assert_eq!(meaning(&["1"]), Ok(vec![true]));
        assert_eq!(meaning(&["-1", "-1.0"]), Ok(vec![false, false]));
        assert_eq!(Labels::default().class("  "), Ok(None));
    }

    #[test]
    fn unknown_and_third_labels_are_refused() {
        let error = meaning(&["good", "bad"]).unwrap_err();
        assert!(error.contains("nobody can tell which label means what: \"good\", \"bad\""));
        let error = meaning(&["0", "1", "2"]).unwrap_err();
        assert_eq!(error, "a third label, \"2\", beside \"0\" and \"1\"");
    }

    #[test]
    fn the_user_can_name_them() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut labels = Labels::new(&names(&["1", "2"]), &names(&["4", "5"])).unwrap();
        assert_eq!(labels.class("2"), Ok(Some(0)));
        assert_eq!(labels.class("5.0"), Ok(Some(1)));
        assert!(labels.class("3").unwrap_err().0.contains("\"3\" is not among those named"));
        let meaning = r#"labels: "1", "2" are negative, "4", "5" are positive"#;
        assert_eq!(labels.note().unwrap(), meaning);
        let mut labels = Labels::new(&[], &names(&["Good", "good "])).unwrap();
        assert_eq!(labels.class("bad"), Ok(Some(0)));
        assert_eq!(labels.positive().unwrap(), 1);
        assert!(Labels::new(&names(&["a"]), &names(&["A"])).is_err());
        assert_eq!(labels.note().unwrap(), r#"labels: "bad" is negative, "good" is positive"#);
    }

    #[test]
    fn where_one_side_is_named_the_other_is_one_label() {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let mut labels = Labels::new(&[], &names(&["4", "5"])).unwrap();
        for label in ["4", "5", "4.0"] {
            assert_eq!(labels.class(label), Ok(Some(1)));
        }
        assert_eq!(labels.note().unwrap(), r#"labels: "4", "5" are positive"#);
        assert_eq!((labels.class("1"), labels.class("1")), (Ok(Some(0)), Ok(Some(0))));
        assert!(labels.class("2").unwrap_err().0.contains("\"2\" is not among those named"));
        assert_eq!(labels.positive().unwrap(), 1);
        // A name that does not occur: either label could be meant.
        let mut labels = Labels::new(&names(&["bad"]), &[]).unwrap();
        assert_eq!(labels.class("0"), Ok(Some(1)));
        assert!(labels.class("1").is_err());
    }
}

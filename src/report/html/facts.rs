//! What it takes to repeat the run: its options, its data, its machine.

use maud::{Markup, html};
use serde_json::Value;

use super::words::{count, seconds, shown, thousands};
use crate::model::Model;
use crate::report::findings::Findings;
use crate::report::json::{Environment, HistoryFile};

pub(super) type Row = (String, String);

/// The part of the page.
pub(super) fn section(file: &HistoryFile, model: &Model, findings: &Findings) -> Markup {
    html! {
        section aria-labelledby="facts" {
            h2 id="facts" { "The run" }
            div.three {
                (table("Configuration", &of_json(&file.options)))
                (table("Network and data", &network_and_data(file, model, findings)))
                (table("Environment", &environment(file)))
            }
        }
    }
}

pub(super) fn table(caption: &str, rows: &[Row]) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(caption) {
            table.plain {
                caption { (caption) }
                tbody { @for (name, value) in rows { tr { th scope="row" { (name) } td { (value) } } } }
            }
        }
    }
}

/// A row for each entry of an object.
fn of_json(options: &Value) -> Vec<Row> {
    let entries = options.as_object().into_iter().flatten();
    entries.map(|(name, value)| (shown(name).replace('_', " "), written(value))).collect()
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => "–".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::String(text) => shown(text),
        Value::Array(values) => values.iter().map(written).collect::<Vec<_>>().join(", "),
        other => shown(&other.to_string()),
    }
}

fn network_and_data(file: &HistoryFile, model: &Model, findings: &Findings) -> Vec<Row> {
    let architecture = model.architecture();
    let layers = architecture.layers().iter().map(|layer| {
        let unit = count(layer.units as u64, "unit", "units");
        format!("{unit}, {}", layer.activation.name())
    });
    let mut rows = vec![("inputs".to_owned(), thousands(architecture.inputs() as u64))];
    rows.extend((1..).zip(layers).map(|(number, layer)| (format!("layer {number}"), layer)));
    rows.push(("parameters".to_owned(), thousands(architecture.parameters() as u64)));
    // The options do not tell those that a run has of the model of --init.
    if let Some(scale) = model.input_scale() {
        rows.push(("input scale".to_owned(), scale.to_string()));
    }
    if let Some(epoch) = model.training["epoch"].as_u64() {
        let whose = match file.is_self_trained() {
            true => ": teachers’ epochs, then the students’ on labelled reviews",
            false => "",
        };
        rows.push(("weights of epoch".to_owned(), format!("{}{whose}", thousands(epoch))));
    }
    if file.train_reviews > 0 {
        let mut trained_on = count(file.train_reviews as u64, "review", "reviews");
        if file.pseudo_labelled_reviews > 0 {
            let others = thousands(file.pseudo_labelled_reviews as u64);
            trained_on.push_str(&format!(", and {others} without a label"));
        }
        rows.push(("trained on".to_owned(), trained_on));
        rows.push((
            "validated on".to_owned(),
            count(file.validation_reviews as u64, "review", "reviews"),
        ));
    }
    rows.push((
        "judged on".to_owned(),
        format!("{} of {}", thousands(findings.evaluation.reviews as u64), findings.split.name()),
    ));
    let options = serde_json::from_str(&findings.dataset_options).unwrap_or_default();
    let imported = |(name, value): Row| (format!("dataset’s {name}"), value);
    rows.extend(of_json(&options).into_iter().map(imported));
    rows
}

/// What is known of a machine.
pub(super) fn of_machine(environment: &Environment) -> Vec<Row> {
    let facts = [
        ("target", &environment.target),
        ("CPU features", &environment.cpu_features),
        ("kernels", &environment.kernels),
    ];
    let known = facts.into_iter().filter(|(_, value)| !value.is_empty());
    known.map(|(name, value)| (name.to_owned(), shown(value))).collect()
}

fn environment(file: &HistoryFile) -> Vec<Row> {
    let row = |name: &str, value: String| (name.to_owned(), value);
    let mut rows = vec![row("version", shown(&file.version)), row("seed", file.seed.to_string())];
    rows.extend(of_machine(&file.environment));
    rows.push(row("threads", file.threads.to_string()));
    rows.push(row("training took", seconds(file.fit_seconds)));
    if let Some(rate) = file.reviews_a_second() {
        rows.push(row("throughput", format!("{} reviews/s", thousands(rate))));
    }
    rows
}

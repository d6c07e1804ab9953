//! What a run leaves behind for people: curves, tables and files of a [`crate::train::History`].
//!
//! Everything is made in memory and returned as text or bytes; who calls decides where it goes.
//!
//! | module | makes |
//! | --- | --- |
//! | [`plot`] | the curves of loss and accuracy, as SVG and PNG |
//! | [`csv`] | the history as a table for a spreadsheet |
//! | [`json`] | the history with the facts of its run, to be read back |
//! | [`scores`] | ROC curve, calibration and distribution of probabilities |
//! | [`findings`] | what a model does on a split: scores, the strongest words, the surest mistakes |
//! | [`html`] | all of it as one page for a browser |
//! | [`sweep`] | the results of a sweep, to be read back, and their table |
//! | [`table`] | aligned text for the terminal, and the confusion matrix |

mod axis;
pub mod csv;
pub mod findings;
pub mod html;
pub mod json;
mod names;
pub mod plot;
pub mod scores;
pub mod sweep;
pub mod table;

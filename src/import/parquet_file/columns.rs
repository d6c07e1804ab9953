//! The rows of a parquet file, column by column: the only file here that names the parquet crate.

use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::Type;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::DataType;
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use crate::error::{Error, Result};
use crate::import::TextOptions;
use crate::import::lines::max_text;
use crate::import::row::{LabelUse, Row, Rows, wanted};
use crate::input;

/// Rows that are decoded at a time.
const ROWS: usize = 1024;

const REMEDY: &str = "get the file again, or write it with plain columns for text and label";

/// The rows of a file.
pub(super) struct Columns {
    reader: SerializedFileReader<File>,
    path: PathBuf,
    /// The places of text, label and split in the schema.
    places: [Option<usize>; 3],
    /// The row group that is read, and its columns in the order of `places`.
    group: usize,
    columns: [Option<ColumnReader>; 3],
    /// The values that are decoded, and how many rows have been taken of them.
    values: [Vec<Option<Vec<u8>>>; 3],
    taken: usize,
    row: u64,
    /// The most bytes of a review.
    longest: usize,
}

/// Opens the file at `path`.
///
/// # Errors
/// Those of [`input::open`], [`Error::Malformed`], and [`Error::Unfit`] where the columns are not there.
pub(super) fn open(path: &Path, options: &TextOptions, labels: LabelUse) -> Result<Columns> {
    let reader = SerializedFileReader::new(input::open(path)?);
    let reader = reader.map_err(|error| malformed(path, "the footer", &error))?;
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let names: Vec<String> = schema.columns().iter().map(|c| c.path().string()).collect();
    let mut places = [None; 3];
    for (place, wanted) in places.iter_mut().zip(wanted(options, labels)) {
        *place = wanted.find(path, &names)?;
    }
    for place in places.into_iter().flatten() {
        let column = schema.column(place);
        let is_text = column.physical_type() == Type::BYTE_ARRAY;
        if column.max_rep_level() > 0 || (Some(place) == places[0] && !is_text) {
            let place = format!("column {}", names[place]);
            return Err(Error::malformed(path, place, "it has other values than texts", REMEDY));
        }
    }
    Ok(Columns {
        reader,
        path: path.to_path_buf(),
        places,
        group: 0,
        columns: [const { None }; 3],
        values: [const { Vec::new() }; 3],
        taken: 0,
        row: 0,
        longest: max_text(options.max_text),
    })
}

fn malformed(path: &Path, place: &str, error: &ParquetError) -> Error {
    Error::malformed(path, place, error.to_string(), REMEDY)
}

impl Columns {
    /// Decodes more rows; false at the end.
    fn decode(&mut self) -> Result<bool> {
        self.taken = 0;
        loop {
            self.values.iter_mut().for_each(Vec::clear);
            for (column, values) in self.columns.iter_mut().zip(&mut self.values) {
                if let Some(column) = column {
                    let place = format!("row group {}", self.group);
                    read(column, values).map_err(|error| malformed(&self.path, &place, &error))?;
                }
            }
            let rows = self.values[0].len();
            for (values, place) in self.values.iter().zip(self.places) {
                if place.is_some() && values.len() != rows {
                    let place = format!("row group {}", self.group);
                    let problem = "its columns are not equally long";
                    return Err(Error::malformed(&self.path, place, problem, REMEDY));
                }
            }
            if rows > 0 {
                return Ok(true);
            }
            if self.group == self.reader.num_row_groups() {
                return Ok(false);
            }
            self.open_group()?;
        }
    }

    fn open_group(&mut self) -> Result<()> {
        let place = format!("row group {}", self.group + 1);
        let failed = |error| malformed(&self.path, &place, &error);
        let group = self.reader.get_row_group(self.group).map_err(failed)?;
        for (column, place) in self.columns.iter_mut().zip(self.places) {
            *column = match place {
                Some(place) => Some(group.get_column_reader(place).map_err(failed)?),
                None => None,
            };
        }
        self.group += 1;
        Ok(())
    }
}

impl Rows for Columns {
    fn next_row(&mut self) -> Result<Option<Row<'_>>> {
        if self.taken == self.values[0].len() && !self.decode()? {
            return Ok(None);
        }
        let taken = self.taken;
        self.taken += 1;
        self.row += 1;
        let [text, label, split] =
            [0, 1, 2].map(|column| self.values[column].get(taken).and_then(Option::as_deref));
        let failed = |problem: String, remedy| {
            Err(Error::malformed(&self.path, format!("row {}", self.row), problem, remedy))
        };
        let Some(text) = text else { return failed("its text is null".into(), REMEDY) };
        if text.len() > self.longest {
            let problem = format!("a review of {} bytes, of {} at most", text.len(), self.longest);
            return failed(problem, "leave it out, or raise --max-text");
        }
        Ok(Some(Row { number: self.row, text, label, split }))
    }
}

/// Reads the next values of a column as texts, none for null.
fn read(
    column: &mut ColumnReader,
    values: &mut Vec<Option<Vec<u8>>>,
) -> parquet::errors::Result<()> {
    match column {
        ColumnReader::ByteArrayColumnReader(column) => {
            read_as(column, values, |value| value.data().to_vec())
        }
        ColumnReader::Int32ColumnReader(column) => read_as(column, values, plain),
        ColumnReader::Int64ColumnReader(column) => read_as(column, values, plain),
        ColumnReader::BoolColumnReader(column) => read_as(column, values, plain),
        ColumnReader::FloatColumnReader(column) => read_as(column, values, plain),
        ColumnReader::DoubleColumnReader(column) => read_as(column, values, plain),
        _ => Err(ParquetError::General("a column is neither text nor number".into())),
    }
}

/// A number or a truth value as a text.
fn plain(value: &impl ToString) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn read_as<T: DataType>(
    column: &mut ColumnReaderImpl<T>,
    values: &mut Vec<Option<Vec<u8>>>,
    text: impl Fn(&T::T) -> Vec<u8>,
) -> parquet::errors::Result<()> {
    let (mut levels, mut found) = (Vec::new(), Vec::new());
    let (rows, _, _) = column.read_records(ROWS, Some(&mut levels), None, &mut found)?;
    if levels.is_empty() {
        values.extend(found.iter().map(|value| Some(text(value))));
        return Ok(());
    }
    // A level below the greatest is a null; where all are null, none is the greatest, and there is no value.
    let greatest = levels.iter().copied().max().unwrap_or(0);
    let mut found = found.iter();
    let all_null = found.len() == 0;
    values.extend(
        levels[..rows].iter().map(|&level| {
            if level == greatest && !all_null { found.next().map(&text) } else { None }
        }),
    );
    Ok(())
}

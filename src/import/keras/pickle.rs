//! A restricted unpickler: NumPy object arrays of lists of integers, and nothing else.
//!
//! A pickle is a program for a small stack machine, and a general unpickler calls whatever function it names. This one
//! knows only the opcodes of protocols 2 to 5 with which NumPy writes such an array, calls nothing, and refuses all
//! others by name. `pickletools` of Python's library documents the opcodes; `array_reduce` in NumPy's
//! `multiarray/methods.c` the calls that put an array together.
//!
//! There is no recursion, and every list of the machine is bounded: the stack and the number of lists by a constant,
//! the numbers by the bytes of the file.

use super::entry::{AS_LISTS, Entry};
use super::opcode;
use crate::error::{Error, Result};
use crate::import::ragged::Ragged;

/// What helps where rows are lists, but of NumPy's numbers.
const AS_INTEGERS: &str =
    "make each row a list of integers ([int(rank) for rank in row]) before numpy.savez";

/// Python pickles lists in batches of 1000, so that the stack stays small however long they are.
const MAX_STACK: usize = 1 << 16;

/// The most lists, rows and memoised values in one array.
const MAX_LISTS: usize = 1 << 24;

/// The most strings, and the most elements of tuples: both name and shape the array, and there are about 30 of them.
const MAX_PARTS: usize = 1 << 10;

/// The longest name and string.
const MAX_TEXT: usize = 255;

/// Reads the pickle of an object array of lists of integers.
///
/// # Errors
/// [`Error::Malformed`] with the byte offset.
pub(super) fn read(entry: &mut Entry<'_>) -> Result<Ragged> {
    let [proto, version] = entry.take()?;
    if proto != opcode::PROTO || !(2..=5).contains(&version) {
        return Err(entry.malformed(entry.offset() - 2, "it is no pickle of protocol 2 to 5"));
    }
    let mut machine = Machine {
        entry,
        at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        texts: Vec::new(),
        elements: Vec::new(),
        numbers: Vec::new(),
        starts: Vec::new(),
        outer: None,
        rows: Vec::new(),
        array: Array::Unmade,
    };
    while machine.step()? {}
    machine.finish()
}

/// What lies on the stack. What it refers to lies in flat arrays of the machine, so values are small and copied freely.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    None,
    Bool(bool),
    Int(i64),
    /// A string or bytes: which of `texts`.
    Text(u32),
    /// Which of `elements`.
    Tuple {
        start: u32,
        length: u32,
    },
    /// Which of `starts`.
    List(u32),
    Global(Global),
    /// The type "object", the only one that can be made.
    Dtype,
    /// The array, of which there is one.
    Array,
}

/// The names that a pickle may ask for. None of them is called: each stands for what it would make.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Global {
    Reconstruct,
    Ndarray,
    Dtype,
    /// How protocol 2 writes bytes.
    Encode,
}

/// How far the array has come.
#[derive(PartialEq)]
enum Array {
    Unmade,
    Empty,
    Built,
}

struct Machine<'m, 'e> {
    entry: &'m mut Entry<'e>,
    /// Where the opcode lies that is being executed.
    at: u64,
    stack: Vec<Value>,
    /// Stack heights.
    marks: Vec<usize>,
    memo: Vec<Value>,
    texts: Vec<String>,
    elements: Vec<Value>,
    /// The integers of all lists, end to end: only the newest list takes integers.
    numbers: Vec<u32>,
    /// Where in `numbers` each list starts; it ends where the next one starts.
    starts: Vec<usize>,
    /// The list that holds lists, of which there is one, and what it holds.
    outer: Option<u32>,
    rows: Vec<u32>,
    array: Array,
}

impl Machine<'_, '_> {
    /// Executes one opcode. Returns whether another one follows.
    fn step(&mut self) -> Result<bool> {
        self.at = self.entry.offset();
        match self.entry.byte()? {
            code @ (opcode::BININT1 | opcode::BININT2 | opcode::BININT | opcode::LONG1) => {
                let number = self.integer(code)?;
                self.push(Value::Int(number))?;
            }
            opcode::NONE => self.push(Value::None)?,
            opcode::NEWTRUE => self.push(Value::Bool(true))?,
            opcode::NEWFALSE => self.push(Value::Bool(false))?,
            opcode::SHORT_BINUNICODE | opcode::SHORT_BINBYTES | opcode::SHORT_BINSTRING => {
                let length = self.entry.byte()?.into();
                self.text(length)?;
            }
            opcode::BINUNICODE => {
                let length = self.four_bytes()?;
                self.text(length)?;
            }
            opcode::EMPTY_LIST => self.empty_list()?,
            opcode::APPEND => self.append_from(self.stack.len().saturating_sub(1))?,
            opcode::APPENDS => {
                let start = self.pop_mark()?;
                self.append_from(start)?;
            }
            opcode::MARK => self.mark()?,
            opcode::EMPTY_TUPLE => self.tuple_from(self.stack.len())?,
            size @ opcode::TUPLE1..=opcode::TUPLE3 => {
                let length = (size - opcode::TUPLE1 + 1) as usize;
                let start = self.stack.len().checked_sub(length);
                self.tuple_from(start.ok_or_else(|| self.short())?)?;
            }
            opcode::TUPLE => {
                let start = self.pop_mark()?;
                self.tuple_from(start)?;
            }
            opcode::GLOBAL => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(&module, &name)?;
            }
            opcode::STACK_GLOBAL => {
                let (name, module) = (self.pop_text()?, self.pop_text()?);
                self.global(&module, &name)?;
            }
            opcode::REDUCE => self.reduce()?,
            opcode::BUILD => self.build()?,
            code @ (opcode::MEMOIZE | opcode::BINPUT | opcode::LONG_BINPUT) => {
                let slot = self.slot(code)?;
                self.put(slot)?;
            }
            code @ (opcode::BINGET | opcode::LONG_BINGET) => {
                let slot = self.slot(code)?;
                self.get(slot)?;
            }
            // Frames only tell how much to read ahead.
            opcode::FRAME => drop(self.entry.take::<8>()?),
            opcode::STOP => return Ok(false),
            other => {
                let name = opcode::name(other);
                let problem = format!("opcode {name} is none that an array of lists needs");
                return Err(self.refuse_type(problem));
            }
        }
        Ok(true)
    }

    /// An error at the present opcode.
    fn refuse(&self, problem: impl Into<String>) -> Error {
        self.entry.malformed(self.at, problem)
    }

    /// The same of what a sound array of other things has there.
    fn refuse_type(&self, problem: impl Into<String>) -> Error {
        self.entry.unfit(self.at, problem, AS_LISTS)
    }

    fn short(&self) -> Error {
        self.refuse("the pickle's stack has too few values here")
    }

    fn push(&mut self, value: Value) -> Result<()> {
        if self.stack.len() == MAX_STACK {
            return Err(self.refuse(format!("more than {MAX_STACK} values on the pickle's stack")));
        }
        self.stack.push(value);
        Ok(())
    }

    fn pop(&mut self) -> Result<Value> {
        self.stack.pop().ok_or_else(|| self.short())
    }

    fn mark(&mut self) -> Result<()> {
        if self.marks.len() == MAX_PARTS {
            return Err(self.refuse(format!("more than {MAX_PARTS} open marks")));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    /// The height of the stack at the last mark.
    fn pop_mark(&mut self) -> Result<usize> {
        match self.marks.pop() {
            Some(height) if height <= self.stack.len() => Ok(height),
            _ => Err(self.refuse("no mark to go back to")),
        }
    }

    /// A length or a slot.
    fn four_bytes(&mut self) -> Result<usize> {
        Ok(u32::from_le_bytes(self.entry.take()?) as usize)
    }

    /// The operand of an opcode that pushes an integer.
    fn integer(&mut self, code: u8) -> Result<i64> {
        Ok(match code {
            opcode::BININT1 => self.entry.byte()?.into(),
            opcode::BININT2 => u16::from_le_bytes(self.entry.take()?).into(),
            opcode::BININT => i32::from_le_bytes(self.entry.take()?).into(),
            _ => self.long()?,
        })
    }

    /// An integer of up to eight bytes, in two's complement.
    fn long(&mut self) -> Result<i64> {
        let length = self.entry.byte()? as usize;
        if length > 8 {
            return Err(self.refuse(format!("an integer of {length} bytes")));
        }
        let mut bytes = [0; 8];
        self.entry.fill(&mut bytes[8 - length..])?;
        // The shift fills up with the sign; without any bytes all are zero already.
        Ok(i64::from_le_bytes(bytes) >> (8 * (8 - length)).min(63))
    }

    /// The operand of an opcode that keeps or fetches a value.
    fn slot(&mut self, code: u8) -> Result<usize> {
        match code {
            opcode::MEMOIZE => Ok(self.memo.len()),
            opcode::BINPUT | opcode::BINGET => Ok(self.entry.byte()?.into()),
            _ => self.four_bytes(),
        }
    }

    fn text(&mut self, length: usize) -> Result<()> {
        if length > MAX_TEXT || self.texts.len() == MAX_PARTS {
            return Err(self.refuse_type("a string, where an array of lists has integers"));
        }
        let mut bytes = [0; MAX_TEXT];
        self.entry.fill(&mut bytes[..length])?;
        self.push_text(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    fn push_text(&mut self, text: String) -> Result<()> {
        self.texts.push(text);
        self.push(Value::Text(self.texts.len() as u32 - 1))
    }

    fn pop_text(&mut self) -> Result<String> {
        match self.pop()? {
            Value::Text(text) => Ok(self.texts[text as usize].clone()),
            _ => Err(self.refuse("a name that is no string")),
        }
    }

    /// A name in the opcode itself, up to the line break.
    fn line(&mut self) -> Result<String> {
        let mut bytes = Vec::new();
        loop {
            match self.entry.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&bytes).into_owned()),
                _ if bytes.len() == MAX_TEXT => return Err(self.refuse("a name without end")),
                byte => bytes.push(byte),
            }
        }
    }

    fn global(&mut self, module: &str, name: &str) -> Result<()> {
        let global = match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => {
                Global::Reconstruct
            }
            ("numpy", "ndarray") => Global::Ndarray,
            ("numpy", "dtype") => Global::Dtype,
            ("_codecs", "encode") => Global::Encode,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => {
                let problem = "a number of NumPy's, where an array of lists has integers";
                return Err(self.entry.unfit(self.at, problem, AS_INTEGERS));
            }
            _ => {
                let asked = format!("{module}.{name}").escape_debug().to_string();
                return Err(self.refuse(format!(
                    "it asks for {asked}, which no array of lists of integers needs; nothing was run"
                )));
            }
        };
        self.push(Value::Global(global))
    }

    fn tuple_from(&mut self, start: usize) -> Result<()> {
        let length = self.stack.len() - start;
        if self.elements.len() + length > MAX_PARTS {
            return Err(self.refuse_type("a tuple, where an array of lists has lists"));
        }
        let tuple = Value::Tuple { start: self.elements.len() as u32, length: length as u32 };
        self.elements.extend(self.stack.drain(start..));
        self.push(tuple)
    }

    /// The elements of a tuple on top of the stack.
    fn pop_tuple(&mut self) -> Result<Vec<Value>> {
        match self.pop()? {
            Value::Tuple { start, length } => {
                Ok(self.elements[start as usize..][..length as usize].to_vec())
            }
            _ => Err(self.refuse("no tuple where a call or a state needs one")),
        }
    }

    fn is_text(&self, value: Value, allowed: &[&str]) -> bool {
        matches!(value, Value::Text(text) if allowed.contains(&self.texts[text as usize].as_str()))
    }

    fn empty_list(&mut self) -> Result<()> {
        if self.starts.len() == MAX_LISTS {
            return Err(self.refuse(format!("more than {MAX_LISTS} lists")));
        }
        self.starts.push(self.numbers.len());
        self.push(Value::List(self.starts.len() as u32 - 1))
    }

    /// Where the integers of a list lie.
    fn range(&self, list: u32) -> std::ops::Range<usize> {
        let end = self.starts.get(list as usize + 1).copied();
        self.starts[list as usize]..end.unwrap_or(self.numbers.len())
    }

    /// Appends the values from height `start` on to the list below them.
    fn append_from(&mut self, start: usize) -> Result<()> {
        let Some(&Value::List(list)) = self.stack[..start].last() else {
            return Err(self.refuse("no list to append to"));
        };
        for at in start..self.stack.len() {
            match self.stack[at] {
                Value::Int(number) => self.append_number(list, number)?,
                Value::List(row) => self.append_row(list, row)?,
                other => {
                    let problem = format!("a list holds {}, not integers", describe(other));
                    return Err(self.refuse_type(problem));
                }
            }
        }
        self.stack.truncate(start);
        Ok(())
    }

    fn append_number(&mut self, list: u32, number: i64) -> Result<()> {
        if list as usize + 1 != self.starts.len() || self.outer == Some(list) {
            return Err(self.refuse("an integer outside the innermost list"));
        }
        let number = u32::try_from(number)
            .map_err(|_| self.refuse(format!("{number} cannot be a word's rank")))?;
        self.numbers.push(number);
        Ok(())
    }

    fn append_row(&mut self, list: u32, row: u32) -> Result<()> {
        let outer = *self.outer.get_or_insert(list);
        if outer != list || outer == row || !self.range(list).is_empty() {
            return Err(self.refuse("lists are nested otherwise than as a list of lists"));
        }
        if self.rows.len() == MAX_LISTS {
            return Err(self.refuse(format!("more than {MAX_LISTS} rows")));
        }
        self.rows.push(row);
        Ok(())
    }

    /// Keeps the top of the stack. Pickles number what they keep from 0, Python 2 from 1.
    fn put(&mut self, slot: usize) -> Result<()> {
        let value = *self.stack.last().ok_or_else(|| self.short())?;
        if slot >= MAX_LISTS || slot > self.memo.len() + 1 {
            return Err(self.refuse(format!("memo entry {slot} follows entry {}", self.memo.len())));
        }
        if slot >= self.memo.len() {
            self.memo.resize(slot + 1, Value::None);
        }
        self.memo[slot] = value;
        Ok(())
    }

    fn get(&mut self, slot: usize) -> Result<()> {
        let value = self.memo.get(slot).copied();
        let value = value.ok_or_else(|| self.refuse(format!("there is no memo entry {slot}")))?;
        self.push(value)
    }

    /// Stands in for a call: pops arguments and callable, pushes what the call would return.
    fn reduce(&mut self) -> Result<()> {
        let arguments = self.pop_tuple()?;
        let callable = self.pop()?;
        let (&Value::Global(global), arguments) = (&callable, arguments.as_slice()) else {
            return Err(self.refuse(format!("it calls {}", describe(callable))));
        };
        let value = match (global, arguments) {
            (Global::Encode, &[text, encoding]) if self.is_text(encoding, &["latin1"]) => text,
            (Global::Dtype, &[name, ..]) if self.is_text(name, &["O", "O4", "O8", "|O"]) => {
                Value::Dtype
            }
            (Global::Reconstruct, &[Value::Global(Global::Ndarray), Value::Tuple { .. }, _])
                if self.array == Array::Unmade =>
            {
                self.array = Array::Empty;
                Value::Array
            }
            _ => {
                return Err(self.refuse_type("a call that does not make an object array"));
            }
        };
        self.push(value)
    }

    /// Pops a state and gives it to the object below, which stays.
    fn build(&mut self) -> Result<()> {
        let state = self.pop_tuple()?;
        match (self.stack.last(), state.as_slice()) {
            // Byte order and the like, which objects do not have.
            (Some(Value::Dtype), _) => Ok(()),
            (
                Some(Value::Array),
                &[
                    Value::Int(1),
                    Value::Tuple { start, length: 1 },
                    Value::Dtype,
                    Value::Bool(_),
                    Value::List(list),
                ],
            ) if self.array == Array::Empty => {
                let is_outer = match self.outer {
                    Some(outer) => outer == list,
                    None => self.range(list).is_empty(),
                };
                if !is_outer {
                    return Err(self.refuse("the array does not hold the lists"));
                }
                if self.elements[start as usize] != Value::Int(self.rows.len() as i64) {
                    let problem = format!("the array's shape is not ({},)", self.rows.len());
                    return Err(self.refuse(problem));
                }
                self.array = Array::Built;
                Ok(())
            }
            _ => Err(self.refuse("a state that is not that of an array with one dimension")),
        }
    }

    /// The rows of the array, once the program has stopped.
    fn finish(self) -> Result<Ragged> {
        if self.stack != [Value::Array] || self.array != Array::Built {
            return Err(self.refuse("the pickle ends without an array"));
        }
        let ranges: Vec<_> = self.rows.iter().map(|&row| self.range(row)).collect();
        // A list can be named twice in few bytes. Were there no limit, a small file could hold reviews without end.
        let words: usize = ranges.iter().map(|range| range.len()).sum();
        if words as u64 > self.entry.offset() {
            let problem =
                "the same lists are repeated until they hold more words than the array has bytes";
            return Err(self.refuse(problem));
        }
        Ok(Ragged { numbers: self.numbers, ranges })
    }
}

/// What kind of value this is, for error texts.
fn describe(value: Value) -> &'static str {
    match value {
        Value::None => "None",
        Value::Bool(_) => "a boolean",
        Value::Int(_) => "an integer",
        Value::Text(_) => "a string",
        Value::Tuple { .. } => "a tuple",
        Value::List(_) => "a list",
        Value::Global(_) => "a function",
        Value::Dtype => "a type",
        Value::Array => "an array",
    }
}

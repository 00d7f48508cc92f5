//! Records of a table, one by one: most lines have no quotes, and are cut at their commas; all others are read by the library.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
};

use ferry_core::limits::VALUE_MAX_BYTES;

/// How much of a file is read at once.
const READ_BYTES: usize = 1 << 18;

/// Reads records.
pub(super) struct Records {
    lines: BufReader<File>,
    line: Vec<u8>,
    record: Record,
    number: u64,
    bytes: u64,
}

/// The cells of a record, one behind the other.
#[derive(Default)]
pub(super) struct Record {
    text: String,
    ends: Vec<usize>,
}

impl Record {
    /// A cell, without the space around it; empty where there is none.
    pub(super) fn get(&self, index: usize) -> &str {
        let Some(end) = self.ends.get(index) else { return "" };
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text[start..*end].trim()
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).map(|index| self.get(index))
    }

    fn push(&mut self, cell: &str) {
        self.text.push_str(cell);
        self.ends.push(self.text.len());
    }
}

impl Records {
    pub(super) fn new(file: File) -> Self {
        let lines = BufReader::with_capacity(READ_BYTES, file);
        Self { lines, line: Vec::new(), record: Record::default(), number: 0, bytes: 0 }
    }

    /// The number of the line that was read last, from 1.
    pub(super) fn line_number(&self) -> u64 {
        self.number
    }

    /// How much of the file has been read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next record; nothing at the end. Empty lines are none.
    pub(super) fn next(&mut self) -> Result<Option<&Record>, String> {
        loop {
            self.line.clear();
            if !self.add_line()? {
                return Ok(None);
            }
            if !self.line.iter().all(u8::is_ascii_whitespace) {
                break;
            }
        }
        // A cell in quotes may go on behind the end of a line.
        let mut quoting = Quoting::default();
        quoting.read(&self.line);
        while quoting.is_inside {
            let before = self.line.len();
            if !self.add_line()? {
                return Err("a quote is not closed".to_owned());
            }
            quoting.read(&self.line[before..]);
        }
        self.record.text.clear();
        self.record.ends.clear();
        if quoting.has_quoted {
            self.quoted()?;
        } else {
            let text = std::str::from_utf8(&self.line).map_err(|_| "it is no UTF-8".to_owned())?;
            text.trim_end_matches(['\r', '\n']).split(',').for_each(|cell| self.record.push(cell));
        }
        Ok(Some(&self.record))
    }

    /// Whether there was another line, which stands behind what is there.
    fn add_line(&mut self) -> Result<bool, String> {
        let room = VALUE_MAX_BYTES.saturating_sub(self.line.len());
        let most = u64::try_from(room).unwrap_or(u64::MAX);
        let read = self
            .lines
            .by_ref()
            .take(most)
            .read_until(b'\n', &mut self.line)
            .map_err(|error: io::Error| error.to_string())?;
        if room == 0 || (read == room && self.line.last() != Some(&b'\n')) {
            return Err(format!("it is longer than {VALUE_MAX_BYTES} bytes; is a quote not closed?"));
        }
        self.number += u64::from(read > 0);
        self.bytes += read as u64;
        Ok(read > 0)
    }

    fn quoted(&mut self) -> Result<(), String> {
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(self.line.as_slice());
        let mut record = csv::StringRecord::new();
        let wrong = |error: csv::Error| error.to_string();
        reader.read_record(&mut record).map_err(wrong)?;
        record.iter().for_each(|cell| self.record.push(cell));
        // Nothing that was read may be passed over.
        if reader.read_record(&mut record).map_err(wrong)? {
            return Err("its quotes do not say where it ends".to_owned());
        }
        Ok(())
    }
}

/// Where quotes are: only at the start of a cell does one open, and all others are letters.
#[derive(Default)]
struct Quoting {
    is_inside: bool,
    has_quoted: bool,
}

impl Quoting {
    fn read(&mut self, line: &[u8]) {
        if !self.is_inside && !line.contains(&b'"') {
            return;
        }
        let (mut is_start, mut bytes) = (!self.is_inside, line.iter().peekable());
        while let Some(byte) = bytes.next() {
            match byte {
                b'"' if self.is_inside && bytes.peek() == Some(&&b'"') => drop(bytes.next()),
                b'"' if self.is_inside => self.is_inside = false,
                b'"' if is_start => (self.is_inside, self.has_quoted) = (true, true),
                _ => {}
            }
            is_start = !self.is_inside && *byte == b',';
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Seek as _, Write as _};

    use super::*;

    fn read(text: &[u8]) -> Result<Vec<Vec<String>>, String> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        file.rewind().unwrap();
        let (mut records, mut all) = (Records::new(file), Vec::new());
        while let Some(record) = records.next()? {
            all.push(record.iter().map(str::to_owned).collect());
        }
        Ok(all)
    }

    /// As the library reads it, whatever has quotes and whatever has not.
    #[test]
    fn records_are_those_of_the_library() {
        let text = "a, b ,c\r\n1,\"x, \"\"y\"\"\",\n\n2,\"two\nlines\",ü\n3,,";
        let mut reader = csv::ReaderBuilder::new().has_headers(false).trim(csv::Trim::All).from_reader(text.as_bytes());
        let expected: Vec<Vec<String>> =
            reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect();
        assert_eq!(read(text.as_bytes()).unwrap(), expected);
        // A quote inside a cell is a letter, and takes no line along.
        let inches = b"P-1,5\" pipe\nP-2,x\nP-3,6\" pipe\n";
        assert_eq!(read(inches).unwrap(), [["P-1", "5\" pipe"], ["P-2", "x"], ["P-3", "6\" pipe"]]);
        assert_eq!(read(b"a\n\"b"), Err("a quote is not closed".to_owned()));
        assert_eq!(read(b"a\n\xff\n"), Err("it is no UTF-8".to_owned()));
    }
}

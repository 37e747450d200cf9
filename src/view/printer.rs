//! The only place that writes to the terminal: data to stdout, everything else to stderr.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use anstream::{AutoStream, ColorChoice};

/// Writes text that was built with colours, taking them out where they are not wanted.
///
/// A reader that goes away (`mlinfra outputs dev | head -1`) is no error: what is written afterwards is dropped and
/// the operation goes on.
#[derive(Clone)]
pub struct Printer {
    stdout: Stream,
    stderr: Stream,
    terminal: Terminal,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// Where NO_COLOR, CLICOLOR_FORCE, TERM and the terminal want it.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What is known about where the text goes.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// How many columns text for people may take.
    pub width: usize,
    /// Whether stderr is a terminal whose lines can be rewritten.
    pub live: bool,
    /// Whether stderr takes colours.
    pub colour: bool,
}

/// Text that is not for a terminal is wrapped here: wide enough for logs, narrow enough to be read.
const WIDTH_WITHOUT_TERMINAL: usize = 100;
const NARROWEST: usize = 60;
const WIDEST: usize = 120;

impl Printer {
    /// A printer to the process's own streams; `term` is the environment's `TERM`: `dumb` cannot rewrite a line.
    pub fn new(colour: Colour, term: Option<&str>) -> Self {
        let choice = match colour {
            Colour::Auto => ColorChoice::Auto,
            Colour::Always => ColorChoice::Always,
            Colour::Never => ColorChoice::Never,
        };
        let stdout = AutoStream::new(std::io::stdout(), choice);
        let stderr = AutoStream::new(std::io::stderr(), choice);
        let width = terminal_size::terminal_size()
            .map_or(WIDTH_WITHOUT_TERMINAL, |(width, _)| usize::from(width.0))
            .clamp(NARROWEST, WIDEST);
        let terminal = Terminal {
            width,
            live: std::io::stderr().is_terminal() && term != Some("dumb"),
            colour: stderr.current_choice() != ColorChoice::Never,
        };
        Self {
            stdout: Stream::new(stdout),
            stderr: Stream::new(stderr),
            terminal,
        }
    }

    /// A printer that keeps what it is given, without colours, 80 columns wide, and the two texts: stdout, stderr.
    pub fn captured() -> (Self, Captured, Captured) {
        let (stdout, stderr) = (Captured::default(), Captured::default());
        let printer = Self {
            stdout: Stream::new(anstream::StripStream::new(
                Box::new(stdout.clone()) as Box<dyn Write + Send>
            )),
            stderr: Stream::new(anstream::StripStream::new(
                Box::new(stderr.clone()) as Box<dyn Write + Send>
            )),
            terminal: Terminal {
                width: 80,
                live: false,
                colour: false,
            },
        };
        (printer, stdout, stderr)
    }

    /// Where the text goes.
    pub fn terminal(&self) -> Terminal {
        self.terminal
    }

    /// Writes what was asked for to stdout; ends the line if `text` does not.
    pub fn data(&self, text: &str) {
        self.stdout.write(text);
    }

    /// Writes everything else to stderr; ends the line if `text` does not.
    pub fn say(&self, text: &str) {
        self.stderr.write(text);
    }

    /// Writes a question to stderr and leaves the cursor behind it.
    pub fn ask(&self, text: &str) {
        self.stderr.write_raw(text);
    }

    /// Why stdout did not take all that was written to it, such as a full disk; a reader that went away is no reason.
    pub fn unwritten(&self) -> Option<&str> {
        self.stdout.1.get().map(String::as_str)
    }

    /// Writes bytes as they are to stdout.
    pub fn bytes(&self, bytes: &[u8]) {
        self.stdout.write_bytes(bytes);
    }
}

#[derive(Clone)]
struct Stream(Arc<Mutex<Option<Box<dyn Write + Send>>>>, Arc<OnceLock<String>>);

impl Stream {
    fn new(writer: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Some(Box::new(writer)))), Arc::default())
    }

    fn write(&self, text: &str) {
        if text.is_empty() {
            return;
        }
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.write_raw(&format!("{text}{end}"));
    }

    fn write_raw(&self, text: &str) {
        self.write_bytes(text.as_bytes());
    }

    fn write_bytes(&self, bytes: &[u8]) {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let written = writer
            .as_mut()
            .map_or(Ok(()), |writer| writer.write_all(bytes).and_then(|()| writer.flush()));
        if let Err(error) = written {
            if error.kind() != std::io::ErrorKind::BrokenPipe {
                // Only the first reason counts.
                let _ = self.1.set(error.to_string());
            }
            *writer = None;
        }
    }
}

/// Text that a captured printer was given.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_goes_away_is_no_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let stream = Stream::new(Gone);
        stream.write("one");
        stream.write("two");
        assert!(stream.0.lock().unwrap().is_none());
        assert_eq!(stream.1.get(), None);
    }

    #[test]
    fn a_full_disk_is_remembered() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let (mut printer, _, _) = Printer::captured();
        printer.stdout = Stream::new(Full);
        printer.data("a plan that a later step wants to read");
        assert!(printer.unwritten().is_some());
    }

    #[test]
    fn colours_are_taken_out_where_they_are_not_wanted() {
        let (printer, stdout, stderr) = Printer::captured();
        printer.data("\u{1b}[31mred\u{1b}[0m");
        printer.say("said");
        assert_eq!((stdout.text().as_str(), stderr.text().as_str()), ("red\n", "said\n"));
    }
}

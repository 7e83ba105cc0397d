//! Programs on a terminal, looked at through a terminal emulator: what a person would type and see.
//!
//! `screen` is the person; `line` tests what the terminal itself does, `shell` bash and job control, `editors` the programs that take
//! the whole screen, `prompts` those that read lines their own way.

mod editors;
mod line;
mod prompts;
mod screen;
mod shell;

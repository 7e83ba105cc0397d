//! File descriptors: the numbers a process has for its open files.

mod table;

pub use table::FdTable;

//! Reading a tar stream, entry by entry: [`Entries`].

use std::io::{ErrorKind, Read};

use cenote_abi::fs::Timespec;
use tar::{EntryType, GnuExtSparseHeader, Header, PaxExtensions};

use super::{BLOCK, Failure};

/// The most that one header's records, or one long name, may have.
const MAX_RECORDS: u64 = 1 << 20;
/// The most pieces a file with holes may have.
const MAX_EXTENTS: usize = 1 << 20;

/// One file of a stream.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) link: Vec<u8>,
    pub(super) kind: EntryType,
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: Timespec,
    /// In bytes, holes included.
    pub(super) size: u64,
    /// Where the data lie.
    pub(super) extents: Vec<(u64, u64)>,
    pub(super) device: (u32, u32),
}

/// What headers before a file's own say of it.
#[derive(Clone, Debug, Default)]
struct Before {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u64>,
    gid: Option<u64>,
    mtime: Option<Timespec>,
}

/// A tar stream.
pub(super) struct Entries<R> {
    input: R,
    /// Bytes of the entry's data that nobody has read, and of what fills its last block.
    data: u64,
    padding: u64,
    /// Said for all that follows.
    global: Before,
}

impl<R: Read> Entries<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            data: 0,
            padding: 0,
            global: Before::default(),
        }
    }

    /// The next file; nothing at the end.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Failure> {
        let mut before = self.global.clone();
        loop {
            self.skip()?;
            let Some(header) = self.header()? else {
                return Ok(None);
            };
            let size = header.entry_size()?;
            self.take(size);
            match header.entry_type() {
                EntryType::XHeader => before.add(&self.records()?)?,
                EntryType::XGlobalHeader => {
                    let records = self.records()?;
                    self.global.add(&records)?;
                    before.add(&records)?;
                }
                EntryType::GNULongName => before.path = Some(until_nul(self.records()?)),
                EntryType::GNULongLink => before.link = Some(until_nul(self.records()?)),
                kind => return self.entry(&header, kind, before).map(Some),
            }
        }
    }

    /// Reads data of the entry that was answered last; 0 at its end.
    pub(super) fn read(&mut self, buf: &mut [u8]) -> Result<usize, Failure> {
        let room = usize::try_from(self.data)
            .unwrap_or(usize::MAX)
            .min(buf.len());
        let Some(buf) = buf.get_mut(..room).filter(|buf| !buf.is_empty()) else {
            return Ok(0);
        };
        match self.input.read(buf)? {
            0 => Err(Failure::format("the stream ends in the middle of a file")),
            count => {
                self.data -= count as u64;
                Ok(count)
            }
        }
    }

    fn take(&mut self, size: u64) {
        self.data = size;
        let block = BLOCK as u64;
        self.padding = (block - size % block) % block;
    }

    /// Passes over what is left of the entry.
    fn skip(&mut self) -> Result<(), Failure> {
        let mut buf = vec![0; 64 << 10];
        while self.read(&mut buf)? > 0 {}
        self.data = std::mem::take(&mut self.padding);
        while self.read(&mut buf)? > 0 {}
        Ok(())
    }

    fn block(&mut self) -> Result<Option<[u8; BLOCK]>, Failure> {
        let mut block = [0; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.input.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(Failure::format("the stream ends in the middle of a header")),
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(block))
    }

    /// The next header; nothing at the end.
    fn header(&mut self) -> Result<Option<Header>, Failure> {
        let Some(block) = self.block()? else {
            return Ok(None);
        };
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let mut header = Header::new_old();
        header.as_mut_bytes().copy_from_slice(&block);
        // The sum counts its own field as spaces.
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        let own: u32 = block
            .get(148..156)
            .unwrap_or_default()
            .iter()
            .map(|byte| u32::from(*byte))
            .sum();
        let expected = sum - own + 8 * u32::from(b' ');
        if header.cksum().ok() == Some(expected) {
            fill_numbers(header.as_mut_bytes());
            Ok(Some(header))
        } else {
            Err(Failure::format(
                "not a tar stream, or a damaged one: a header's sum is wrong",
            ))
        }
    }

    /// The data of a header that says something of the next.
    fn records(&mut self) -> Result<Vec<u8>, Failure> {
        if self.data > MAX_RECORDS {
            return Err(Failure::format("a header is beyond 1 MiB"));
        }
        let mut records = vec![0; usize::try_from(self.data).unwrap_or(0)];
        let mut filled = 0;
        while let Some(rest) = records.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            filled += self.read(rest)?;
        }
        Ok(records)
    }

    fn entry(
        &mut self,
        header: &Header,
        kind: EntryType,
        before: Before,
    ) -> Result<Entry, Failure> {
        let path = before
            .path
            .unwrap_or_else(|| header.path_bytes().into_owned());
        let stored = before.size.unwrap_or(self.data);
        self.take(stored);
        let (mut size, mut extents) = (stored, vec![(0, stored)]);
        if kind == EntryType::GNUSparse {
            (size, extents) = self.sparse(header, stored)?;
        }
        let link = before
            .link
            .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
        let own = |id: u64| {
            u32::try_from(id).map_err(|_| Failure::format(format!("{id} is no user or group")))
        };
        let mtime = match before.mtime {
            Some(mtime) => mtime,
            None => Timespec {
                sec: i64::try_from(header.mtime()?).unwrap_or(i64::MAX),
                nsec: 0,
            },
        };
        let device = |part: std::io::Result<Option<u32>>| part.ok().flatten().unwrap_or(0);
        Ok(Entry {
            path,
            link: link.unwrap_or_default(),
            kind,
            mode: header.mode()? & 0o7777,
            uid: own(before.uid.map_or_else(|| header.uid(), Ok)?)?,
            gid: own(before.gid.map_or_else(|| header.gid(), Ok)?)?,
            mtime,
            size,
            extents,
            device: (device(header.device_major()), device(header.device_minor())),
        })
    }

    /// Size and data of a file with holes.
    fn sparse(&mut self, header: &Header, stored: u64) -> Result<(u64, Vec<(u64, u64)>), Failure> {
        let bad = || Failure::format("a file's holes make no sense");
        let gnu = header.as_gnu().ok_or_else(bad)?;
        let size = gnu.real_size()?;
        let mut extents = Vec::new();
        let mut sum = 0_u64;
        let mut end = 0_u64;
        let mut add = |offset: u64, len: u64| -> Result<(), Failure> {
            let next = offset.checked_add(len).filter(|next| *next <= size);
            if offset < end || extents.len() >= MAX_EXTENTS {
                return Err(bad());
            }
            end = next.ok_or_else(bad)?;
            sum = sum.checked_add(len).ok_or_else(bad)?;
            if len > 0 {
                extents.push((offset, len));
            }
            Ok(())
        };
        for slot in gnu.sparse.iter().filter(|slot| !slot.is_empty()) {
            add(slot.offset()?, slot.length()?)?;
        }
        let mut goes_on = gnu.is_extended();
        while goes_on {
            let block = self.block()?.ok_or_else(bad)?;
            let mut more = GnuExtSparseHeader::new();
            more.as_mut_bytes().copy_from_slice(&block);
            for slot in more.sparse().iter().filter(|slot| !slot.is_empty()) {
                add(slot.offset()?, slot.length()?)?;
            }
            goes_on = more.is_extended();
        }
        if sum == stored {
            Ok((size, extents))
        } else {
            Err(bad())
        }
    }
}

impl Before {
    fn add(&mut self, records: &[u8]) -> Result<(), Failure> {
        for record in PaxExtensions::new(records) {
            let record = record?;
            let number = || -> Result<u64, Failure> {
                let text = record
                    .value()
                    .map_err(|_| Failure::format("a record is no text"))?;
                text.parse()
                    .map_err(|_| Failure::format(format!("`{text}` is no number")))
            };
            match record.key_bytes() {
                b"path" => self.path = Some(record.value_bytes().to_vec()),
                b"linkpath" => self.link = Some(record.value_bytes().to_vec()),
                b"size" => self.size = Some(number()?),
                b"uid" => self.uid = Some(number()?),
                b"gid" => self.gid = Some(number()?),
                b"mtime" => self.mtime = Some(time(record.value_bytes())?),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(Failure::format(
                        "files with holes in PAX form are not understood; GNU's older form is (tar --format=gnu)",
                    ));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Writes a zero where mode, owner, group, size or time are left empty.
fn fill_numbers(header: &mut [u8; BLOCK]) {
    for field in [100..108, 108..116, 116..124, 124..136, 136..148] {
        if let Some(field) = header.get_mut(field)
            && field.iter().all(|byte| matches!(byte, 0 | b' '))
            && let Some(first) = field.first_mut()
        {
            *first = b'0';
        }
    }
}

/// A time as records write it: seconds with a fraction, perhaps negative.
fn time(text: &[u8]) -> Result<Timespec, Failure> {
    let bad = || Failure::format(format!("`{}` is no time", String::from_utf8_lossy(text)));
    let text = std::str::from_utf8(text).map_err(|_| bad())?;
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let sec: i64 = whole.parse().map_err(|_| bad())?;
    let mut nsec = 0_u32;
    let mut unit = 100_000_000;
    for digit in fraction.bytes() {
        if !digit.is_ascii_digit() {
            return Err(bad());
        }
        nsec += u32::from(digit - b'0') * unit;
        unit /= 10;
    }
    if sec < 0 {
        return Err(bad());
    }
    Ok(match (is_negative, nsec) {
        (false, nsec) => Timespec { sec, nsec },
        (true, 0) => Timespec { sec: -sec, nsec: 0 },
        (true, nsec) => Timespec {
            sec: -sec - 1,
            nsec: 1_000_000_000 - nsec,
        },
    })
}

fn until_nul(mut name: Vec<u8>) -> Vec<u8> {
    if let Some(end) = name.iter().position(|byte| *byte == 0) {
        name.truncate(end);
    }
    name
}

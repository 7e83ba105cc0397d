//! Writing files as tar: [`Packer`].

use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use cenote_abi::Errno;
use cenote_abi::fs::{DeviceId, FileType, Stat, Whence};
use cenote_base::SysResult;
use cenote_vfs::Inode;
use cenote_vfs::fs::tmpfs::Change;
use tar::{EntryType, GnuExtSparseHeader, Header};

use super::{BLOCK, Failure, OPAQUE, WHITEOUT};

/// What is read and written at once.
const CHUNK: usize = 64 << 10;
/// Holes are looked for in pages of this size.
const PAGE: usize = 4 << 10;
/// Files whose pages of zeros make up this much are written without them.
const SPARSE_FROM: u64 = 64 << 10;
/// What a name field of the header holds.
const NAME: usize = 100;

/// Writes one tar stream.
pub(crate) struct Packer<W> {
    out: W,
    /// The first names of files that have several, by their numbers.
    linked: HashMap<u64, Vec<u8>>,
    entries: u64,
    /// Why writing ended, while the walk that tells the files knows of errnos only.
    failure: Option<Failure>,
}

/// Where the data of a file lie: offsets and lengths.
type Extents = Vec<(u64, u64)>;

impl<W: Write> Packer<W> {
    pub(crate) fn new(out: W) -> Self {
        Self {
            out,
            linked: HashMap::new(),
            entries: 0,
            failure: None,
        }
    }

    /// Writes what a walk tells; to be given to it.
    pub(crate) fn tell(&mut self, path: &[u8], change: &Change) -> SysResult {
        let written = match change {
            Change::File(inode) => self.file(path, inode),
            Change::Gone => self.mark(&beside(path, WHITEOUT)),
            Change::Opaque => {
                let mut name = path.to_vec();
                if !name.is_empty() {
                    name.push(b'/');
                }
                name.extend_from_slice(OPAQUE);
                self.mark(&name)
            }
        };
        written.map_err(|failure| {
            self.failure = Some(failure);
            Errno::EIO.into()
        })
    }

    /// Ends the stream after a walk; tells how many files it has.
    pub(crate) fn finish(mut self, walked: SysResult) -> Result<u64, Failure> {
        if let Some(failure) = self.failure.take() {
            return Err(failure);
        }
        walked.map_err(Failure::file(b"/"))?;
        self.out.write_all(&[0; 2 * BLOCK])?;
        self.out.flush()?;
        Ok(self.entries)
    }

    /// An empty file whose name says something.
    fn mark(&mut self, path: &[u8]) -> Result<(), Failure> {
        let mut header = Header::new_ustar();
        header.set_entry_type(EntryType::Regular);
        header.set_mode(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        self.head(header, path, &[], Vec::new(), 0)
    }

    fn file(&mut self, path: &[u8], inode: &Arc<dyn Inode>) -> Result<(), Failure> {
        let stat = inode.stat().map_err(Failure::file(path))?;
        let kind = inode.file_type();
        let (entry, name) = match kind {
            FileType::Directory if path.is_empty() => (EntryType::Directory, b"./".to_vec()),
            FileType::Directory => (EntryType::Directory, [path, b"/"].concat()),
            FileType::Regular => (EntryType::Regular, path.to_vec()),
            FileType::Symlink => (EntryType::Symlink, path.to_vec()),
            FileType::Fifo => (EntryType::Fifo, path.to_vec()),
            FileType::CharDevice => (EntryType::Char, path.to_vec()),
            FileType::BlockDevice => (EntryType::Block, path.to_vec()),
            // A socket's name means nothing without who listens; tar has no word for it.
            FileType::Socket => return Ok(()),
        };
        self.entries += 1;
        let (mut header, records) = attributes(&stat)?;
        if kind != FileType::Directory && stat.nlink > 1 {
            if let Some(first) = self.linked.get(&stat.ino).cloned() {
                header.set_entry_type(EntryType::Link);
                return self.head(header, &name, &first, records, 0);
            }
            self.linked.insert(stat.ino, name.clone());
        }
        header.set_entry_type(entry);
        match kind {
            FileType::Regular => self.regular(path, inode, (header, records), stat.size),
            FileType::Symlink => {
                let target = inode.read_link().map_err(Failure::file(path))?;
                self.head(header, &name, &target, records, 0)
            }
            FileType::CharDevice | FileType::BlockDevice => {
                let device = DeviceId::decode(stat.rdev);
                header.set_device_major(device.major)?;
                header.set_device_minor(device.minor)?;
                self.head(header, &name, &[], records, 0)
            }
            _ => self.head(header, &name, &[], records, 0),
        }
    }

    fn regular(
        &mut self,
        path: &[u8],
        inode: &Arc<dyn Inode>,
        (header, records): (Header, Records),
        size: u64,
    ) -> Result<(), Failure> {
        let extents = extents(inode, size).map_err(Failure::file(path))?;
        let Some(extents) = extents else {
            self.head(header, path, &[], records, size)?;
            self.data(path, inode, &[(0, size)])?;
            return Ok(self.pad(size)?);
        };
        let stored = extents.iter().map(|(_, len)| len).sum();
        self.sparse_head((header, records), path, &extents, (stored, size))?;
        self.data(path, inode, &extents)?;
        Ok(self.pad(stored)?)
    }

    /// The header of a file with holes, and where its data lie.
    fn sparse_head(
        &mut self,
        (plain, records): (Header, Records),
        path: &[u8],
        extents: &[(u64, u64)],
        (stored, size): (u64, u64),
    ) -> Result<(), Failure> {
        let mut header = Header::new_gnu();
        header.set_mode(plain.mode()?);
        header.set_uid(plain.uid()?);
        header.set_gid(plain.gid()?);
        header.set_mtime(plain.mtime()?);
        header.set_entry_type(EntryType::GNUSparse);
        // The last one says where the file ends.
        let mut map = extents.iter().copied().chain([(size, 0)]).peekable();
        if let Some(gnu) = header.as_gnu_mut() {
            gnu.set_real_size(size);
            for (slot, (offset, len)) in gnu.sparse.iter_mut().zip(map.by_ref()) {
                slot.set_offset(offset);
                slot.set_length(len);
            }
            // `zip` took one from the map only where there was a slot for it.
            gnu.set_is_extended(map.peek().is_some());
        }
        self.head(header, path, &[], records, stored)?;
        while map.peek().is_some() {
            let mut more = GnuExtSparseHeader::new();
            for slot in more.sparse_mut() {
                let Some((offset, len)) = map.next() else {
                    break;
                };
                slot.set_offset(offset);
                slot.set_length(len);
            }
            more.set_is_extended(map.peek().is_some());
            self.out.write_all(more.as_bytes())?;
        }
        Ok(())
    }

    /// Writes a header, before it the records for what does not fit in.
    fn head(
        &mut self,
        mut header: Header,
        name: &[u8],
        link: &[u8],
        mut records: Records,
        size: u64,
    ) -> Result<(), Failure> {
        if name.len() > NAME {
            records.push(("path", name.to_vec()));
        }
        if link.len() > NAME {
            records.push(("linkpath", link.to_vec()));
        }
        if !records.is_empty() {
            let body = encode(&records);
            let mut pax = Header::new_ustar();
            pax.set_entry_type(EntryType::XHeader);
            pax.set_mode(0o644);
            pax.set_uid(0);
            pax.set_gid(0);
            pax.set_mtime(0);
            put(&mut pax, 0, b"././@PaxHeader");
            pax.set_size(body.len() as u64);
            pax.set_cksum();
            self.out.write_all(pax.as_bytes())?;
            self.out.write_all(&body)?;
            self.pad(body.len() as u64)?;
        }
        put(&mut header, 0, name);
        put(&mut header, 157, link);
        header.set_size(size);
        header.set_cksum();
        self.out.write_all(header.as_bytes())?;
        Ok(())
    }

    fn data(
        &mut self,
        path: &[u8],
        inode: &Arc<dyn Inode>,
        extents: &[(u64, u64)],
    ) -> Result<(), Failure> {
        let mut buf = vec![0; CHUNK];
        for (offset, len) in extents {
            let mut done = 0;
            while done < *len {
                let want = usize::try_from(len - done).unwrap_or(CHUNK).min(CHUNK);
                let Some(piece) = buf.get_mut(..want) else {
                    break;
                };
                let count = inode
                    .read_at(offset + done, piece)
                    .map_err(Failure::file(path))?;
                // A layer's file that became shorter meanwhile ends in zeros.
                if let Some(rest) = piece.get_mut(count..) {
                    rest.fill(0);
                }
                self.out.write_all(piece)?;
                done += want as u64;
            }
        }
        Ok(())
    }

    fn pad(&mut self, size: u64) -> io::Result<()> {
        let over = usize::try_from(size % BLOCK as u64).unwrap_or(0);
        if over > 0 {
            self.out.write_all(&[0; BLOCK][over..])?;
        }
        Ok(())
    }
}

/// Records of a PAX header.
type Records = Vec<(&'static str, Vec<u8>)>;

/// A header with a file's attributes, and records for those that do not fit in.
fn attributes(stat: &Stat) -> Result<(Header, Records), Failure> {
    let mut header = Header::new_ustar();
    header.set_mode(stat.mode & 0o7777);
    header.set_uid(stat.uid.into());
    header.set_gid(stat.gid.into());
    let mut records = Records::new();
    let mtime = stat.mtime;
    header.set_mtime(u64::try_from(mtime.sec).unwrap_or(0));
    if mtime.nsec != 0 || mtime.sec < 0 {
        // Before 1970 the fraction counts down from the next lower second, as the number is written.
        let text = if mtime.sec < 0 && mtime.nsec != 0 {
            format!("-{}.{:09}", -(mtime.sec + 1), 1_000_000_000 - mtime.nsec)
        } else if mtime.nsec == 0 {
            mtime.sec.to_string()
        } else {
            format!("{}.{:09}", mtime.sec, mtime.nsec)
        };
        records.push(("mtime", text.into_bytes()));
    }
    header.set_device_major(0)?;
    header.set_device_minor(0)?;
    Ok((header, records))
}

/// `LENGTH KEY=VALUE\n` for each, the length counting itself.
fn encode(records: &Records) -> Vec<u8> {
    let mut body = Vec::new();
    for (key, value) in records {
        let rest = key.len() + value.len() + 3;
        let mut len = rest + 1;
        while len != rest + len.to_string().len() {
            len = rest + len.to_string().len();
        }
        body.extend_from_slice(format!("{len} {key}=").as_bytes());
        body.extend_from_slice(value);
        body.push(b'\n');
    }
    body
}

/// Puts a name into a field of a header, as much as fits.
fn put(header: &mut Header, at: usize, name: &[u8]) {
    let name = name.get(..NAME).unwrap_or(name);
    if let Some(field) = header.as_mut_bytes().get_mut(at..at + name.len()) {
        field.copy_from_slice(name);
    }
}

/// The path with something before its last name.
fn beside(path: &[u8], prefix: &[u8]) -> Vec<u8> {
    let at = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |slash| slash + 1);
    let (directory, name) = path.split_at(at);
    [directory, prefix, name].concat()
}

/// Where the data of a file lie, if leaving out its zeros is worth it. Depends on nothing but the bytes.
fn extents(inode: &Arc<dyn Inode>, size: u64) -> SysResult<Option<Extents>> {
    if size < SPARSE_FROM {
        return Ok(None);
    }
    let page = PAGE as u64;
    let mut extents = Extents::new();
    let mut buf = vec![0; CHUNK];
    let mut at = 0;
    while at < size {
        at = match inode.seek_data(at, Whence::Data) {
            // Back to the page's start.
            Ok(data) => data / page * page,
            Err(error) if error.errno() == Errno::ENXIO => break,
            Err(error) => return Err(error),
        };
        let count = inode.read_at(at, &mut buf)?;
        if count == 0 {
            break;
        }
        for (piece, start) in buf
            .get(..count)
            .unwrap_or_default()
            .chunks(PAGE)
            .zip((at..).step_by(PAGE))
        {
            if piece.iter().all(|byte| *byte == 0) {
                continue;
            }
            let len = piece.len() as u64;
            match extents.last_mut() {
                Some((offset, before)) if *offset + *before == start => *before += len,
                _ => extents.push((start, len)),
            }
        }
        at += count as u64;
    }
    let stored: u64 = extents.iter().map(|(_, len)| len).sum();
    Ok((size - stored >= SPARSE_FROM).then_some(extents))
}

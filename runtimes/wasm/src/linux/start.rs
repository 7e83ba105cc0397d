//! `cenote.start_block`: arguments, environment and auxiliary vector, as a program finds them when it starts.
//!
//! Layout (all 32 bits): `argc, argv.., 0, envp.., 0, {tag, value}.., {0, 0}`, then the strings. The program offers a
//! block and learns how many bytes there are; if they do not fit it comes again with a larger one.

use cenote_abi::Errno;
use cenote_abi::mman::PAGE_SIZE;
use cenote_base::SysResult;
use cenote_kernel::syscall;

use super::call::Call;

const AT_PAGESZ: u32 = 6;
const AT_UID: u32 = 11;
const AT_EUID: u32 = 12;
const AT_GID: u32 = 13;
const AT_EGID: u32 = 14;
const AT_CLKTCK: u32 = 17;
const AT_SECURE: u32 = 23;
const AT_RANDOM: u32 = 25;
const AT_EXECFN: u32 = 31;

/// Writes the block to `address` if `room` suffices; answers how many bytes it has.
pub(super) fn start_block(call: &mut Call<'_>, address: u32, room: u32) -> SysResult<u32> {
    let (mut memory, task) = call.parts()?;
    let (argv, envp, path) = (task.argv(), task.envp(), task.exe_path());
    let mut random = [0; 16];
    syscall::getrandom(task, &mut random, cenote_abi::random::RandomFlags::empty())?;
    let ids = task.process().credentials();
    let auxiliary_pairs = 9;
    let words = 1 + (argv.len() + 1) + (envp.len() + 1) + (auxiliary_pairs + 1) * 2;
    let mut block = Block {
        address,
        words: Vec::with_capacity(words),
        strings: Vec::new(),
        strings_at: words * 4,
    };
    block
        .words
        .push(u32::try_from(argv.len()).map_err(|_| Errno::E2BIG)?);
    for list in [&argv, &envp] {
        for text in list.iter() {
            let pointer = block.add(text, true)?;
            block.words.push(pointer);
        }
        block.words.push(0);
    }
    let random = block.add(&random, false)?;
    let path = block.add(&path, true)?;
    for (tag, value) in [
        (AT_PAGESZ, PAGE_SIZE),
        (AT_UID, ids.uid.raw()),
        (AT_EUID, ids.euid.raw()),
        (AT_GID, ids.gid.raw()),
        (AT_EGID, ids.egid.raw()),
        (AT_CLKTCK, cenote_abi::clock::CLOCK_TICKS_PER_SECOND),
        (
            AT_SECURE,
            u32::from(ids.uid != ids.euid || ids.gid != ids.egid),
        ),
        (AT_RANDOM, random),
        (AT_EXECFN, path),
        (0, 0),
    ] {
        block.words.extend([tag, value]);
    }
    let bytes = block.bytes();
    let needed = u32::try_from(bytes.len()).map_err(|_| Errno::E2BIG)?;
    if needed <= room {
        memory.write(address, &bytes)?;
    }
    Ok(needed)
}

/// The block while it is put together: numbers, and strings that come to lie behind them.
struct Block {
    address: u32,
    words: Vec<u32>,
    strings: Vec<u8>,
    strings_at: usize,
}

impl Block {
    /// Adds bytes and answers where they will lie.
    fn add(&mut self, bytes: &[u8], is_text: bool) -> SysResult<u32> {
        let offset =
            u32::try_from(self.strings_at + self.strings.len()).map_err(|_| Errno::E2BIG)?;
        self.strings.extend_from_slice(bytes);
        if is_text {
            self.strings.push(0);
        }
        // An address that does not fit: the block is too large for the room anyway, and is not written.
        Ok(self.address.wrapping_add(offset))
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .words
            .iter()
            .flat_map(|word| word.to_le_bytes())
            .collect();
        bytes.extend(self.strings);
        bytes
    }
}

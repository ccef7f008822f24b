//! Whether the partition table of a disk can be read on a disk with other sectors.

use super::{Root, Trouble};
use crate::simulate::Cause;
use crate::simulate::devices::Machine;

/// Bytes of a sector that nearly all disks show.
const USUAL: u32 = 512;

impl<'a> Root<'a> {
    /// A partition table counts in sectors: where they have another size, the kernel looks for partitions at other
    /// places and finds none, or finds them where they are not (block/partitions/msdos.c, efi.c).
    pub(super) fn sectors(
        &self,
        now: Option<&str>,
        partition: Option<u32>,
        machine: &Machine<'a>,
    ) -> Result<(), Trouble> {
        let on_target = now.and_then(|now| machine.name_of(now));
        let disks = machine.disks();
        let disk = disks.iter().find(|disk| Some(&disk.name) == on_target.as_ref()).or(disks.first());
        let (Some(disk), Some(_)) = (disk, partition) else { return Ok(()) };
        let is_own = |name: &str| now.is_none_or(|now| name == now);
        let known = self.facts.hardware.disks.iter().find(|own| is_own(&own.name));
        let hardware = known.and_then(|own| own.sector_size);
        let table = self.facts.boot_disks.iter().find(|own| is_own(&own.name));
        let counted = table.and_then(|own| own.sector_size);
        let size = match machine.is_same() {
            false => disk.sector_size,
            // The disk that it has now is as it is; without it there is nothing to compare.
            true => match hardware {
                Some(size) => size,
                None => return Ok(()),
            },
        };
        match counted.or(hardware) {
            Some(own) if own == size => Ok(()),
            Some(own) => Err(Trouble::fails_at(
                format!(
                    "the partition table counts in sectors of {own} bytes and {} has sectors of {size}: its partitions are \
                     not found",
                    disk.name
                ),
                table.and_then(|own| own.table_at.clone()),
            )
            .because(Cause::OtherSectors)),
            None if size == USUAL => Ok(()),
            None => Err(Trouble::unknown(format!(
                "{} has sectors of {size} bytes: a partition table made for sectors of {USUAL}, as on nearly all disks, is \
                 not found there; which ones the disk has now is not known without \
                 `sys/block/{}/queue/logical_block_size`",
                disk.name,
                now.unwrap_or("sda")
            ))),
        }
    }
}

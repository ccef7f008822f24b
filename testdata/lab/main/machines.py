"""The machines: how a list of disks is attached. A case names one of them."""

# name -> QEMU's machine, arguments of the controller, arguments of each disk ({drive} its id, {n} its number)
SCSI_DISK = "scsi-hd,bus=hba.0,drive={drive}"


def _scsi(controller, disk=SCSI_DISK):
    return ("pc", ["-device", f"{controller},id=hba"], ["-device", disk])


MACHINES = {
    "virtio-blk": ("pc", [], ["-device", "virtio-blk-pci,drive={drive}"]),
    "virtio-blk-modern": ("q35", [], ["-device", "virtio-blk-pci,drive={drive},disable-legacy=on"]),
    "virtio-blk-4k": ("pc", [], ["-device", "virtio-blk-pci,drive={drive},logical_block_size=4096,physical_block_size=4096"]),
    "virtio-scsi": _scsi("virtio-scsi-pci"),
    "nvme": ("pc", [], ["-device", "nvme,drive={drive},serial=lab{n}"]),
    "ahci": ("pc", ["-device", "ich9-ahci,id=hba"], ["-device", "ide-hd,bus=hba.{n},drive={drive}"]),
    "q35-ahci": ("q35", [], ["-device", "ide-hd,bus=ide.{n},drive={drive}"]),
    "ide": ("pc", [], ["-device", "ide-hd,bus=ide.0,unit={n},drive={drive}"]),
    "lsi53c895a": _scsi("lsi53c895a", SCSI_DISK + ",scsi-id={n}"),
    # The SAS controller's driver leaves out disks without a name of their own.
    "mptsas": _scsi("mptsas1068", SCSI_DISK + ",wwn={wwn}"),
    "megasas": _scsi("megasas"),
    "megasas-gen2": _scsi("megasas-gen2"),
    "pvscsi": _scsi("pvscsi"),
    "am53c974": _scsi("am53c974", SCSI_DISK + ",scsi-id={n}"),
    "usb-xhci": ("pc", ["-device", "qemu-xhci,id=usb"], ["-device", "usb-storage,bus=usb.0,drive={drive}"]),
    "usb-ehci": ("pc", ["-device", "usb-ehci,id=usb"], ["-device", "usb-storage,bus=usb.0,drive={drive}"]),
    "uas": ("pc", ["-device", "qemu-xhci,id=usb", "-device", "usb-uas,id=hba,bus=usb.0"], ["-device", SCSI_DISK]),
    "sdhci": ("pc", ["-device", "sdhci-pci"], ["-device", "sd-card,drive={drive}"]),
    "ufs": ("q35", ["-device", "ufs,id=hba"], ["-device", "ufs-lu,bus=hba,drive={drive},lun={n}"]),
    "mmio": ("microvm,x-option-roms=off,isa-serial=on,rtc=on,acpi=off", [], ["-device", "virtio-blk-device,drive={drive}"]),
    "mmio-acpi": ("microvm,isa-serial=on,rtc=on,acpi=on", [], ["-device", "virtio-blk-device,drive={drive}"]),
}


def arguments(machine, images, snapshot=True):
    """QEMU's arguments for that machine with these disk images, which stay as they are if `snapshot`."""
    board, controller, disk = MACHINES[machine]
    words = ["-machine", board]
    for n, image in enumerate(images):
        words += ["-drive", f"file={image},format=raw,if=none,id=disk{n},snapshot={'on' if snapshot else 'off'}"]
    words += controller
    for n, _ in enumerate(images):
        wwn = f"{0x5000C50015EA7100 + n:#x}"
        words += [word.format(drive=f"disk{n}", n=n, wwn=wwn) for word in disk]
    return words

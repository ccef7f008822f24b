/boot/efi/EFI/rocky:
-rwx------. 1 0 0 959224 Nov  2 10:00 shimx64.efi
-rwx------. 1 0 0 2560000 Nov  2 10:00 grubx64.efi

/boot:
total 400000
-rw-------. 1 0 0  62914560 Nov  2 10:00 initramfs-5.14.0-427.13.1.el9_4.x86_64.img
-rw-------. 1 0 0 104857600 Jan 12  2024 initramfs-0-rescue-1f2e3d4c5b6a79880f1e2d3c4b5a6978.img

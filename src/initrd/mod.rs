//! Reading initrd images: codecs, cpio archives, the kernel modules inside, and what made the image.

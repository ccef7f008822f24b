//! Targets: the hardware that a system is to boot on, as devices with their modaliases.

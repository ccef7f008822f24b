//! Small synthetic systems.

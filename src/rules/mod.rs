//! Rules as data: YAML files with CEL conditions and Tera messages, checked when they are loaded.

//! The report for programs. Its shape is a contract: `bootproof schema report` describes it.

use std::io;

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use super::Report;
use crate::source::escape_bytes;

/// The report as indented JSON with a line break at its end.
///
/// # Errors
/// None that is known; serialization of this type has no failing case, but `serde_json` cannot know that.
pub fn render(report: &Report) -> serde_json::Result<String> {
    render_any(report)
}

/// Any value as indented JSON with a line break at its end.
///
/// # Errors
/// As for [`render`].
pub fn render_any(value: &impl Serialize) -> serde_json::Result<String> {
    let mut bytes = Vec::new();
    write_pretty(&mut bytes, value)?;
    bytes.push(b'\n');
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Any value as indented JSON that is harmless on a terminal, too.
///
/// # Errors
/// What `out` says.
pub fn write_pretty(out: &mut impl io::Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Harmless(PrettyFormatter::new())))
}

/// Any value as JSON on one line that is harmless on a terminal, too.
///
/// # Errors
/// What `out` says.
pub fn write_compact(out: &mut impl io::Write, value: &impl Serialize) -> serde_json::Result<()> {
    value.serialize(&mut Serializer::with_formatter(out, Harmless(serde_json::ser::CompactFormatter)))
}

/// Escapes what JSON itself allows in a string but terminals act on: DEL, the C1 controls (U+009B begins an escape
/// sequence), and characters that reorder or hide text.
struct Harmless<F>(F);

impl<F: Formatter> Formatter for Harmless<F> {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        if fragment.bytes().all(|byte| byte.is_ascii() && byte != 0x7f) {
            return out.write_all(fragment.as_bytes());
        }
        for character in fragment.chars() {
            let mut buffer = [0; 4];
            let text = character.encode_utf8(&mut buffer);
            if escape_bytes(text.as_bytes()) == *text {
                out.write_all(text.as_bytes())?;
            } else {
                write!(out, "\\u{:04x}", u32::from(character))?;
            }
        }
        Ok(())
    }

    fn begin_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + io::Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + io::Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::{Report, sample};
    use super::*;

    #[test]
    fn the_shape_of_the_report() {
        insta::assert_snapshot!(render(&sample::san_server()).unwrap());
    }

    #[test]
    fn the_report_is_as_its_schema_says() {
        let schema = serde_json::to_value(schemars::schema_for!(Report)).unwrap();
        let value = serde_json::to_value(sample::san_server()).unwrap();
        assert_eq!(deviations(&schema, &schema, &value, "report"), [""; 0]);
    }

    #[test]
    fn the_contract_names_are_there() {
        let value = serde_json::to_value(sample::san_server()).unwrap();
        let names = |value: &serde_json::Value| -> Vec<String> {
            value.as_object().unwrap().keys().cloned().collect()
        };
        for name in [
            "schema",
            "tool",
            "system",
            "targets",
            "boots",
            "findings",
            "not_evaluated",
            "summary",
            "verdict",
        ] {
            assert!(names(&value).contains(&name.to_owned()), "{name}");
        }
        for name in ["entry", "default", "kernel", "initrd", "target", "outcome", "failed_at", "steps"] {
            assert!(names(&value["boots"][0]).contains(&name.to_owned()), "{name}");
        }
        for name in ["step", "state", "detail", "at"] {
            assert!(names(&value["boots"][0]["steps"][0]).contains(&name.to_owned()), "{name}");
        }
        for name in
            "rule decides severity target entry title message at snippet fix refs fingerprint".split(' ')
        {
            assert!(names(&value["findings"][0]).contains(&name.to_owned()), "{name}");
        }
        for name in ["path", "line", "column"] {
            assert!(names(&value["findings"][0]["at"]).contains(&name.to_owned()), "{name}");
        }
        let summary = &value["summary"];
        assert_eq!(names(summary).len(), 5);
        assert_eq!(summary["blocker"], 2);
        assert_eq!(value["verdict"], "fail");
        assert_eq!(value["findings"].as_array().unwrap().last().unwrap()["target"], serde_json::Value::Null);
    }

    #[test]
    fn controls_that_json_allows_are_escaped_and_come_back_whole() {
        let hostile = "del \u{7f} csi \u{9b}31m turn \u{202e} quote \" end";
        let mut bytes = Vec::new();
        write_compact(&mut bytes, &hostile).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.is_ascii());
        assert!(!text.chars().any(char::is_control));
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), hostile);
    }

    /// Where `value` is not as `schema` says: as much of JSON Schema as schemars writes.
    pub(crate) fn deviations(
        root: &serde_json::Value,
        schema: &serde_json::Value,
        value: &serde_json::Value,
        at: &str,
    ) -> Vec<String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = root.pointer(reference.trim_start_matches('#')).unwrap();
            return deviations(root, target, value, at);
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(choices) = schema[choice].as_array() {
                let fits = |choice: &serde_json::Value| deviations(root, choice, value, at).is_empty();
                if !choices.iter().any(fits) {
                    return vec![format!("{at}: {value} fits none of {choice}")];
                }
            }
        }
        let mut wrong = Vec::new();
        if let Some(types) = schema.get("type") {
            let names: Vec<&str> = types.as_array().map_or_else(
                || vec![types.as_str().unwrap()],
                |types| types.iter().filter_map(serde_json::Value::as_str).collect(),
            );
            if !names.iter().any(|name| has_type(value, name)) {
                wrong.push(format!("{at}: {value} is not {names:?}"));
            }
        }
        if let Some(constant) = schema.get("const") {
            wrong.extend((constant != value).then(|| format!("{at}: {value} is not {constant}")));
        }
        if let Some(allowed) = schema["enum"].as_array() {
            wrong.extend(
                (!allowed.contains(value)).then(|| format!("{at}: {value} is not one of {allowed:?}")),
            );
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            wrong.extend((value.get(name).is_none()).then(|| format!("{at}.{name} is missing")));
        }
        if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object()) {
            for (name, value) in object {
                match properties.get(name) {
                    Some(schema) => wrong.extend(deviations(root, schema, value, &format!("{at}.{name}"))),
                    None => wrong.push(format!("{at}.{name} is not in the schema")),
                }
            }
        }
        if let (Some(items), Some(values)) = (schema.get("items"), value.as_array()) {
            for (index, value) in values.iter().enumerate() {
                wrong.extend(deviations(root, items, value, &format!("{at}[{index}]")));
            }
        }
        wrong
    }

    fn has_type(value: &serde_json::Value, name: &str) -> bool {
        match name {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("the schema has the type {other}"),
        }
    }
}

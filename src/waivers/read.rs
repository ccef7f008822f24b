//! Reads a file of waivers: TOML, with every mistake at its place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use globset::{GlobBuilder, GlobMatcher};
use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml::value::{Date, Datetime};

use super::{Names, Waiver, is_about_waivers};
use crate::mistake::Mistake;
use crate::place::Span;
use crate::rules::suggest;
use crate::target;

/// What a waiver may say.
const KEYS: [&str; 7] = ["rule", "path", "target", "entry", "fingerprint", "reason", "expires"];
/// The one table that there may be any number of.
const TABLE: &str = "waiver";

/// The waivers in `text`, the contents of the file at `path`.
pub(super) fn parse(path: &str, text: &str, names: &Names<'_>) -> Result<Vec<Waiver>, Vec<Mistake>> {
    let mut reader = Reader { path: path.into(), text: text.into(), names, mistakes: Vec::new() };
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or_default();
        reader.mistake(span, format!("is no TOML: {}", error.message()), None);
    }
    // What could be read of a broken document is not worth complaining about.
    let waivers = if reader.mistakes.is_empty() { reader.document(document.get_ref()) } else { Vec::new() };
    if reader.mistakes.is_empty() {
        return Ok(waivers);
    }
    reader.mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    Err(reader.mistakes)
}

struct Reader<'a> {
    path: Arc<str>,
    text: Arc<str>,
    names: &'a Names<'a>,
    mistakes: Vec<Mistake>,
}

impl Reader<'_> {
    fn mistake(&mut self, span: Range<usize>, message: impl Into<String>, help: Option<String>) {
        self.mistakes.push(Mistake::new(&self.path, &self.text, span, message).with_help(help));
    }

    fn document(&mut self, document: &DeTable<'_>) -> Vec<Waiver> {
        let mut waivers = Vec::new();
        for (key, value) in document {
            if key.get_ref() != TABLE {
                let help = suggest(key.get_ref(), [TABLE].into_iter())
                    .or_else(|| Some("each waiver begins with `[[waiver]]`".to_owned()));
                self.mistake(
                    key.span(),
                    format!("there is no `{}` in a file of waivers", key.get_ref()),
                    help,
                );
                continue;
            }
            let Some(tables) = value.get_ref().as_array() else {
                self.mistake(
                    key.span(),
                    "`waiver` is written once here, and is a list of tables",
                    Some("write `[[waiver]]`, with two brackets on either side".to_owned()),
                );
                continue;
            };
            for table in tables {
                waivers.extend(self.waiver(table));
            }
        }
        waivers
    }

    fn waiver(&mut self, table: &Spanned<DeValue<'_>>) -> Option<Waiver> {
        let before = self.mistakes.len();
        let Some(fields) = table.get_ref().as_table() else {
            self.mistake(table.span(), "a waiver is a table", Some("write `[[waiver]]`".to_owned()));
            return None;
        };
        let fields: BTreeMap<&str, (Range<usize>, &Spanned<DeValue<'_>>)> =
            fields.iter().map(|(key, value)| (key.get_ref().as_ref(), (key.span(), value))).collect();
        for (key, (span, _)) in &fields {
            if !KEYS.contains(key) {
                let known = KEYS.map(|key| format!("`{key}`")).join(", ");
                let help = suggest(key, KEYS.into_iter()).unwrap_or_else(|| format!("a waiver has {known}"));
                self.mistake(span.clone(), format!("a waiver has no `{key}`"), Some(help));
            }
        }
        let value = |key: &str| fields.get(key).map(|(_, value)| *value);
        let rule = self.required(table.span(), "rule", value("rule"), "name the rule: `rule = \"…\"`");
        let reason = self.required(table.span(), "reason", value("reason"), "say why: `reason = \"…\"`");
        let path = self.optional("path", value("path")).and_then(|(glob, span)| self.glob(&glob, span));
        let target = self.optional("target", value("target")).map(|(name, span)| self.target(name, span));
        let entry = self.optional("entry", value("entry")).map(|(entry, _)| entry);
        let fingerprint = self.optional("fingerprint", value("fingerprint")).map(|(print, _)| print);
        let expires = value("expires").and_then(|value| self.day(value));
        let (rule, span) = rule?;
        let at = self.span(&span).at(&self.path);
        let rule = self.rule(rule, span);
        let (reason, _) = reason?;
        let waiver = Waiver { rule, path, target, entry, fingerprint, reason, expires, at };
        (self.mistakes.len() == before).then_some(waiver)
    }

    fn required(
        &mut self,
        table: Range<usize>,
        key: &str,
        value: Option<&Spanned<DeValue<'_>>>,
        help: &str,
    ) -> Option<(String, Range<usize>)> {
        if value.is_none() {
            self.mistake(table, format!("this waiver has no `{key}`"), Some(help.to_owned()));
        }
        let (text, span) = self.optional(key, value)?;
        if text.trim().is_empty() {
            self.mistake(span, format!("`{key}` is empty"), Some(help.to_owned()));
            return None;
        }
        Some((text, span))
    }

    fn optional(
        &mut self,
        key: &str,
        value: Option<&Spanned<DeValue<'_>>>,
    ) -> Option<(String, Range<usize>)> {
        let value = value?;
        let text = value.get_ref().as_str().map(ToOwned::to_owned);
        if text.is_none() {
            let message =
                format!("`{key}` is a text, and this is of the kind {}", value.get_ref().type_str());
            self.mistake(value.span(), message, Some("write it in quotes".to_owned()));
        }
        Some((text?, value.span()))
    }

    fn rule(&mut self, rule: String, span: Range<usize>) -> String {
        if is_about_waivers(&rule) {
            self.mistake(span, "what is found about waivers cannot be waived", None);
        } else if self.names.rules.get(&rule).is_none() {
            let near = self.names.rules.suggest(&rule).map(|near| format!("did you mean `{near}`?"));
            let help =
                near.unwrap_or_else(|| "`bootproof rules` lists them; `--rules` adds your own".to_owned());
            self.mistake(span, format!("there is no rule `{rule}`"), Some(help));
        }
        rule
    }

    fn target(&mut self, name: String, span: Range<usize>) -> String {
        let names = self.names;
        let mut known: Vec<&str> = target::built_in_names().collect();
        known.extend(names.targets.iter().map(|target| target.name.as_str()));
        if !known.contains(&name.as_str()) {
            let help = suggest(&name, known.into_iter()).unwrap_or_else(|| {
                "`bootproof targets` lists them; one of a target file is known if `--target` names the file".to_owned()
            });
            self.mistake(span, format!("there is no target `{name}`"), Some(help));
        }
        name
    }

    /// A glob as of `*`, which ends at a slash, and `**`, which does not.
    fn glob(&mut self, glob: &str, span: Range<usize>) -> Option<GlobMatcher> {
        let made = GlobBuilder::new(glob.trim_start_matches('/')).literal_separator(true).build();
        match made {
            Ok(glob) => Some(glob.compile_matcher()),
            Err(error) => {
                self.mistake(span, format!("`path` is no pattern: {}", error.kind()), None);
                None
            }
        }
    }

    /// A day, as a date of TOML or as a text.
    fn day(&mut self, value: &Spanned<DeValue<'_>>) -> Option<Date> {
        let from_text = || value.get_ref().as_str().and_then(|text| text.trim().parse::<Datetime>().ok());
        let day = value.get_ref().as_datetime().copied().or_else(from_text);
        match day {
            Some(Datetime { date: Some(day), time: None, offset: None }) => Some(day),
            _ => {
                let help = "write the last day on which it holds: `expires = 2027-06-30`".to_owned();
                self.mistake(value.span(), "`expires` is no day", Some(help));
                None
            }
        }
    }

    /// Where a value stands, without its quotes.
    fn span(&self, span: &Range<usize>) -> Span {
        let mistake = Mistake::new(&self.path, &self.text, span.clone(), "");
        Span::new(mistake.line, mistake.column, mistake.column.saturating_add(span.len()))
    }
}

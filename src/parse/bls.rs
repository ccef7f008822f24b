//! Boot Loader Specification entries, type 1: `loader/entries/*.conf`.
//!
//! Keys and blanks as the UAPI group's specification and GRUB's blscfg.c (Fedora, RHEL) have them. Variables in
//! values (`$kernelopts`) are left as they are: only GRUB expands them, see [`expand`].

use super::Mistake;
use super::lines::{Field, lines};

/// One entry. Of keys that may stand once the first counts, as in blscfg.c.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlsEntry {
    /// `title`.
    pub title: Option<Field>,
    /// `version`.
    pub version: Option<Field>,
    /// `machine-id`.
    pub machine_id: Option<Field>,
    /// `sort-key`.
    pub sort_key: Option<Field>,
    /// `linux`: the kernel.
    pub linux: Option<Field>,
    /// `efi` or `uki`: a program to start instead of a kernel.
    pub efi: Option<Field>,
    /// `initrd`: each line's words. GRUB splits a line into several files, as in `initrd /a.img $tuned_initrd`.
    pub initrds: Vec<Field>,
    /// `options`: each line.
    pub options: Vec<Field>,
    /// `grub_users`.
    pub grub_users: Option<Field>,
    /// `grub_arg`.
    pub grub_args: Vec<Field>,
    /// `grub_class`.
    pub grub_classes: Vec<Field>,
}

/// Reads an entry.
#[must_use]
pub fn parse(bytes: &[u8]) -> (BlsEntry, Vec<Mistake>) {
    let mut entry = BlsEntry::default();
    let mut mistakes = Vec::new();
    let mut blank_line = None;
    for line in lines(bytes) {
        let Some((key, value)) = line.first_word() else {
            blank_line.get_or_insert(line.span_of(&line.text));
            continue;
        };
        if key.starts_with('#') {
            continue;
        }
        if let Some(span) = blank_line.take() {
            let message = "GRUB stops reading a boot entry at a blank line; more keys follow".to_owned();
            mistakes.push(Mistake { span, message });
        }
        if value.is_empty() {
            let message = format!("`{}` has no value", key.escape_debug());
            mistakes.push(Mistake { span: line.span_of(key), message });
            continue;
        }
        let field = line.field(value);
        match key {
            "initrd" => entry.initrds.push(field),
            "options" => entry.options.push(field),
            "grub_arg" => entry.grub_args.push(field),
            "grub_class" => entry.grub_classes.push(field),
            _ => {
                if let Some(slot) = entry.slot(key) {
                    slot.get_or_insert(field);
                }
            }
        }
    }
    (entry, mistakes)
}

impl BlsEntry {
    fn slot(&mut self, key: &str) -> Option<&mut Option<Field>> {
        match key {
            "title" => Some(&mut self.title),
            "version" => Some(&mut self.version),
            "machine-id" => Some(&mut self.machine_id),
            "sort-key" => Some(&mut self.sort_key),
            "linux" => Some(&mut self.linux),
            "efi" | "uki" => Some(&mut self.efi),
            "grub_users" => Some(&mut self.grub_users),
            _ => None,
        }
    }
}

/// A stretch of a value: text as written, or a variable to be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stretch<'a> {
    /// Text, and its offset in the value.
    Text(&'a str, usize),
    /// `$name`. GRUB puts a blank behind what it stands for.
    Variable(&'a str),
}

/// Cuts a value into text and variables as blscfg.c's `expand_val` does: `$` and letters, digits, underscores, unless
/// a backslash stands before it.
#[must_use]
pub fn expand(value: &str) -> Vec<Stretch<'_>> {
    let mut stretches = Vec::new();
    let mut text_start = 0;
    let mut from = 0;
    while let Some(found) = value.get(from..).and_then(|rest| rest.find('$')) {
        let dollar = from + found;
        let rest = value.get(dollar + 1..).unwrap_or_default();
        let length = rest.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
        let is_escaped = value.get(..dollar).is_some_and(|before| before.ends_with('\\'));
        from = dollar + 1 + length;
        if is_escaped || length == 0 {
            continue;
        }
        push_text(&mut stretches, value, text_start, dollar);
        stretches.extend(rest.get(..length).map(Stretch::Variable));
        text_start = from;
    }
    push_text(&mut stretches, value, text_start, value.len());
    stretches
}

fn push_text<'a>(stretches: &mut Vec<Stretch<'a>>, value: &'a str, start: usize, end: usize) {
    if let Some(text) = value.get(start..end).filter(|text| !text.is_empty()) {
        stretches.push(Stretch::Text(text, start));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::place::Span;

    const RHEL8: &str = "title Red Hat Enterprise Linux (4.18.0-553.el8_10.x86_64) 8.10 (Ootpa)\n\
        version 4.18.0-553.el8_10.x86_64\n\
        linux /vmlinuz-4.18.0-553.el8_10.x86_64\n\
        initrd /initramfs-4.18.0-553.el8_10.x86_64.img $tuned_initrd\n\
        options $kernelopts $tuned_params\n\
        id rhel-20240520-4.18.0-553.el8_10.x86_64\n\
        grub_users $grub_users\n\
        grub_arg --unrestricted\n\
        grub_class kernel\n";

    #[test]
    fn an_entry_of_rhel_8_is_read() {
        let (entry, mistakes) = parse(RHEL8.as_bytes());
        assert_eq!(mistakes, []);
        assert_eq!(entry.version.unwrap().text, "4.18.0-553.el8_10.x86_64");
        let linux = entry.linux.unwrap();
        assert_eq!(
            (linux.text.as_str(), linux.span),
            ("/vmlinuz-4.18.0-553.el8_10.x86_64", Span::new(3, 7, 40))
        );
        assert_eq!(
            entry.initrds.first().unwrap().text,
            "/initramfs-4.18.0-553.el8_10.x86_64.img $tuned_initrd"
        );
        assert_eq!(entry.options.first().unwrap().text, "$kernelopts $tuned_params");
        assert_eq!(entry.grub_users.unwrap().text, "$grub_users");
        assert_eq!(entry.grub_args.first().unwrap().text, "--unrestricted");
    }

    #[test]
    fn lines_add_up_tabs_separate_and_comments_are_skipped() {
        let text = "# made by hand\r\n  title\tDebian\r\nlinux /vmlinuz\r\ninitrd /ucode.img\ninitrd /initrd.img\n\
                    options root=LABEL=/\noptions quiet\n\n";
        let (entry, mistakes) = parse(text.as_bytes());
        assert_eq!(mistakes, []);
        assert_eq!(entry.title.unwrap().text, "Debian");
        assert_eq!(entry.initrds.len(), 2);
        let options: Vec<_> = entry.options.iter().map(|field| field.text.as_str()).collect();
        assert_eq!(options, ["root=LABEL=/", "quiet"]);
    }

    #[test]
    fn a_blank_line_before_more_keys_is_a_mistake() {
        let (entry, mistakes) = parse(b"title x\n\nlinux /vmlinuz\noptions\n");
        assert!(entry.linux.is_some());
        let spans: Vec<_> = mistakes.iter().map(|mistake| mistake.span.line).collect();
        assert_eq!(spans, [2, 4]);
    }

    #[test]
    fn variables_are_cut_out() {
        assert_eq!(
            expand("root=$dev ro \\$x $"),
            [Stretch::Text("root=", 0), Stretch::Variable("dev"), Stretch::Text(" ro \\$x $", 9)]
        );
        assert_eq!(
            expand("$kernelopts $tuned_params"),
            [Stretch::Variable("kernelopts"), Stretch::Text(" ", 11), Stretch::Variable("tuned_params")]
        );
    }

    proptest! {
        #[test]
        fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let (entry, _) = parse(&bytes);
            prop_assert!(entry.options.len() <= bytes.len());
        }

        #[test]
        fn stretches_add_up_to_the_value(value in "[a-z$\\\\ _]{0,40}") {
            let whole: String = expand(&value).into_iter().map(|stretch| match stretch {
                Stretch::Text(text, _) => text.to_owned(),
                Stretch::Variable(name) => format!("${name}"),
            }).collect();
            prop_assert_eq!(whole, value);
        }
    }
}

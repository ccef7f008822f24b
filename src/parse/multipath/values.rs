//! What the values of multipath.conf have to be, as `libmultipath/dict.c` (multipath-tools 0.9) reads them.

use super::FlawKind;

/// Keywords of `defaults` whose value is a number.
const NUMBERS: [&str; 13] = [
    "checker_timeout",
    "find_multipaths_timeout",
    "max_polling_interval",
    "max_sectors_kb",
    "missing_uev_wait_timeout",
    "polling_interval",
    "remove_retries",
    "retrigger_delay",
    "retrigger_tries",
    "rr_min_io",
    "rr_min_io_rq",
    "uxsock_timeout",
    "verbosity",
];

/// Keywords with words of their own.
const WORDS: [(&str, &[&str]); 5] = [
    ("find_multipaths", &["off", "no", "on", "yes", "strict", "greedy", "smart"]),
    ("user_friendly_names", &["yes", "no"]),
    ("failback", &["immediate", "manual", "followover"]),
    (
        "path_grouping_policy",
        &["failover", "multibus", "group_by_serial", "group_by_prio", "group_by_node_name", "group_by_tpg"],
    ),
    ("rr_weight", &["priorities", "uniform"]),
];

/// Keywords of [`WORDS`] that take a number as well.
const OR_NUMBER: [&str; 1] = ["failback"];

/// What is wrong with the value of `word` in the section or block `inside`, if that can be said.
pub(super) fn check(inside: &[&str], word: &str, value: &str) -> Option<(FlawKind, String)> {
    if is_expression(inside, word) {
        let why = trouble(value.strip_prefix('!').unwrap_or(value))?;
        let message = format!(
            "`{value}` is no regular expression ({why}): multipath-tools refuse the whole file, and multipathd does not start"
        );
        return Some((FlawKind::InvalidExpression, message));
    }
    let is_number = || {
        let digits = value.strip_prefix('-').unwrap_or(value);
        !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
    };
    // Some numbers have a word for "as large as can be", "as it is", "until told otherwise".
    if NUMBERS.contains(&word) && !is_number() && !matches!(value, "max" | "none" | "unlimited" | "") {
        let message = format!("`{word}` takes a number and not `{value}`: the line is ignored");
        return Some((FlawKind::InvalidValue, message));
    }
    let (_, words) = WORDS.iter().find(|(known, _)| *known == word)?;
    if words.contains(&value) || (OR_NUMBER.contains(&word) && is_number()) {
        return None;
    }
    let message = format!("`{word}` is one of {} and not `{value}`: the line is ignored", words.join(", "));
    Some((FlawKind::InvalidValue, message))
}

/// Whether the value is an expression that devices are matched against.
fn is_expression(inside: &[&str], word: &str) -> bool {
    match inside {
        ["blacklist" | "blacklist_exceptions" | "devnode_blacklist"] => {
            matches!(word, "devnode" | "wwid" | "property" | "protocol")
        }
        ["blacklist" | "blacklist_exceptions" | "devnode_blacklist" | "devices", "device"] => {
            matches!(word, "vendor" | "product" | "revision" | "product_blacklist")
        }
        _ => false,
    }
}

/// Why regcomp(3) refuses an extended expression, as far as that is sure: a repetition of nothing, a bracket that is
/// never closed.
fn trouble(expression: &str) -> Option<&'static str> {
    let mut open = 0_usize;
    let mut bracket = None;
    let mut escaped = false;
    let mut nothing_before = true;
    for (at, byte) in expression.bytes().enumerate() {
        if let Some(start) = bracket {
            // A `]` right after `[` or `[^` stands for itself.
            let first =
                at == start + 1 || (at == start + 2 && expression.as_bytes().get(start + 1) == Some(&b'^'));
            if byte == b']' && !first {
                bracket = None;
            }
            continue;
        }
        if escaped {
            escaped = false;
            nothing_before = false;
            continue;
        }
        match byte {
            b'\\' => escaped = true,
            b'[' => bracket = Some(at),
            b'*' | b'+' | b'?' if nothing_before => return Some("nothing stands before the repetition"),
            b'(' => open += 1,
            b')' => open = open.saturating_sub(1),
            _ => {}
        }
        nothing_before = matches!(byte, b'(' | b'|') || (byte == b'^' && at == 0);
    }
    if bracket.is_some() {
        return Some("`[` is never closed");
    }
    (open > 0).then_some("`(` is never closed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_those_that_multipath_takes() {
        let cases = [
            ("defaults", "polling_interval", "5", None),
            ("defaults", "polling_interval", "abc", Some(FlawKind::InvalidValue)),
            ("defaults", "max_polling_interval", "", None),
            ("defaults", "find_multipaths", "smart", None),
            ("defaults", "find_multipaths", "maybe", Some(FlawKind::InvalidValue)),
            ("defaults", "failback", "10", None),
            ("defaults", "failback", "immediate", None),
            ("defaults", "failback", "soon", Some(FlawKind::InvalidValue)),
            ("defaults", "path_selector", "round-robin 0", None),
            ("blacklist", "devnode", ".*", None),
            ("blacklist", "devnode", "*", Some(FlawKind::InvalidExpression)),
            ("blacklist", "devnode", "^(ram|raw|loop|fd|md|dm-|sr|scd|st)[0-9]*", None),
            ("blacklist", "devnode", "!^(sd[a-z]|dasd[a-z]|nvme[0-9])", None),
            ("blacklist", "devnode", "^(hd|xvd", Some(FlawKind::InvalidExpression)),
            ("blacklist", "wwid", "[]a]+", None),
            ("blacklist", "wwid", "[a", Some(FlawKind::InvalidExpression)),
            ("blacklist", "property", "(SCSI_IDENT_|ID_WWN)", None),
            ("defaults", "property", "*", None),
        ];
        for (section, word, value, expected) in cases {
            let found = check(&[section], word, value).map(|(kind, _)| kind);
            assert_eq!(found, expected, "{section} {word} {value}");
        }
        let device = check(&["devices", "device"], "product", "*").map(|(kind, _)| kind);
        assert_eq!(device, Some(FlawKind::InvalidExpression));
    }
}

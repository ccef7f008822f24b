//! `/proc/mdstat`: the arrays that run, their levels and members (drivers/md/md.c, `md_seq_show`).
//!
//! ```text
//! md0 : active raid1 sdb1[1] sda1[0](F)
//!       1046528 blocks super 1.2 [2/1] [U_]
//! ```

use crate::place::Span;

use super::lines::lines;

/// Arrays that are kept; a machine has a handful.
const MAX_ARRAYS: usize = 1024;

/// Members of an array that are kept.
const MAX_MEMBERS: usize = 512;

/// An array that runs.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Running {
    /// Where it stands.
    pub span: Span,
    /// The kernel's name: `md0`.
    pub name: String,
    /// The personality: `raid1`, `raid10`, `raid6`, `linear`; null for one that is not active.
    pub level: Option<String>,
    /// Its members: `sda1`.
    pub members: Vec<String>,
    /// How many members it is made for, and how many work; null where the kernel does not say.
    pub working: Option<(u32, u32)>,
}

/// Reads the arrays.
#[must_use]
pub fn parse(bytes: &[u8]) -> Vec<Running> {
    let mut arrays: Vec<Running> = Vec::new();
    for line in lines(bytes) {
        let text: &str = &line.text;
        if let Some((name, rest)) = text.split_once(" : ").filter(|(name, _)| is_name(name)) {
            if arrays.len() == MAX_ARRAYS {
                break;
            }
            arrays.push(array(name, rest, line.span_of(name)));
        } else if let Some(array) = arrays.last_mut().filter(|_| text.starts_with(' ')) {
            array.working = array.working.or_else(|| text.split_whitespace().find_map(working));
        }
    }
    arrays
}

fn is_name(name: &str) -> bool {
    name.starts_with("md") && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn array(name: &str, rest: &str, span: Span) -> Running {
    let mut array = Running { span, name: name.to_owned(), ..Running::default() };
    for word in rest.split_whitespace() {
        match word.split_once('[') {
            Some((member, _)) if array.members.len() < MAX_MEMBERS => array.members.push(member.to_owned()),
            Some(_) => {}
            None if word.starts_with("raid") || matches!(word, "linear" | "multipath" | "faulty") => {
                array.level = Some(word.to_owned());
            }
            None => {}
        }
    }
    array
}

/// `[2/1]`.
fn working(word: &str) -> Option<(u32, u32)> {
    let (all, good) = word.strip_prefix('[')?.strip_suffix(']')?.split_once('/')?;
    Some((all.parse().ok()?, good.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn arrays_have_levels_and_members() {
        let text = "Personalities : [raid1] [raid6]\n\
                    md127 : active raid1 sdb1[1] sda1[0](F)\n      1046528 blocks super 1.2 [2/1] [_U]\n\
                    md0 : inactive sdc1[0](S)\n      8 blocks\n\nunused devices: <none>\n";
        let arrays = parse(text.as_bytes());
        let got: Vec<_> = arrays
            .iter()
            .map(|a| (a.name.as_str(), a.level.as_deref(), a.members.join(" "), a.working))
            .collect();
        let want = [
            ("md127", Some("raid1"), "sdb1 sda1".to_owned(), Some((2, 1))),
            ("md0", None, "sdc1".to_owned(), None),
        ];
        assert_eq!(got, want);
        assert_eq!(arrays[1].span.line, 4);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(parse(&bytes).len() <= bytes.len());
        }
    }
}

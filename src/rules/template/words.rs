//! The filter `without_words` of the templates: a line of a configuration file without some of the names in its list.

use tera::{Kwargs, State, TeraResult};

/// `{{ it.line | without_words(words=names) }}`: `add_drivers+=" a b "` without `b`. Names stand between blanks, quotes,
/// brackets and commas; dashes are underscores, as in names of kernel modules.
pub(super) fn without_words(line: &str, kwargs: Kwargs, _: &State) -> TeraResult<String> {
    let words: Vec<String> = kwargs.must_get("words")?;
    Ok(without(line, &words))
}

fn without(line: &str, words: &[String]) -> String {
    let same = |a: &str, b: &str| a.replace('-', "_") == b.replace('-', "_");
    let is_divider = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '(' | ')' | '=' | ',');
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(is_divider).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        let is_gone = !word.is_empty() && words.iter().any(|gone| same(gone, word));
        if !is_gone {
            out.push_str(word);
        }
        // One of the two blanks around a name goes with it.
        let blank = tail
            .chars()
            .next()
            .filter(|next| is_gone && next.is_whitespace() && out.ends_with([' ', '\t', '"', '\'', '(']));
        let divider = tail.chars().next().map_or(0, char::len_utf8);
        let (between, after) = tail.split_at(divider);
        if blank.is_none() {
            out.push_str(between);
        }
        rest = after;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn names_leave_a_list_and_the_rest_stays_as_it_is() {
        let cases = [
            ("omit_drivers+=\" a virtio-blk \"  # why", " a \"  # why"),
            ("omit_drivers+=\" virtio_blk a \"", " a \""),
            ("omit_drivers+=\"virtio_blk a\"", "a\""),
            ("omit_drivers+=\"a virtio_blk\"", "a \""),
            ("omit_drivers+='virtio_blk'", "'"),
            ("omit_drivers+=\" virtio_blk_x a_virtio_blk \"", " virtio_blk_x a_virtio_blk \""),
        ];
        for (line, end) in cases {
            let quote = if line.contains('\'') { "'" } else { "\"" };
            let expected = format!("omit_drivers+={quote}{end}");
            assert_eq!(without(line, &["virtio_blk".to_owned()]), expected, "{line}");
        }
    }
}

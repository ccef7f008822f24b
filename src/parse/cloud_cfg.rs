//! cloud-init's configuration (`etc/cloud/cloud.cfg`, `cloud.cfg.d/*.cfg`), and ds-identify's
//! (`etc/cloud/ds-identify.cfg`): the few keys that say where an instance learns who it is.

use serde::Deserialize;
use serde_json::Value;
use serde_saphyr::Spanned;

use super::Mistake;
use super::yaml::point;
use crate::place::Span;

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed<T> {
    /// The value.
    pub value: T,
    /// Its place.
    pub span: Span,
}

/// What was read of a file; what it does not set is none.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct CloudCfg {
    /// `datasource_list`.
    pub datasources: Option<Placed<Vec<String>>>,
    /// `network: {config: disabled}` (true), or another `network` (false).
    pub network_disabled: Option<Placed<bool>>,
    /// `manual_cache_clean`: trust what the last instance left.
    pub manual_cache_clean: Option<Placed<bool>>,
    /// `preserve_hostname`.
    pub preserve_hostname: Option<Placed<bool>>,
}

#[derive(Deserialize)]
struct File {
    datasource_list: Option<Spanned<Value>>,
    network: Option<Spanned<Value>>,
    manual_cache_clean: Option<Spanned<Value>>,
    preserve_hostname: Option<Spanned<Value>>,
}

/// Reads a file.
///
/// # Errors
/// What is wrong with the YAML.
pub fn parse(bytes: &[u8]) -> Result<CloudCfg, Mistake> {
    let text = String::from_utf8_lossy(bytes);
    let file: Option<File> = serde_saphyr::from_str(&text).map_err(|error| {
        let span = error.location().map_or(Span::line(1), |at| point(&at));
        // The drawing of the place that follows the first line is not ours.
        Mistake { span, message: error.to_string().lines().next().unwrap_or_default().to_owned() }
    })?;
    let Some(file) = file else { return Ok(CloudCfg::default()) };
    Ok(CloudCfg {
        datasources: file.datasource_list.as_ref().map(|list| placed(list, names(&list.value))),
        network_disabled: file.network.as_ref().map(|network| {
            let config = network.value.get("config").and_then(Value::as_str);
            placed(network, config == Some("disabled"))
        }),
        manual_cache_clean: file.manual_cache_clean.as_ref().map(|flag| placed(flag, is_true(&flag.value))),
        preserve_hostname: file.preserve_hostname.as_ref().map(|flag| placed(flag, is_true(&flag.value))),
    })
}

/// Reads ds-identify.cfg: lines of `key: value`, of which only the start of a line counts (tools/ds-identify).
#[must_use]
pub fn parse_ds_identify(bytes: &[u8]) -> Vec<(String, Placed<String>)> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines().enumerate().filter(|(_, line)| !line.starts_with('#'));
    let settings = lines.filter_map(|(index, line)| {
        let (key, value) = line.split_once(':')?;
        let value = value.split(" #").next().unwrap_or_default().trim().trim_matches(['"', '\'']);
        let span = Span::new(index + 1, 1, line.trim_end().len() + 1);
        (!value.is_empty()).then(|| (key.trim().to_owned(), Placed { value: value.to_owned(), span }))
    });
    settings.collect()
}

fn names(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// cloud-init's `util.is_true`.
fn is_true(value: &Value) -> bool {
    let word = |text: &str| matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "on" | "yes");
    value.as_bool().or_else(|| value.as_str().map(word)).unwrap_or_else(|| value.as_u64() == Some(1))
}

fn placed<T>(source: &Spanned<Value>, value: T) -> Placed<T> {
    Placed { value, span: point(&source.referenced) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_keys_that_matter_are_read_with_their_places() {
        let text = "#cloud-config\nusers: [default]\ndatasource_list: [ Ec2, None ]\nnetwork:\n  config: disabled\nmanual_cache_clean: yes\npreserve_hostname: false\n";
        let read = parse(text.as_bytes()).unwrap();
        let list = read.datasources.unwrap();
        assert_eq!((list.value.join(" "), list.span.line), ("Ec2 None".to_owned(), 3));
        assert_eq!(read.network_disabled.map(|off| off.value), Some(true));
        assert_eq!(read.manual_cache_clean.map(|flag| flag.value), Some(true));
        assert_eq!(read.preserve_hostname.map(|flag| flag.value), Some(false));
        assert_eq!(parse(b"# nothing\n").unwrap(), CloudCfg::default());
        assert!(parse(b"a: [\n").is_err());
    }

    #[test]
    fn ds_identify_has_lines() {
        let read = parse_ds_identify(b"# x\npolicy: disabled\ndatasource: 'Ec2' # y\nci.ds:\n");
        let rows: Vec<_> = read.iter().map(|(k, v)| format!("{}:{k}={}", v.span.line, v.value)).collect();
        assert_eq!(rows, ["2:policy=disabled", "3:datasource=Ec2"]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
            prop_assert!(parse_ds_identify(&bytes).len() <= bytes.len());
        }
    }
}

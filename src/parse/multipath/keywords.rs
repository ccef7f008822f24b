//! The keywords of multipath.conf(5), by section: those of multipath-tools 0.9 to 0.14 (`libmultipath/dict.c`,
//! `init_keywords`), and those of older versions that newer ones ignore.

/// What is known of a keyword in its section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// May stand once.
    Single,
    /// May stand any number of times.
    Many,
    /// Newer versions ignore it; what to do instead.
    Deprecated(&'static str),
    /// No version knows it there.
    No,
}

/// Whether `word` opens a section or block inside `inside`.
pub(super) fn opens_block(inside: &[&str], word: &str) -> bool {
    match inside {
        [] => matches!(
            word,
            "defaults" | "blacklist" | "blacklist_exceptions" | "devices" | "multipaths" | "overrides"
                // The name of the blacklist before 0.4.7.
                | "devnode_blacklist"
        ),
        ["blacklist" | "blacklist_exceptions" | "devices" | "devnode_blacklist"] => word == "device",
        ["multipaths"] => word == "multipath",
        ["overrides"] => word == "protocol",
        _ => false,
    }
}

/// What is known of `word` inside `inside`.
pub(super) fn look_up(inside: &[&str], word: &str) -> Known {
    if let Some(instead) = deprecated(word) {
        return Known::Deprecated(instead);
    }
    let known = match inside {
        ["defaults"] => PATHS.contains(&word) || DEFAULTS.contains(&word) || MODES.contains(&word),
        ["devices", "device"] => PATHS.contains(&word) || DEVICE.contains(&word),
        ["overrides"] => PATHS.contains(&word),
        ["overrides", "protocol"] => {
            matches!(word, "type" | "dev_loss_tmo" | "eh_deadline" | "fast_io_fail_tmo")
        }
        ["multipaths", "multipath"] => {
            PATHS.contains(&word)
                || MODES.contains(&word)
                || matches!(word, "wwid" | "alias" | "reservation_key")
        }
        ["blacklist" | "blacklist_exceptions" | "devnode_blacklist"] => {
            let known = matches!(word, "devnode" | "wwid" | "property" | "protocol");
            return if known { Known::Many } else { Known::No };
        }
        ["blacklist" | "blacklist_exceptions" | "devnode_blacklist", "device"] => {
            matches!(word, "vendor" | "product")
        }
        _ => false,
    };
    if known { Known::Single } else { Known::No }
}

/// What older versions knew, and what has come instead.
fn deprecated(word: &str) -> Option<&'static str> {
    Some(match word {
        "getuid_callout" | "default_getuid_callout" => "`uid_attribute` names the udev property to take",
        "prio_callout" | "default_prio_callout" => "`prio` names the prioritizer",
        "selector" | "default_selector" => "it is `path_selector` now",
        "default_path_grouping_policy" => "it is `path_grouping_policy` now",
        "default_features" => "it is `features` now",
        "udev_dir" | "multipath_dir" | "config_dir" | "bindings_file" | "wwids_file" | "prkeys_file" => {
            "the path is built in"
        }
        "pg_timeout"
        | "disable_changed_wwids"
        | "new_bindings_in_boot"
        | "hw_str_match"
        | "unpriv_sgio"
        | "pg_prio_calc"
        | "ignore_new_boot_devs" => "it has no effect any more",
        _ => return None,
    })
}

/// Keywords about paths and maps, which may stand at several levels.
const PATHS: [&str; 45] = [
    "alias_prefix",
    "all_tg_pt",
    "checker",
    "deferred_remove",
    "delay_wait_checks",
    "delay_watch_checks",
    "detect_checker",
    "detect_pgpolicy",
    "detect_pgpolicy_use_tpg",
    "detect_prio",
    "dev_loss_tmo",
    "eh_deadline",
    "failback",
    "fast_io_fail_tmo",
    "features",
    "flush_on_last_del",
    "ghost_delay",
    "hardware_handler",
    "marginal_path_double_failed_time",
    "marginal_path_err_rate_threshold",
    "marginal_path_err_recheck_gap_time",
    "marginal_path_err_sample_time",
    "max_sectors_kb",
    "no_path_retry",
    "path_checker",
    "path_grouping_policy",
    "path_selector",
    "prio",
    "prio_args",
    "purge_disconnected",
    "recheck_wwid",
    "retain_attached_hw_handler",
    "rr_min_io",
    "rr_min_io_rq",
    "rr_weight",
    "san_path_err_forget_rate",
    "san_path_err_recovery_time",
    "san_path_err_threshold",
    "skip_kpartx",
    "uid_attribute",
    "user_friendly_names",
    "force_sync",
    "max_retries",
    "allow_usb_devices",
    "reassign_maps",
];

/// Keywords of `defaults` alone.
const DEFAULTS: [&str; 21] = [
    "auto_resize",
    "checker_timeout",
    "enable_foreign",
    "find_multipaths",
    "find_multipaths_timeout",
    "log_checker_err",
    "marginal_pathgroups",
    "max_fds",
    "max_polling_interval",
    "missing_uev_wait_timeout",
    "partition_delimiter",
    "polling_interval",
    "queue_without_daemon",
    "remove_retries",
    "reservation_key",
    "retrigger_delay",
    "retrigger_tries",
    "strict_timing",
    "uid_attrs",
    "uxsock_timeout",
    "verbosity",
];

/// Ownership of the device nodes.
const MODES: [&str; 3] = ["mode", "uid", "gid"];

/// Keywords of `device` in `devices` alone.
const DEVICE: [&str; 6] = ["vendor", "product", "revision", "product_blacklist", "vpd_vendor", "bl_product"];

//! Services that xinetd starts on demand (xinetd.conf(5)).

use super::{Service, ServiceKind};
use crate::facts::Gather;
use crate::parse::xinetd;

/// Services that are read.
const MAX_SERVICES: usize = 500;

/// Reads the services; `is_running` says whether xinetd itself is started.
pub(super) fn read(gather: &Gather<'_>, is_running: bool) -> Vec<Service> {
    let main = gather.read_config("etc/xinetd.conf").present();
    let mut disabled = Vec::new();
    let mut files = Vec::new();
    if let Some(file) = main {
        let parsed = xinetd::parse(&file.bytes);
        for block in parsed.blocks.iter().filter(|block| block.name.is_none()) {
            let names = block.get("disabled").map(|value| value.text.as_str()).unwrap_or_default();
            disabled.extend(names.split_whitespace().map(str::to_owned));
        }
        files.push((file.path, parsed));
    }
    // xinetd passes over names with a dot or a tilde at their end.
    let is_kept = |name: &str| !name.contains('.') && !name.ends_with('~');
    let others = gather.read_directory("etc/xinetd.d", is_kept);
    files.extend(others.into_iter().map(|file| (file.path, xinetd::parse(&file.bytes))));
    let mut services = Vec::new();
    for (path, file) in &files {
        for block in &file.blocks {
            let Some(name) = &block.name else { continue };
            let at = name.span.at(path);
            let mut service = Service::new(&name.text, ServiceKind::Xinetd, at.clone());
            let off = block.get("disable").is_some_and(|value| value.text == "yes");
            if !off && !disabled.contains(&name.text) {
                service.enabled = is_running;
                service.in_use = is_running;
                service.enabled_by = is_running.then_some(at);
                service.activated_by = is_running.then(|| "xinetd".to_owned());
            }
            service.exec = block.get("server").map(|value| value.text.clone());
            service.user = block.get("user").map(|value| value.text.clone());
            services.push(service);
        }
    }
    services.truncate(MAX_SERVICES);
    services
}

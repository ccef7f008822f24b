//! Jobs of upstart: `etc/init/*.conf` and the `.override` beside them (init(5)).

use super::{Service, ServiceKind};
use crate::facts::Gather;
use crate::parse::upstart::{self, Job};
use crate::place::Place;

/// Jobs that are read; Ubuntu 14.04 has some 120.
const MAX_JOBS: usize = 1000;

/// Reads the jobs.
pub(super) fn read(gather: &Gather<'_>) -> Vec<Service> {
    let files = gather.read_directory("etc/init", |name| name.ends_with(".conf"));
    files
        .into_iter()
        .take(MAX_JOBS)
        .filter_map(|file| {
            let name = file.path.rsplit('/').next()?.strip_suffix(".conf")?.to_owned();
            let over = gather.read_config(format!("etc/init/{name}.override")).present();
            let over = over.map(|file| upstart::parse(&file.bytes)).unwrap_or_default();
            let job: Job = upstart::parse(&file.bytes).overridden_by(over);
            let mut service = Service::new(&name, ServiceKind::Upstart, Place::file(file.path.as_ref()));
            if job.is_started()
                && let Some(condition) = &job.start_on
            {
                service.enable(condition.span.at(&file.path));
            }
            service.description = job.description;
            service.user = job.user;
            if let Some(command) = &job.exec {
                service.set_command(&command.text);
            }
            Some(service)
        })
        .collect()
}

//! Files that a user asks about although nothing in the system names them: the kernel and the initrd of a boot that
//! no loader lists.

use super::{Gather, Known, kernels};
use crate::source::{NodeKind, display_path};

/// What to read beside what the system itself names: paths relative to its root.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// A kernel image, or a release, which is no path.
    pub kernel: Option<String>,
    /// Initrds.
    pub initrds: Vec<String>,
}

/// What became of [`Asked`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedFiles {
    /// The kernel image.
    pub kernel: Option<AskedFile>,
    /// The initrds, in the order asked for.
    pub initrds: Vec<AskedFile>,
}

/// A file that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedFile {
    /// As it was asked for, without a slash at the start.
    pub asked: String,
    /// Its path, links followed.
    pub path: String,
    /// Whether a file is there.
    pub exists: Known<bool>,
    /// The release that a kernel image says it is.
    pub release: Option<String>,
}

/// Looks for what was asked for.
#[must_use]
pub(super) fn gather(gather: &Gather<'_>, asked: &Asked) -> AskedFiles {
    let kernel = asked.kernel.as_ref().map(|path| {
        let file = look(gather, path);
        let is_there = file.exists.get() == Some(&true);
        let release = is_there.then(|| kernels::read_image(gather, &file.path).release).and_then(release_in);
        AskedFile { release, ..file }
    });
    AskedFiles { kernel, initrds: asked.initrds.iter().map(|path| look(gather, path)).collect() }
}

fn release_in(said: Known<Option<String>>) -> Option<String> {
    match said {
        Known::Known(release) => release,
        Known::Unknown { .. } => None,
    }
}

fn look(gather: &Gather<'_>, path: &str) -> AskedFile {
    let asked = path.trim_start_matches('/').to_owned();
    let exists = match gather.tree.metadata(&asked) {
        Ok(node) => Known::Known(node.kind == NodeKind::File),
        Err(error) if error.is_absent() => Known::Known(false),
        Err(error) => Known::Unknown { needs: gather.note_lookup(&error) },
    };
    // A path that leads nowhere is shown as it was asked for.
    let path = gather.tree.resolve(&asked).map_or_else(|_| asked.clone(), |path| display_path(&path));
    AskedFile { asked, path, exists, release: None }
}

//! `kurator hub backup`, `restore` and `verify`: a hub in one file.
//!
//! They work on the directory of the hub, whether it runs or not, and ask nothing of its API: what they move holds the
//! keys of the hub, which no request hands out.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use hub::backup::{self, Manifest, Restored, Sentences, Verdict};
use model::Clock;
use serde_json::json;

use crate::args::{ArchiveCommand, Common};
use crate::output::{self, Line};
use crate::{ask, instance};

/// The name of stdout where a file can stand.
const STDOUT: &str = "-";
/// Kinds that `verify` names; the others are counted together. A line holds some eight.
const KINDS_SHOWN: usize = 8;

/// Runs one of them. They read and write files for as long as these are large, so not on the threads of the runtime.
pub(crate) async fn run(common: &Common, what: ArchiveCommand) -> anyhow::Result<ExitCode> {
    let common = common.clone();
    tokio::task::spawn_blocking(move || match what {
        ArchiveCommand::Backup { file, overwrite } => write_backup(&common, &file, overwrite),
        ArchiveCommand::Restore { file } => restore(&common, &file),
        ArchiveCommand::Verify { file } => verify(&common, file.as_deref()),
    })
    .await
    .context("it was stopped half way")?
}

/// The directory that is meant: `--dir`, else that of the hub that runs, else the usual one if there is a hub in it.
fn directory(common: &Common) -> anyhow::Result<PathBuf> {
    if let Some(dir) = &common.dir {
        return Ok(dir.clone());
    }
    let usual = instance::default_dir(false)?;
    match instance::only_one() {
        Ok(dir) => Ok(dir),
        Err(_) if usual.join(backup::FOLDER).is_dir() => Ok(usual),
        Err(_) => bail!("which hub? None runs here, or several do: say its directory with --dir DIR"),
    }
}

fn write_backup(common: &Common, file: &Path, overwrite: bool) -> anyhow::Result<ExitCode> {
    let dir = directory(common)?;
    let now = hub::SystemClock.now();
    if file == Path::new(STDOUT) {
        let Some(mut out) = output::stream() else {
            bail!("a backup is no text: name a file, or send stdout to another program or file");
        };
        let manifest = backup::write_backup(&dir, &mut out, now, Path::new("stdout"))?;
        output::print_stderr(format_args!("hub {}, revision {}", manifest.hub, manifest.revision));
        return Ok(ExitCode::SUCCESS);
    }
    let manifest = match backup::write_file(&dir, file, now, overwrite) {
        Err(backup::Error::Exists { .. }) => bail!("{}", kept(file)),
        written => written?,
    };
    let bytes = std::fs::metadata(file).map(|meta| meta.len()).unwrap_or_default();
    let value = json!({"file": file.display().to_string(), "bytes": bytes, "manifest": manifest});
    if !output::structured(common.output, &value)? {
        output::print(&written(file, bytes, &manifest))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What is there already, and stays.
fn kept(file: &Path) -> String {
    // A pipe or a device is not read: it may be the one that the backup would go to.
    if !std::fs::metadata(file).is_ok_and(|found| found.is_file()) {
        return format!("{} is there already, and is no file: name another place", file.display());
    }
    let what = match backup::verify_backup(file) {
        Ok(Verdict { hub, revision, taken, .. }) => {
            let of = taken.map(|(taken, _)| format!(", of {taken}")).unwrap_or_default();
            format!("it is a backup of hub {hub}, revision {revision}{of}")
        }
        Err(_) => "and is no backup that can be read".to_owned(),
    };
    let name = file.display();
    format!("{name} is there already, {what}: nothing was written; name another file, or replace it with --overwrite")
}

fn written(file: &Path, bytes: u64, manifest: &Manifest) -> Vec<Line> {
    let name = file.display();
    vec![
        format!("backup {name}   {}, of {}", size(bytes), size(manifest.bytes())).into(),
        format!("hub {}   revision {}   {}", manifest.hub, manifest.revision, manifest.taken).into(),
        "it holds the keys of this hub and the credentials of its members: keep it as safe as them".into(),
        format!("next: kurator hub verify {}", ask::quoted(&name.to_string())).into(),
    ]
}

fn restore(common: &Common, file: &Path) -> anyhow::Result<ExitCode> {
    // A hub is not put where one did not say.
    let Some(dir) = &common.dir else { bail!("say the directory to restore into with --dir DIR; it must be empty") };
    let restored = backup::restore(file, dir)?;
    let value = json!({"dir": restored.dir.display().to_string(), "manifest": restored.manifest});
    if !output::structured(common.output, &value)? {
        output::print(&restored_lines(&restored))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn restored_lines(restored: &Restored) -> Vec<Line> {
    let (dir, manifest) = (restored.dir.display(), &restored.manifest);
    vec![
        format!("restored {dir}   hub {}   revision {}   {}", manifest.hub, manifest.revision, manifest.taken).into(),
        "before it starts: see that the hub that was backed up runs nowhere else: two hubs with one id fight".into(),
        format!("next: kurator up --dir {}   with the --listen and --advertise that it had", ask::quoted(&dir.to_string())).into(),
        "members may have got newer things since the backup: nothing of these is deleted until you have seen the list and".into(),
        "said `kurator approve app/NAME`; `kurator status` shows where it waits".into(),
    ]
}

fn verify(common: &Common, file: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (what, verdict) = match file {
        Some(file) => (file.to_path_buf(), backup::verify_backup(file)?),
        None => {
            let dir = directory(common)?;
            let verdict = backup::verify_directory(&dir)?;
            (dir, verdict)
        }
    };
    let sentences = |of: &Sentences| json!({"count": of.count, "first": of.first});
    let counted = &verdict.counted;
    let value = json!({
        "what": what.display().to_string(), "hub": verdict.hub, "revision": verdict.revision,
        "taken": verdict.taken.as_ref().map(|(taken, _)| taken), "segments": verdict.segments, "bytes": verdict.bytes,
        "objects": counted.objects, "namespaces": counted.namespaces, "kinds": counted.kinds,
        "problems": sentences(&counted.problems), "notes": sentences(&counted.notes),
    });
    if !output::structured(common.output, &value)? {
        output::print(&verified(&what, &verdict))?;
    }
    Ok(if counted.problems.count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verified(what: &Path, verdict: &Verdict) -> Vec<Line> {
    let counted = &verdict.counted;
    let files = if verdict.segments == 1 { "file" } else { "files" };
    let mut lines: Vec<Line> =
        vec![format!("{}   hub {}   revision {}", what.display(), verdict.hub, verdict.revision).into()];
    if let Some((taken, version)) = &verdict.taken {
        lines.push(format!("  backup of {taken}, by kurator {version}").into());
    }
    lines.push(
        format!("  store: {} {files}, {}: every checksum is right", verdict.segments, size(verdict.bytes)).into(),
    );
    lines
        .push(format!("  {} objects in {} namespaces: {}", counted.objects, counted.namespaces, kinds(verdict)).into());
    for (mark, of) in [("wrong", &counted.problems), ("note", &counted.notes)] {
        lines.extend(of.first.iter().map(|sentence| Line::from(format!("  {mark}: {sentence}"))));
        let rest = of.count - of.first.len();
        if rest > 0 {
            lines.push(format!("  {mark}: {rest} more like these").into());
        }
    }
    lines.push(match counted.problems.count {
        0 => "sound".into(),
        1 => "1 thing is wrong; what it says can still be read".into(),
        count => format!("{count} things are wrong; what they say can still be read").into(),
    });
    lines
}

/// The kinds of which there are most.
fn kinds(verdict: &Verdict) -> String {
    let mut kinds: Vec<(&str, usize)> =
        verdict.counted.kinds.iter().map(|(kind, count)| (kind.as_str(), *count)).collect();
    kinds.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let name = |kind: &str| kind.split('.').next().unwrap_or_default().to_owned();
    let shown: Vec<String> =
        kinds.iter().take(KINDS_SHOWN).map(|(kind, count)| format!("{count} {}", name(kind))).collect();
    match kinds.len().saturating_sub(KINDS_SHOWN) {
        0 => shown.join(", "),
        more => format!("{}, and {more} other kinds", shown.join(", ")),
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const KIB: u64 = 1 << 10;
    const MIB: u64 = 1 << 20;
    match bytes {
        0..KIB => format!("{bytes} bytes"),
        KIB..MIB => format!("{} KiB", bytes / KIB),
        _ => format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB),
    }
}

#[cfg(test)]
mod tests;

//! `imdb-fast fetch`: the official reviews, downloaded and imported.

use std::path::{Path, PathBuf};
use std::time::Duration;

use imdb_fast::fetch::{
    self, Digest, DownloadOptions, FolderLock, KERAS_REVIEWS, KERAS_WORD_INDEX, OfficialFile,
    RemoteFile, STANFORD, Size, UNKNOWN_SIZE,
};
use imdb_fast::import::{self, Format, ImportOptions, TextOptions};
use imdb_fast::output::folder_of;
use imdb_fast::{Error, Result, dataset};

use super::cache::{Cache, Set, keras_folder};
use super::progress::Transfer;
use super::{Global, OutputArg, WORD_INDEX, folders, missing, shown, to_stdout, warn};

/// Download the real reviews and import them, so that `imdb-fast train imdb` finds them
///
/// A file that is already here is used instead of the network: one named with --from, an earlier download in the cache
/// folder, or the copy that Keras keeps in ~/.keras/datasets (KERAS_HOME). Prints the path of the dataset.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Datasets:
  keras      Keras' imdb.npz and its word index: the dataset `imdb`
  stanford   the raw texts, aclImdb_v1.tar.gz: the dataset `imdb-stanford`

Examples:
  imdb-fast fetch                 17 MB and 2 MB; then: imdb-fast train imdb
  imdb-fast fetch --from imdb.npz --word-index imdb_word_index.json
  imdb-fast fetch stanford        84 MB
  imdb-fast fetch --mirror https://mirror.example/imdb

Files:
The cache folder is the platform's (~/.cache/imdb-fast on Linux), or what IMDB_FAST_CACHE or --cache names. \
A download that broke off is kept as .part and goes on where it stopped.

imdb.npz must have the hash that Keras' source names. The hash of other files is shown and pinned on their first \
use, in a .sha256 file beside them; a download with another hash is refused until that file is deleted or --sha256 \
names the new one.

A copy of Keras' with a wrong hash is passed over, with a warning. A file named with --from is used all the same, \
with a warning.

Environment:
HTTPS_PROXY and NO_PROXY are honoured.")]
pub(crate) struct Args {
    /// Which reviews
    #[arg(value_enum, default_value_t = Set::Keras)]
    dataset: Set,
    /// Use this file instead of the network, and its reviews in place of those that are here
    #[arg(long, value_name = "FILE", conflicts_with_all = ["mirror", "force"])]
    from: Option<PathBuf>,
    /// Use this word index instead of the network
    #[arg(long, value_name = "FILE")]
    word_index: Option<PathBuf>,
    /// The address of a folder that has the same files
    #[arg(long, value_name = "URL", value_parser = mirror)]
    mirror: Option<String>,
    /// The hash that imdb.npz or aclImdb_v1.tar.gz must have, instead of the official or the pinned one
    #[arg(long, value_name = "HEX", value_parser = digest)]
    sha256: Option<Digest>,
    /// Download and import again, whatever is here
    #[arg(long)]
    force: bool,
    #[command(flatten, next_help_heading = "Patience")]
    patience: Patience,
}

#[derive(Debug, clap::Args)]
struct Patience {
    /// How often to try again when a try brought less than a MiB; 30 at most
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(..=30))]
    retries: u32,
    /// The wait before the first retry; it doubles with each, up to 30 s
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    retry_delay: Duration,
    /// How long a connection may take
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    connect_timeout: Duration,
    /// How long the server may stay silent
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    stall_timeout: Duration,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: Option<f64> = text.parse().ok().filter(|s| (0.001..=3600.0).contains(s));
    let seconds = seconds.ok_or("expected seconds from 0.001 to 3600")?;
    Ok(Duration::from_secs_f64(seconds))
}

fn mirror(text: &str) -> Result<String, String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_plain = |rest: &&str| !rest.contains(|c: char| c.is_whitespace() || "?#".contains(c));
    match rest.filter(is_plain) {
        Some(rest) if !rest.is_empty() && !rest.starts_with('/') => {
            Ok(text.trim_end_matches('/').to_owned())
        }
        _ => Err("expected the http or https address of a folder".to_owned()),
    }
}

/// What is wrong is told behind the option and its value.
fn digest(text: &str) -> Result<Digest, String> {
    text.parse().map_err(|error| match error {
        Error::InvalidOption { expected, .. } => format!("expected {expected}"),
        other => other.to_string(),
    })
}

impl Set {
    /// What its reviews come in, in words.
    fn file(self) -> &'static str {
        match self {
            Set::Keras => "Keras' imdb.npz",
            Set::Stanford => "the archive aclImdb_v1.tar.gz",
        }
    }

    fn archive(self) -> OfficialFile {
        match self {
            Set::Keras => KERAS_REVIEWS,
            Set::Stanford => STANFORD,
        }
    }
}

pub(crate) fn run(global: &Global, args: Args) -> Result<()> {
    if let Some(index) = &args.word_index {
        // What is wrong with it is found out before anything is downloaded.
        import::check_word_index(index).map_err(missing(WORD_INDEX))?;
    }
    let cache = Cache::locate(global)?;
    let folder = &cache.folder;
    folders::create(folder)?;
    let _lock = FolderLock::take(folder, || {
        global.note(format_args!("waiting for another fetch into {}", shown(folder)));
    })?;
    let set = args.dataset;
    let output = OutputArg { output: cache.dataset(set) };
    let is_asked_for = args.force || args.from.is_some() || args.word_index.is_some();
    if is_asked_for || args.sha256.is_some() || !is_fetched(global, &output.output) {
        let was_here = output.output.exists();
        Fetch { global, args, cache }.run(&output)?;
        if was_here {
            global.note(format_args!("it replaces the {} that was here", set.name()));
        }
    } else {
        global.note(format_args!("{} is here already; --force fetches it again", set.name()));
    }
    global.note(format_args!("now: {}", global.command(&format!("train {}", set.name()))));
    to_stdout(|out| writeln!(out, "{}", shown(&output.output)))
}

/// Whether a sound dataset is there.
fn is_fetched(global: &Global, path: &Path) -> bool {
    if !path.exists() {
        return false;
    }
    match global.open(path) {
        Ok(_) => true,
        Err(error) => {
            warn(format_args!("{error}; it is made again"));
            false
        }
    }
}

/// A file to import from.
struct Found {
    path: PathBuf,
    /// Its hash, where a first use has to be pinned when the import succeeds.
    to_pin: Option<Digest>,
}

impl Found {
    fn unpinned(path: PathBuf) -> Found {
        Found { path, to_pin: None }
    }
}

struct Fetch<'a> {
    global: &'a Global,
    args: Args,
    cache: Cache,
}

impl Fetch<'_> {
    fn run(&self, output: &OutputArg) -> Result<()> {
        let archive = self.archive()?;
        let index = self.word_index()?;
        let imported = self.import(&archive, index.as_ref(), output);
        let summary = match imported {
            Ok(summary) => summary,
            Err(error) => {
                // Of a full disk, or a file that was named, they know nothing.
                if let Error::Malformed { path, .. } | Error::WrongKind { path, .. } = &error
                    && path.starts_with(&self.cache.folder)
                {
                    let again = "the downloaded files are kept; --force downloads them again";
                    self.global.note(again);
                }
                return Err(error);
            }
        };
        // Not before: a file that cannot be imported is none to hold later ones against.
        for found in [Some(archive), index].into_iter().flatten() {
            self.pin(&found)?;
        }
        super::import::report(self.global, output, &summary);
        Ok(())
    }

    /// Makes the dataset.
    fn import(
        &self,
        archive: &Found,
        index: Option<&Found>,
        output: &OutputArg,
    ) -> Result<dataset::Summary> {
        let format = self.format(&archive.path)?;
        let text = TextOptions {
            threads: self.global.threads,
            spool: Some(folder_of(&output.output).to_path_buf()),
            ..TextOptions::default()
        };
        let word_index = index.map(|index| index.path.clone());
        let options = ImportOptions { format, word_index, text, ..ImportOptions::default() };
        self.global.note(format_args!("importing {}", shown(&archive.path)));
        let mut source = import::open(&archive.path, &options)?;
        source.notes().iter().for_each(|note| self.global.note(note));
        dataset::write(&mut *source, &output.output)
    }

    /// The format to import, where it need not be found out. A file of another kind than these reviews come in is refused.
    fn format(&self, path: &Path) -> Result<Option<Format>> {
        let such_as = |other: Set| {
            let takes = format!("`imdb-fast {} --from FILE` takes that", other.command());
            (format!("a file such as {}", other.file()), takes)
        };
        let (found, remedy) = match (self.args.dataset, import::detect(path)) {
            (_, Err(error @ Error::WrongKind { .. })) if self.args.from.is_some() => {
                return Err(error);
            }
            (Set::Stanford, Err(Error::WrongKind { found, .. })) => {
                let again = "get it again with --force, or name a copy of it with --from";
                (found, again.to_owned())
            }
            // What else is wrong with it the import says, of an npz as of one.
            (Set::Keras, Ok(Format::Keras) | Err(_)) => return Ok(Some(Format::Keras)),
            (Set::Stanford, Ok(Format::Archive | Format::Folder) | Err(_)) => return Ok(None),
            (Set::Keras, Ok(Format::Archive | Format::Folder)) => such_as(Set::Stanford),
            (Set::Stanford, Ok(Format::Keras)) => such_as(Set::Keras),
            (_, Ok(format)) => {
                let remedy = "`imdb-fast import` takes other files".to_owned();
                (format!("a file in the format {}", format.name()), remedy)
            }
        };
        let (path, expected) = (path.to_path_buf(), self.args.dataset.file());
        Err(Error::WrongKind { path, expected, found, remedy })
    }

    /// The reviews.
    fn archive(&self) -> Result<Found> {
        let official = self.args.dataset.archive();
        let asked = self.args.sha256;
        match &self.args.from {
            Some(path) => self.given(path, asked.or(official.sha256)),
            None => self.obtain(official, asked),
        }
    }

    /// The words of Keras' reviews. A user who names the reviews may be offline: then only what is here counts.
    fn word_index(&self) -> Result<Option<Found>> {
        if let Some(path) = &self.args.word_index {
            return Ok(Some(Found::unpinned(path.clone())));
        }
        let official = KERAS_WORD_INDEX;
        match (self.args.dataset, &self.args.from) {
            (Set::Stanford, _) => Ok(None),
            (Set::Keras, None) => self.obtain(official, None).map(Some),
            (Set::Keras, Some(from)) => {
                let beside = from.with_file_name(official.name);
                if beside.is_file() {
                    self.global.note(format_args!("the word index is {}", shown(&beside)));
                    return Ok(Some(Found::unpinned(beside)));
                }
                let found = self.here(official, official.size, self.expected(official, None)?)?;
                if found.is_none() {
                    let lacks = "no word index is here, so that reviews cannot be decoded; name one \
                                 with --word-index";
                    warn(lacks);
                }
                Ok(found)
            }
        }
    }

    /// The file that a user named, whatever its hash.
    fn given(&self, path: &Path, expected: Option<Digest>) -> Result<Found> {
        if path.is_dir() {
            if let Some(asked) = self.args.sha256 {
                let expected = "left out: --from is a folder, which has no hash";
                return Err(Error::invalid("--sha256", asked, expected));
            }
            return Ok(Found::unpinned(path.to_path_buf()));
        }
        // Told by its beginning, before all of it is read.
        self.format(path)?;
        let remedy = format!("--from takes {}", self.args.dataset.file());
        let digest = Digest::of_file(path).map_err(missing(&remedy))?;
        match (expected, self.args.sha256) {
            (Some(expected), Some(_)) if expected != digest => {
                let problem = format!("its SHA-256 is {digest}, expected {expected}");
                let remedy = "name the right file, or leave --sha256 out";
                return Err(Error::malformed(path, "the file", problem, remedy));
            }
            (Some(expected), None) if expected != digest => warn(format_args!(
                "{}: not the official file: its SHA-256 is {digest}, that of the official \
                 one {expected}",
                shown(path)
            )),
            _ => {}
        }
        Ok(Found::unpinned(path.to_path_buf()))
    }

    /// An official file: the cached one, Keras' copy, or a download.
    fn obtain(&self, official: OfficialFile, asked: Option<Digest>) -> Result<Found> {
        let expected = self.expected(official, asked)?;
        let size = match (official.size, asked) {
            // Another file than the official one has another size.
            (Size::Exactly(_), Some(_)) => UNKNOWN_SIZE,
            (size, _) => size,
        };
        if !self.args.force
            && let Some(found) = self.here(official, size, expected)?
        {
            return Ok(found);
        }
        let target = self.cache.folder.join(official.name);
        let pin = fetch::pin_of(&target);
        let base = self.args.mirror.as_deref().unwrap_or(official.base);
        let remedy = match expected {
            Some(_) if asked.is_none() && official.sha256.is_none() => format!(
                "it is another file than the one fetched first; if that is meant, delete {}",
                shown(&pin)
            ),
            _ => format!(
                "try again later, name another --mirror, or a file that you trust with {}",
                official.option
            ),
        };
        let file = RemoteFile {
            url: format!("{base}/{}", official.name),
            sha256: expected,
            size,
            remedy,
            option: official.option,
        };
        let Patience { retries, retry_delay, connect_timeout, stall_timeout } = self.args.patience;
        let options = DownloadOptions { retries, retry_delay, connect_timeout, stall_timeout };
        let mut transfer = Transfer::new(self.global.quiet, &file.address());
        let digest = fetch::download(&file, &target, &options, &mut transfer);
        transfer.finish();
        let digest = digest?;
        self.global.note(format_args!("wrote {}, SHA-256 {digest}", shown(&target)));
        let to_pin = official.sha256.is_none().then_some(digest);
        Ok(Found { path: target, to_pin })
    }

    fn pin(&self, found: &Found) -> Result<()> {
        match found.to_pin {
            Some(digest) if fetch::pinned(&found.path)? != Some(digest) => {
                fetch::pin(&found.path, digest)?;
                let pin = shown(&fetch::pin_of(&found.path));
                self.global.note(format_args!("pinned SHA-256 {digest} in {pin}"));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The hash that a file must have: the one asked for, the official one, or the one that was pinned.
    fn expected(&self, official: OfficialFile, asked: Option<Digest>) -> Result<Option<Digest>> {
        match asked.or(official.sha256) {
            Some(digest) => Ok(Some(digest)),
            None => fetch::pinned(&self.cache.folder.join(official.name)),
        }
    }

    /// An official file that needs no network; one with a wrong size or hash is passed over.
    fn here(
        &self,
        official: OfficialFile,
        size: Size,
        expected: Option<Digest>,
    ) -> Result<Option<Found>> {
        let folders = [Some(self.cache.folder.clone()), keras_folder()];
        for (is_cached, folder) in [true, false].into_iter().zip(folders) {
            let Some(path) = folder.map(|folder| folder.join(official.name)) else { continue };
            let Ok(file) = path.metadata() else { continue };
            if !file.is_file() {
                continue;
            }
            let bytes = file.len();
            if !size.allows(bytes) {
                let path = shown(&path);
                warn(format_args!("{path}: passed over, it has {bytes} bytes, expected {size}"));
                continue;
            }
            let digest = Digest::of_file(&path)?;
            if expected.is_some_and(|expected| expected != digest) {
                let path = shown(&path);
                warn(format_args!("{path}: passed over, its SHA-256 is {digest}"));
                continue;
            }
            self.global.note(format_args!("using {}, SHA-256 {digest}", shown(&path)));
            let to_pin = (is_cached && official.sha256.is_none()).then_some(digest);
            return Ok(Some(Found { path, to_pin }));
        }
        Ok(None)
    }
}

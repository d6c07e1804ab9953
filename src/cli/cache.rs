//! The cache folder: what `fetch` brought, and the names by which other commands find it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use etcetera::AppStrategy;
use imdb_fast::{Error, Result};

use super::{Global, shown};

/// Names the cache folder where `--cache` does not.
const VARIABLE: &str = "IMDB_FAST_CACHE";

/// What can be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Set {
    Keras,
    Stanford,
}

impl Set {
    /// The name of its dataset, which needs no path.
    pub(super) fn name(self) -> &'static str {
        match self {
            Set::Keras => "imdb",
            Set::Stanford => "imdb-stanford",
        }
    }

    /// The command that fetches it.
    pub(super) fn command(self) -> String {
        let argument = self.to_possible_value().expect("no set is hidden");
        format!("fetch {}", argument.get_name())
    }
}

/// The folder of downloads and of the datasets made of them.
pub(super) struct Cache {
    pub(super) folder: PathBuf,
}

impl Cache {
    /// The folder that the options, the environment or the platform's customs name; it may not exist yet.
    pub(super) fn locate(global: &Global) -> Result<Cache> {
        let named = global.cache.clone().or_else(|| folder_from(VARIABLE));
        if let Some(folder) = named {
            return Ok(Cache { folder });
        }
        let names =
            etcetera::AppStrategyArgs { app_name: "imdb-fast".into(), ..Default::default() };
        let strategy = etcetera::app_strategy::choose_native_strategy(names);
        let strategy = strategy.map_err(|_| {
            let expected = "a folder, by --cache too: this user has no home folder";
            Error::invalid(VARIABLE, "", expected)
        })?;
        Ok(Cache { folder: strategy.cache_dir() })
    }

    /// Where a fetched dataset lies.
    pub(super) fn dataset(&self, set: Set) -> PathBuf {
        self.folder.join(set.name()).with_extension("safetensors")
    }
}

impl Global {
    /// The file that a user means by `path`: a file that is there, or the fetched dataset of that name.
    pub(super) fn find<'a>(&self, path: &'a Path) -> Result<Cow<'a, Path>> {
        let mut sets = Set::value_variants().iter();
        let Some(&set) = sets.find(|set| path.as_os_str() == set.name()) else {
            return Ok(path.into());
        };
        // A folder is no dataset, so that one of this name takes nothing away.
        if path.exists() && !path.is_dir() {
            return Ok(path.into());
        }
        let cached = Cache::locate(self)?.dataset(set);
        if !cached.exists() {
            return Err(Error::Unfit {
                option: "the dataset",
                value: set.name().to_owned(),
                reason: format!("no file has this name here and {} is not there", shown(&cached)),
                remedy: format!("{} fetches it", self.command(&set.command())),
            });
        }
        self.note(format_args!("{}: {}", set.name(), shown(&cached)));
        Ok(cached.into())
    }

    /// A command line of this program that uses the same cache folder.
    pub(super) fn command(&self, arguments: &str) -> String {
        let cache = match &self.cache {
            Some(folder) => format!(" --cache {}", super::quoted(folder)),
            None => String::new(),
        };
        format!("`imdb-fast {arguments}{cache}`")
    }
}

/// The datasets folder of Keras, `~/.keras/datasets` unless `KERAS_HOME` names another home.
pub(super) fn keras_folder() -> Option<PathBuf> {
    let home =
        folder_from("KERAS_HOME").or_else(|| Some(etcetera::home_dir().ok()?.join(".keras")));
    Some(home?.join("datasets"))
}

/// The folder that an environment variable names; an empty one names none.
fn folder_from(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}

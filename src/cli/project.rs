//! Which spec is meant, and where its deployment keeps things.

use acquire_engine::apply;
use acquire_engine::graph::{self, ExpandOptions, Graph};
use acquire_engine::spec::{self, Decoded, Options, Source};
use acquire_engine::state::{self, Location, Opened, Operator, Place, State};
use acquire_model::spec::ProviderDeclaration;
use acquire_model::{Attributes, Diagnostic, Name, Resolved, SecretText};
use acquire_provider::{Binary, Context, Deployment};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::terminal::tell;
use super::{World, codes, variables};
use crate::providers::{self, BuiltIn, Settings};
use crate::system;

/// The file that is looked for, here and above.
pub const FILE: &str = "acquire.yaml";
/// Where everything of a deployment on this machine lies, beside the spec.
const DIRECTORY: &str = ".acquire";

/// Which spec, which environment, which variables.
#[derive(clap::Args, Clone, Debug, Default)]
#[command(next_help_heading = "Spec")]
pub struct Selection {
    /// The spec [default: acquire.yaml, here or above]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Environment of the spec, with a state and names of its own
    #[arg(short, long, global = true, value_name = "NAME")]
    pub environment: Option<Name>,
    /// Value of a variable of the spec; may be given several times
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub set: Vec<String>,
    /// YAML file with values of variables; may be given several times
    #[arg(long, global = true, value_name = "FILE")]
    pub var_file: Vec<PathBuf>,
}

/// A decoded spec and the places of its deployment.
pub struct Project {
    /// The spec, as the person named it.
    pub file: PathBuf,
    /// Whether it is the one that is found here or above without being named.
    is_found: bool,
    /// What it says.
    pub decoded: Decoded,
    /// `.acquire/<name>[/<environment>]` beside the spec.
    pub directory: PathBuf,
    /// Where its state is.
    pub home: String,
}

impl Project {
    /// Opens the spec that is meant: the positional one, that of `-f`, or the one here or above.
    ///
    /// # Errors
    /// If there is none, or everything that is wrong with it.
    pub fn open(world: &World, positional: Option<&Path>) -> Result<Self, Vec<Diagnostic>> {
        let named = positional.or(world.selection.file.as_deref());
        let file = match named {
            Some(file) => file.to_owned(),
            None => here_or_above()?.ok_or_else(nowhere)?,
        };
        Self::read(world, file)
    }

    /// Opens the spec of `-f`, or the one here or above; `None` if none is named and none is there.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn find(world: &World) -> Result<Option<Self>, Vec<Diagnostic>> {
        let file = match &world.selection.file {
            Some(file) => Some(file.clone()),
            None => here_or_above()?,
        };
        file.map(|file| Self::read(world, file)).transpose()
    }

    fn read(world: &World, file: PathBuf) -> Result<Self, Vec<Diagnostic>> {
        let source = source(&file)?;
        let decoded = spec::decode(&source, &options(world)?, &world.environment)?;
        let spec = &decoded.spec;
        let beside = file.parent().unwrap_or(Path::new("")).to_owned();
        let mut directory = beside.join(DIRECTORY).join(spec.name.as_str());
        directory.extend(spec.environment.as_ref().map(Name::as_str));
        let home = match spec.state_home.as_deref() {
            Some(named) => Place::name(named, &beside),
            None => directory.join("state").display().to_string(),
        };
        let is_found = here_or_above()?.is_some_and(|found| found == file || is_same(&found, &file));
        Ok(Self { file, is_found, decoded, directory, home })
    }

    /// A command that a person types next, about this spec and this environment: `acquire apply -f other.yaml -e staging`.
    pub fn command(&self, words: &str) -> String {
        let file = if self.is_found { String::new() } else { format!(" -f {}", quoted(&self.file.to_string_lossy())) };
        let environment = self.decoded.spec.environment.as_ref().map(|name| format!(" -e {name}")).unwrap_or_default();
        format!("acquire {words}{file}{environment}")
    }

    /// Where its state is, and what opens it.
    ///
    /// # Errors
    /// If there can be no state, or the user's configuration directory is not known.
    pub fn location(&self, world: &World) -> Result<Location, Vec<Diagnostic>> {
        self.location_at(world, &self.home)
    }

    /// The same, with the state in another place.
    ///
    /// # Errors
    /// If there can be no state, or the user's configuration directory is not known.
    pub fn location_at(&self, world: &World, home: &str) -> Result<Location, Vec<Diagnostic>> {
        let environment = &world.environment;
        Ok(Location {
            home: Place::named(home, environment).map_err(|error| vec![error])?,
            configuration: configuration(world)?,
            passphrase: variables::STATE_PASSPHRASE.of(environment).map(SecretText::new),
            user: variables::USER.of(environment).or(variables::LOGNAME.of(environment)).map(str::to_owned),
            waiting: |sentence| tell(&format!("{sentence}\n")),
        })
    }

    /// Reads the state; `None` if nothing was applied yet.
    ///
    /// # Errors
    /// If it is refused.
    pub async fn state(&self, world: &World) -> Result<Option<Opened>, Vec<Diagnostic>> {
        state::read(&self.location(world)?).await.map_err(|error| vec![error])
    }

    /// Reads the state of a deployment that must be there.
    ///
    /// # Errors
    /// If it is refused, or nothing was applied yet.
    pub async fn applied(&self, world: &World) -> Result<Opened, Vec<Diagnostic>> {
        self.state(world).await?.ok_or_else(|| self.not_applied())
    }

    /// There is no deployment yet.
    pub fn not_applied(&self) -> Vec<Diagnostic> {
        let summary = format!("{} was not applied yet", self.decoded.spec.name);
        let hint = format!("`{}` brings it up", self.command("apply"));
        vec![Diagnostic::error(codes::NOT_APPLIED, summary).hint(hint)]
    }

    /// Whoever works here, with the key that signs it.
    ///
    /// # Errors
    /// If the key cannot be read or made.
    pub fn operator(&self, world: &World) -> Result<Operator, Vec<Diagnostic>> {
        let (location, host) = (self.location(world)?, system::hostname());
        let [user, host] = [&location.user, &host].map(|name| name.as_deref().unwrap_or("unknown"));
        Operator::open(&location, format!("{user}@{host}")).map_err(|error| vec![error])
    }

    /// Expands the spec into resources.
    ///
    /// # Errors
    /// Everything that does not fit together.
    pub fn graph(&self, binary_sha256: &str) -> Result<Graph, Vec<Diagnostic>> {
        let options =
            ExpandOptions { binary_sha256: binary_sha256.to_owned(), sensitive: self.decoded.sensitive.clone() };
        graph::expand(&self.decoded.spec, &options)
    }

    /// Makes the providers with the settings of the spec.
    ///
    /// # Errors
    /// If the settings of one cannot work.
    pub fn providers(&self, world: &World) -> Result<BuiltIn, Vec<Diagnostic>> {
        let mut settings = Settings::new();
        for (provider, expressions) in &self.decoded.spec.providers {
            let values = expressions.iter().map(|(name, expression)| match expression.resolve(&|_| None) {
                Resolved::Known(value) => Ok((name.clone(), value)),
                Resolved::AfterApply => Err(format!("`{name}` of provider `{provider}` must be known before apply")),
            });
            let values = values.collect::<Result<Attributes, String>>();
            let values = values.map_err(|problem| vec![Diagnostic::error(codes::PROVIDER, problem)])?;
            settings.insert(provider.clone(), values);
        }
        let faults = variables::FAULTS.of(&world.environment);
        BuiltIn::new(&settings, faults).map_err(|error| vec![Diagnostic::error(codes::PROVIDER, error.to_string())])
    }

    /// Makes what every call to a provider is given, with the secrets of the state.
    ///
    /// # Errors
    /// If a place for files is not known.
    pub fn context(
        &self,
        world: &World,
        binary: Binary,
        state: &State,
        providers: &BuiltIn,
    ) -> Result<Context, Vec<Diagnostic>> {
        let spec = &self.decoded.spec;
        let (data, configuration) = self.places(world, state)?;
        let deployment = Deployment {
            name: spec.name.clone(),
            environment: spec.environment.clone(),
            lineage: state.lineage.clone(),
            data,
            configuration,
            binary,
            proved: state.proved.clone(),
        };
        let cx = Context {
            environment: world.environment.clone(),
            clock: world.clock.clone(),
            entropy: world.entropy.clone(),
            deployment: Arc::new(deployment),
            secrets: apply::no_secrets(),
        };
        let secrets = apply::secrets(&cx, providers, &state.resources);
        Ok(Context { secrets, ..cx })
    }

    /// Where the data of the deployment is, and what of it is in the user's configuration directory; both absolute.
    ///
    /// # Errors
    /// If a place for files is not known.
    pub fn places(&self, world: &World, state: &State) -> Result<(PathBuf, PathBuf), Vec<Diagnostic>> {
        let data = self.directory.join("data");
        let data = std::path::absolute(&data).map_err(|error| unreadable(&data, &error))?;
        Ok((data, configuration(world)?.join(state.lineage.as_str())))
    }

    /// Makes the directory beside the spec, and keeps it out of version control.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn prepare(&self) -> Result<(), Vec<Diagnostic>> {
        let ignore = self.ignore_file();
        let made = std::fs::create_dir_all(ignore.parent().unwrap_or(Path::new("")));
        let written = made.and_then(|()| if ignore.exists() { Ok(()) } else { std::fs::write(&ignore, "*\n") });
        written.map_err(|error| unwritable(&ignore, &error))
    }

    /// The `.gitignore` that keeps everything of this machine out of version control.
    pub fn ignore_file(&self) -> PathBuf {
        self.file.parent().unwrap_or(Path::new("")).join(DIRECTORY).join(".gitignore")
    }
}

/// What else decides how a spec is read.
///
/// # Errors
/// If a value is not given as it should be, or a file of values cannot be read.
pub fn options(world: &World) -> Result<Options, Vec<Diagnostic>> {
    let selection = &world.selection;
    let pair = |text: &String| {
        let pair = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        pair.ok_or_else(|| {
            let summary = format!("`--set {text}` is not NAME=VALUE");
            vec![Diagnostic::error(codes::USAGE, summary)]
        })
    };
    Ok(Options {
        environment: selection.environment.clone(),
        set: selection.set.iter().map(pair).collect::<Result<_, _>>()?,
        variable_files: selection.var_file.iter().map(|file| source(file)).collect::<Result<_, _>>()?,
        given: Vec::new(),
        declarations: declarations()?,
        default_provider: providers::default_provider(),
    })
}

/// What the providers of this binary accept.
pub fn declarations() -> Result<Vec<ProviderDeclaration>, Vec<Diagnostic>> {
    providers::declarations().map_err(|error| vec![Diagnostic::error(codes::PROVIDER, error.to_string())])
}

/// Reads a file that a person wrote.
///
/// # Errors
/// If it cannot be read, or is no text.
pub fn source(file: &Path) -> Result<Source, Vec<Diagnostic>> {
    let bytes = std::fs::read(file).map_err(|error| unreadable(file, &error))?;
    Source::from_bytes(file.display().to_string(), bytes).map_err(|error| vec![error])
}

/// Looks for the spec from the working directory upwards; its name is as short as it can be.
///
/// # Errors
/// If the working directory is gone.
pub fn here_or_above() -> Result<Option<PathBuf>, Vec<Diagnostic>> {
    let here = system::working_directory().map_err(|error| unreadable(Path::new("."), &error))?;
    let found = here.ancestors().enumerate().find(|(_, directory)| directory.join(FILE).is_file());
    Ok(found.map(|(up, _)| std::iter::repeat_n("..", up).collect::<PathBuf>().join(FILE)))
}

fn is_same(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// A word as a shell takes it for one.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@%,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn configuration(world: &World) -> Result<PathBuf, Vec<Diagnostic>> {
    let directory = world.environment.configuration_directory().ok_or_else(|| {
        let summary = "the user's configuration directory is not known";
        vec![Diagnostic::error(codes::NO_HOME, summary).hint("set HOME or ACQUIRE_CONFIG_DIR")]
    })?;
    std::path::absolute(&directory).map_err(|error| unreadable(&directory, &error))
}

/// There is no spec.
pub fn nowhere() -> Vec<Diagnostic> {
    let summary = format!("there is no {FILE} here or above");
    let hint = "`acquire init` writes one; `-f FILE` names another";
    vec![Diagnostic::error(codes::NO_SPEC, summary).hint(hint)]
}

/// A file cannot be read.
pub fn unreadable(file: &Path, error: &std::io::Error) -> Vec<Diagnostic> {
    let is_missing = error.kind() == std::io::ErrorKind::NotFound;
    let problem = if is_missing { "is not there".to_owned() } else { format!("cannot be read: {error}") };
    vec![Diagnostic::error(codes::FILE, format!("{} {problem}", file.display()))]
}

/// A file cannot be written.
pub fn unwritable(file: &Path, error: &std::io::Error) -> Vec<Diagnostic> {
    vec![Diagnostic::error(codes::FILE, format!("{} cannot be written: {error}", file.display()))]
}

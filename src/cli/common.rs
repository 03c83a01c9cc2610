//! Options that every command understands, and what they mean for the pipeline.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::printer::Printer;
use crate::aws::Pace;
use crate::diff::Secrets;
use crate::error::{Error, Result};
use crate::names::{Branch, Region};
use crate::pipeline::event::{About, Dirty, Event, Place};
use crate::pipeline::progress::{Stop, Teller};
use crate::pipeline::stage::{self, Intent};
use crate::pipeline::{self, SandboxMode, Tools};
use crate::render::{Colour, Detail, Style};

/// What is printed on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Text,
    Markdown,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SandboxChoice {
    /// Where bubblewrap works
    Auto,
    /// Never
    Off,
    /// Fail where it does not work
    Required,
}

#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Common options")]
pub struct Common {
    /// The repository, a URL or a path; without it the one you stand in
    #[arg(long, global = true, value_name = "URL|PATH")]
    pub repo: Option<String>,
    /// The branch to take (with --repo; default: the repository's default branch)
    #[arg(long, global = true, value_name = "NAME", requires = "repo")]
    pub branch: Option<String>,
    /// The commit to take instead of the branch's tip
    #[arg(long, global = true, value_name = "COMMIT", requires = "repo")]
    pub rev: Option<String>,
    /// The app, where the repository has several
    #[arg(long, global = true, value_name = "NAME")]
    pub app: Option<String>,
    /// The stage; without it the one that the branch's rule gives
    #[arg(long, global = true, value_name = "NAME")]
    pub stage: Option<String>,
    /// The AWS region, over that of offshoot.yml
    #[arg(long, global = true, value_name = "REGION")]
    pub region: Option<String>,
    /// The AWS profile, over that of offshoot.yml
    #[arg(long, global = true, value_name = "NAME")]
    pub profile: Option<String>,
    /// The configuration, instead of the repository's offshoot.yml
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What to print on standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where mirrors, bundles and assemblies are kept
    #[arg(long, global = true, value_name = "FOLDER", env = "OFFSHOOT_CACHE_DIR")]
    pub cache_dir: Option<PathBuf>,
    /// Plan and deploy uncommitted changes too
    #[arg(long, global = true)]
    pub dirty: bool,
    /// Run the app's program in a bubblewrap sandbox
    #[arg(long, global = true, value_enum, default_value_t = SandboxChoice::Auto, env = "OFFSHOOT_SANDBOX")]
    pub sandbox: SandboxChoice,
    /// Show values that look like secrets
    #[arg(long, global = true)]
    pub show_secrets: bool,
    /// Say only the result
    #[arg(long, short, global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Say more: every property, timings, what is done inside
    #[arg(long, short, global = true)]
    pub verbose: bool,
    /// No colours (also: NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Not typed: the command says it.
    #[arg(skip = About::Commit)]
    pub about: About,
    /// Not typed either: files that the command itself reads or writes.
    #[arg(skip)]
    pub own_files: Vec<PathBuf>,
}

fn has(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|v| !v.is_empty())
}

impl Common {
    pub fn printer(&self) -> Printer {
        let out_style = self.style(std::io::stdout().is_terminal());
        let err_terminal = std::io::stderr().is_terminal();
        Printer { out: out_style, err: self.style(err_terminal), live: err_terminal && !has("CI"), quiet: self.quiet }
    }

    fn style(&self, terminal: bool) -> Style {
        let colour =
            terminal && !self.no_color && !has("NO_COLOR") && std::env::var_os("TERM").is_none_or(|t| t != "dumb");
        let forced = has("CLICOLOR_FORCE") && !self.no_color && !has("NO_COLOR");
        Style {
            colour: if colour || forced { Colour::On } else { Colour::Off },
            width: if terminal { terminal_width() } else { 120 },
            detail: if self.verbose { Detail::Full } else { Detail::Short },
        }
    }

    pub fn start_logging(&self) {
        use tracing_subscriber::EnvFilter;
        let fallback = if self.verbose { "offshoot=debug" } else { "offshoot=warn" };
        let filter = EnvFilter::try_from_env("OFFSHOOT_LOG").unwrap_or_else(|_| EnvFilter::new(fallback));
        let ansi = self.style(std::io::stderr().is_terminal()).colour == Colour::On;
        // a second start (in tests) keeps the first
        let _ =
            tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(ansi).try_init();
    }

    /// The same for a command about a stage as it is deployed.
    pub fn about_deployed(&self) -> Common {
        Common { dirty: true, about: About::Deployed, ..self.clone() }
    }

    /// The same for a command with files of its own.
    pub fn with_files<'a>(&self, files: impl IntoIterator<Item = &'a PathBuf>) -> Common {
        Common { own_files: files.into_iter().cloned().collect(), ..self.clone() }
    }

    pub fn event(&self) -> Result<Event> {
        let place = match &self.repo {
            Some(address) => Place::Repository {
                address: address.clone(),
                branch: self.branch.as_deref().map(Branch::new),
                revision: self.rev.clone(),
            },
            None => {
                let folder = std::env::current_dir().map_err(|e| {
                    Error::usage("here", "reading the current folder", e.to_string())
                        .next("change into a folder that exists")
                })?;
                Place::Here { folder, dirty: if self.dirty { Dirty::Allow } else { Dirty::Refuse } }
            }
        };
        Ok(Event {
            place,
            about: self.about,
            own_files: self.own_files.clone(),
            app: self.app.clone(),
            stage: self.stage.clone(),
            config: self.config.clone(),
            region: self.region.as_deref().map(Region::new),
            profile: self.profile.clone(),
            web_identity: None,
        })
    }

    pub fn tools(&self, teller: Teller, stop: Stop) -> Result<Tools> {
        let cache_dir = match &self.cache_dir {
            Some(folder) => folder.clone(),
            None => cache_home()?,
        };
        std::fs::create_dir_all(&cache_dir).map_err(|e| Error::io("making the cache folder", &cache_dir, e))?;
        let cache_dir = cache_dir.canonicalize().map_err(|e| Error::io("finding the cache folder", &cache_dir, e))?;
        pipeline::tidy::once_a_day(&cache_dir);
        let pace = match std::env::var("OFFSHOOT_POLL_MS") {
            Ok(text) => Some(Pace::parse(&text).ok_or_else(|| {
                Error::usage("poll", "reading OFFSHOOT_POLL_MS", format!("{text:?} is not two numbers of milliseconds"))
                    .next("write it like 500,3000")
            })?),
            Err(_) => None,
        };
        Ok(Tools {
            cache_dir,
            teller,
            stop,
            sandbox: match self.sandbox {
                SandboxChoice::Auto => SandboxMode::Auto,
                SandboxChoice::Off => SandboxMode::Off,
                SandboxChoice::Required => SandboxMode::Required,
            },
            secrets: if self.show_secrets { Secrets::Show } else { Secrets::Redact },
            pace,
        })
    }
}

fn cache_home() -> Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cache"));
    base.or_else(home).map(|p| p.join("offshoot")).ok_or_else(|| {
        Error::usage("cache", "choosing the cache folder", "neither HOME nor XDG_CACHE_HOME is set")
            .next("name one with --cache-dir")
    })
}

fn terminal_width() -> usize {
    let columns = rustix::termios::tcgetwinsize(std::io::stderr()).map(|s| usize::from(s.ws_col)).unwrap_or(0);
    if columns >= 40 { columns } else { 100 }
}

/// Decides what is meant, with the tools for it.
pub async fn decide(common: &Common, teller: Teller, stop: Stop) -> Result<(Event, Tools, Intent)> {
    let event = common.event()?;
    let tools = common.tools(teller, stop)?;
    let intent = stage::decide(&event, &tools).await?;
    Ok((event, tools, intent))
}

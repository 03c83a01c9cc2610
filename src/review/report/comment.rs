//! The one sticky comment of a pull request: found by its marker, edited only when its text changes, never twice.

use crate::error::{Error, Result};
use crate::forge::{AccountKind, Actor, Comment, Pull};
use crate::plan::card::{Card, CardState};
use crate::render::comment::{Frame, is_marked, marker};
use crate::render::{self, markdown};
use crate::review::{Commenting, Office};

/// So often the comment is written again because the cards have changed meanwhile; whoever changed them writes too.
const ROUNDS: u32 = 5;
/// So often it is looked after a write whether another run wrote one too: the forge's lists lag behind.
const LOOKS: u32 = 3;

/// Brings the pull request's comment to what the cards say: found by its marker, edited only when its text changes,
/// never twice. `fetch` reads all cards again, as they are kept now: it is asked after each write, so that of two runs
/// that write at the same time the later one always shows what both know. `prefix` is `/offshoot`, or as configured.
pub async fn comment<F>(office: &Office, prefix: &str, pull: u64, fetch: F) -> Result<()>
where
    F: AsyncFn() -> Result<Vec<Card>>,
{
    if office.settings.commenting == Commenting::Off {
        return Ok(());
    }
    let mut wall = Wall::of(office, pull).await?;
    for _ in 0..ROUNDS {
        let cards = fetch().await?;
        let absent = if is_silent(&cards) { IfAbsent::Leave } else { IfAbsent::Create };
        if wall.show(|marker, limit| text(&cards, prefix, marker, limit), absent).await? == Shown::AsItWas {
            return Ok(());
        }
    }
    tracing::debug!(pull, rounds = ROUNDS, "the cards keep changing; whoever changes them writes the comment");
    Ok(())
}

/// A pull request on which nothing can be done, in the same comment, with the reason: no configuration, an invalid one,
/// no rights. The next run that can do something replaces it.
pub async fn trouble(office: &Office, pull: &Pull, error: &Error) -> Result<()> {
    if office.settings.commenting == Commenting::Off {
        return Ok(());
    }
    let mut wall = Wall::of(office, pull.number).await?;
    for _ in 0..ROUNDS {
        if wall.show(|marker, limit| excuse(error, marker, limit), IfAbsent::Create).await? == Shown::AsItWas {
            break;
        }
    }
    Ok(())
}

/// Nothing of the pull request concerns any stage: that is no reason to write to people.
fn is_silent(cards: &[Card]) -> bool {
    cards.iter().all(|card| card.state == CardState::Unchanged)
}

fn text(cards: &[Card], prefix: &str, marker: &str, limit_chars: usize) -> String {
    // from the cards alone, not from this run: two runs that know the same must write the same
    let newest = cards.iter().filter(|c| c.run_url.is_some()).max_by_key(|c| (&c.updated, &c.app, &c.stage));
    let frame = Frame { prefix, marker, full_url: newest.and_then(|c| c.run_url.as_deref()) };
    render::comment::comment(cards, &frame, limit_chars)
}

fn excuse(error: &Error, marker: &str, limit_chars: usize) -> String {
    const FOOT: &str = "\nNothing is planned or deployed for this pull request as long as that is so. \
                        The next push, or the next command in a comment, looks again.\n";
    let room = limit_chars.saturating_sub(marker.len() + 1 + FOOT.len());
    format!("{marker}\n{}{FOOT}", markdown::failure(error, room))
}

/// What is done where there is no comment of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IfAbsent {
    Create,
    Leave,
}

/// How showing a text went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// It stands there already, or there is nothing to say.
    AsItWas,
    /// Something was written, or found to be gone: what should stand there is to be asked again.
    Moved,
}

/// The comments of one pull request, as far as they are ours.
struct Wall<'a> {
    office: &'a Office,
    pull: u64,
    us: Us,
    limit_chars: usize,
    /// The comment that stays, with the text that we know it to have.
    stands: Option<(u64, String)>,
}

impl<'a> Wall<'a> {
    async fn of(office: &'a Office, pull: u64) -> Result<Wall<'a>> {
        let us = Us { me: office.github.whoami().await?, marker: marker(&office.repo.to_string()) };
        let mut wall = Wall { office, pull, us, limit_chars: markdown::COMMENT_CHARS, stands: None };
        wall.look(None).await?;
        Ok(wall)
    }

    /// Makes the comment have the text, which is given the marker and a limit. A text that the forge finds too long is
    /// asked for once more, half as long.
    async fn show(&mut self, text: impl Fn(&str, usize) -> String, absent: IfAbsent) -> Result<Shown> {
        let whole = text(&self.us.marker, self.limit_chars);
        let shown = self.put(&whole, absent).await;
        if !shown.as_ref().is_err_and(is_too_long) || self.limit_chars < markdown::COMMENT_CHARS {
            return shown;
        }
        self.limit_chars /= 2;
        let half = text(&self.us.marker, self.limit_chars);
        self.put(&half, absent).await
    }

    async fn put(&mut self, text: &str, absent: IfAbsent) -> Result<Shown> {
        if text.trim().is_empty() {
            return Ok(Shown::AsItWas);
        }
        match &self.stands {
            Some((_, body)) if is_same(body, text) => Ok(Shown::AsItWas),
            Some((id, _)) => self.edit(*id, text).await,
            None if absent == IfAbsent::Leave => Ok(Shown::AsItWas),
            None => self.create(text).await,
        }
    }

    async fn edit(&mut self, id: u64, text: &str) -> Result<Shown> {
        let Err(error) = self.office.github.edit_comment(id, text).await else {
            self.stands = Some((id, text.to_owned()));
            return Ok(Shown::Moved);
        };
        if error.code() != "forge.not_found" {
            return Err(error);
        }
        // another run may have taken it for a duplicate, a person may have deleted it: then there is another one, or none
        for round in 0..LOOKS {
            self.pause(round).await;
            self.look(None).await?;
            if self.stands.as_ref().is_none_or(|(now, _)| *now != id) {
                return Ok(Shown::Moved);
            }
        }
        Err(error)
    }

    /// Writes the first comment and then looks whether another run has written one too: all runs keep the oldest.
    async fn create(&mut self, text: &str) -> Result<Shown> {
        let mut created = self.office.github.create_comment(self.pull, text).await?;
        created.body = text.to_owned();
        for round in 0..LOOKS {
            self.pause(round).await;
            self.look(Some(&created)).await?;
            if self.stands.as_ref().is_some_and(|(id, _)| *id != created.id) {
                break;
            }
        }
        Ok(Shown::Moved)
    }

    /// Lists the comments, keeps the oldest of ours and deletes the others. `created` is known before it is listed.
    async fn look(&mut self, created: Option<&Comment>) -> Result<()> {
        let listed = self.office.github.comments(self.pull).await?;
        let (kept, others) = choose(&listed, &self.us, created);
        for id in others {
            // the other run deletes it too, and whoever is second finds it gone; what is left is tried again next time
            if let Err(error) = self.office.github.delete_comment(id).await {
                tracing::debug!(comment.id = id, %error, "a second comment of ours stays");
            }
        }
        self.stands = kept.map(|comment| (comment.id, comment.body.clone()));
        Ok(())
    }

    async fn pause(&self, round: u32) {
        if let Some(before) = round.checked_sub(1) {
            tokio::time::sleep(self.office.tools.pace.unwrap_or_default().pause(before)).await;
        }
    }
}

/// By what our comments are known.
struct Us {
    me: Option<Actor>,
    marker: String,
}

impl Us {
    /// A person who copies our marker does not get their comment edited; where the token cannot say who we are
    /// (`GITHUB_TOKEN`), it is at least no person's.
    fn wrote(&self, comment: &Comment) -> bool {
        let by_us = match &self.me {
            Some(me) => comment.author.login == me.login,
            None => comment.author.kind == AccountKind::Bot,
        };
        by_us && is_marked(&comment.body, &self.marker)
    }
}

/// The comment that stays, and the ids of those that go: the lowest id stays, whoever looks.
fn choose<'a>(listed: &'a [Comment], us: &Us, created: Option<&'a Comment>) -> (Option<&'a Comment>, Vec<u64>) {
    let own = created.map(|c| c.id);
    // as listed where it is listed: another run may have written on it already; a list that lags does not know it yet
    let unlisted = created.filter(|c| listed.iter().all(|l| l.id != c.id));
    let listed = listed.iter().filter(|c| own == Some(c.id) || us.wrote(c));
    let mut ours: Vec<&Comment> = listed.chain(unlisted).collect();
    ours.sort_by_key(|c| c.id);
    ours.dedup_by_key(|c| c.id);
    let others = ours.iter().skip(1).map(|c| c.id).collect();
    (ours.first().copied(), others)
}

/// The forge may give line ends back as `\r\n`, and without the last ones.
fn is_same(a: &str, b: &str) -> bool {
    a.replace("\r\n", "\n").trim_end() == b.replace("\r\n", "\n").trim_end()
}

/// The forge counts otherwise than we do: "body is too long (maximum is 65536 characters)".
fn is_too_long(error: &Error) -> bool {
    let mut said = error.what().to_owned();
    let mut cause = std::error::Error::source(error);
    // a chain that refers to itself must not hang the report
    for _ in 0..16 {
        let Some(current) = cause else { break };
        said.push_str(&current.to_string());
        cause = current.source();
    }
    said.contains("too long")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::Login;

    fn by(login: &str, kind: AccountKind) -> Actor {
        Actor { login: Login::new(login), kind }
    }

    fn comment(id: u64, author: Actor, body: &str) -> Comment {
        let time = "2026-03-01T10:00:00Z".to_owned();
        Comment { id, author, body: body.to_owned(), created: time.clone(), updated: time, url: String::new() }
    }

    fn marked(text: &str) -> String {
        format!("{}\n{text}", marker("acme/notes"))
    }

    fn bot(id: u64, text: &str) -> Comment {
        comment(id, by("github-actions[bot]", AccountKind::Bot), &marked(text))
    }

    fn chosen(listed: &[Comment], me: Option<&Actor>, created: Option<&Comment>) -> (Option<u64>, Vec<u64>) {
        let us = Us { me: me.cloned(), marker: marker("Acme/Notes") };
        let (kept, others) = choose(listed, &us, created);
        (kept.map(|c| c.id), others)
    }

    #[test]
    fn the_oldest_of_ours_stays_and_the_others_go() {
        let listed = [bot(9, "b"), bot(4, "a"), bot(12, "c"), comment(1, by("ana", AccountKind::Person), "hello")];
        assert_eq!(chosen(&listed, None, None), (Some(4), vec![9, 12]));
        assert_eq!(chosen(&[], None, None), (None, vec![]));
    }

    #[test]
    fn a_persons_comment_with_our_marker_is_never_ours() {
        let listed = [comment(1, by("mallory", AccountKind::Person), &marked("all is well")), bot(5, "a")];
        assert_eq!(chosen(&listed, None, None), (Some(5), vec![]));
        let me = by("offshoot[bot]", AccountKind::Bot);
        assert_eq!(chosen(&listed, Some(&me), None), (None, vec![]));
    }

    #[test]
    fn with_a_personal_token_only_our_own_marked_comments_are_ours() {
        let me = by("Ana", AccountKind::Person);
        let listed = [
            bot(1, "another tool of the same kind"),
            comment(2, by("ana", AccountKind::Person), "looks good"),
            comment(3, by("ana", AccountKind::Person), &marked("stages")),
        ];
        assert_eq!(chosen(&listed, Some(&me), None), (Some(3), vec![]));
    }

    #[test]
    fn what_was_just_created_counts_before_it_is_listed() {
        let own = bot(7, "mine");
        assert_eq!(chosen(&[], None, Some(&own)), (Some(7), vec![]));
        assert_eq!(chosen(&[bot(7, "mine")], None, Some(&own)), (Some(7), vec![]));
        assert_eq!(chosen(&[bot(3, "theirs")], None, Some(&own)), (Some(3), vec![7]), "the other run was first");
        assert_eq!(chosen(&[bot(8, "theirs"), bot(7, "mine")], None, Some(&own)), (Some(7), vec![8]));
    }

    #[test]
    fn line_ends_are_no_change() {
        assert!(is_same("a\r\n\r\nb", "a\n\nb\n"));
        assert!(!is_same("a\nb", "a\n\nb"));
    }

    #[test]
    fn a_text_that_is_too_long_is_known_by_what_the_forge_says() {
        let plain =
            Error::failed("github.invalid", "writing a comment", "body is too long (maximum is 65536 characters)");
        let inner = std::io::Error::other("Body is too long (maximum is 65536 characters)");
        let nested = Error::failed("github.invalid", "writing a comment", "status 422").because(inner);
        let other = Error::failed("github.invalid", "writing a comment", "this pull request is locked");
        assert_eq!([plain, nested, other].map(|e| is_too_long(&e)), [true, true, false]);
    }

    #[test]
    fn an_excuse_says_why_where_and_what_to_do() {
        let error = Error::usage("config.unknown_key", "reading offshoot.yml", "stages[0] has the unknown key `aply`")
            .at("offshoot.yml", 4, 5)
            .next("did you mean `apply`?");
        insta::assert_snapshot!(excuse(&error, "<!-- mark -->", 65_536), @"
        <!-- mark -->
        ### Stopped while reading offshoot.yml

        ```
        stages[0] has the unknown key `aply`
        ```

        At `offshoot.yml:4:5`

        Next: did you mean `apply`?

        Nothing is planned or deployed for this pull request as long as that is so. The next push, or the next command in a comment, looks again.
        ");
        assert!(excuse(&error, "<!-- mark -->", 300).chars().count() <= 300);
    }
}

//! Names that other parts of the configuration use.

use std::sync::Arc;

use toml::Spanned;

use super::section::Section;
use super::suggest::instead;

/// The names of all accounts, or of all notifiers.
#[derive(Debug)]
pub(super) struct Names {
    what: &'static str,
    pub(super) known: Vec<Arc<str>>,
    /// Where one could not be read, it may be the one that is looked for.
    some_unread: bool,
}

impl Names {
    pub(super) const fn of(what: &'static str) -> Self {
        Self { what, known: Vec::new(), some_unread: false }
    }

    /// Names that nobody has read: any may be right.
    pub(super) fn not_read(what: &'static str) -> Self {
        Self { some_unread: true, ..Self::of(what) }
    }

    /// Takes up the name of one more; no two are the same.
    pub(super) fn add(
        &mut self,
        section: &Section<'_>,
        name: Option<Spanned<Arc<str>>>,
    ) -> Arc<str> {
        let Some(name) = name else {
            self.some_unread = true;
            return "".into();
        };
        if self.known.contains(name.get_ref()) {
            let text = format!(
                "`{}` is the name of another {}; give each its own",
                name.get_ref(),
                self.what
            );
            section.does_not_fit(&name.span(), "name", text);
        } else {
            self.known.push(Arc::clone(name.get_ref()));
        }
        name.into_inner()
    }

    /// Tells a name that is none of these.
    pub(super) fn check(
        &self,
        section: &Section<'_>,
        key: &str,
        name: Spanned<Arc<str>>,
    ) -> Arc<str> {
        if !self.some_unread && !self.known.contains(name.get_ref()) {
            let known: Vec<&str> = self.known.iter().map(AsRef::as_ref).collect();
            let instead = instead(name.get_ref(), &known, "there are");
            let text = format!("unknown {} `{}`{instead}", self.what, name.get_ref());
            section.does_not_fit(&name.span(), key, text);
        }
        name.into_inner()
    }
}

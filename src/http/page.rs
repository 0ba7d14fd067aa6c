//! The status page: one look at all accounts. No script, nothing from elsewhere; the browser asks again by itself.

use std::fmt::Write as _;

use super::accounts::{AccountState, AccountView, BudgetView};

/// Nothing runs on the page, and nobody may frame it.
pub(super) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "\
:root{color-scheme:light dark;--dim:#66707c;--line:#d8dee4;--good:#1a7f37;--bad:#cf222e;--pale:#8c959f}\
@media(prefers-color-scheme:dark){:root{--dim:#9198a1;--line:#3d444d;--good:#3fb950;--bad:#f85149;--pale:#656c76}}\
body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem}\
h1{font-size:1.3rem;margin:0}p{margin:.3rem 0 1.2rem}\
.wide{overflow-x:auto}table{border-collapse:collapse;width:100%}\
th,td{text-align:left;vertical-align:top;padding:.45rem .9rem .45rem 0;border-bottom:1px solid var(--line)}\
th{font-weight:600;white-space:nowrap}td.n{white-space:nowrap}td.a{min-width:9rem}td.s{min-width:20rem}\
small{display:block;color:var(--dim);overflow-wrap:anywhere}\
.up::before,.down::before,.untried::before{content:'';display:inline-block;width:.65em;height:.65em;border-radius:50%;\
margin-right:.45em;background:var(--pale)}.up::before{background:var(--good)}.down::before{background:var(--bad)}\
.down,.bad{color:var(--bad)}.dim{color:var(--dim)}";

/// The page about these accounts.
pub(super) fn page(accounts: &[AccountView]) -> String {
    let summary = summary(accounts);
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"refresh\" content=\"10\">\n<title>matchwatch: {summary}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>matchwatch</h1>\n<p class=\"dim\">{summary} · version {version} · \
         <a href=\"/api/accounts\">JSON</a> · <a href=\"/metrics\">metrics</a></p>\n",
        version = env!("CARGO_PKG_VERSION"),
    );
    html += "<div class=\"wide\"><table>\n<thead><tr><th>Account</th><th>Region</th><th>Kind</th><th>State</th>\
             <th>Workflows</th><th>Live jobs</th><th>Alarms</th><th>Requests a second</th></tr></thead>\n<tbody>\n";
    for account in accounts {
        html += &row(account);
    }
    html += "</tbody>\n</table></div>\n</body>\n</html>\n";
    html
}

fn summary(accounts: &[AccountView]) -> String {
    let mut names: Vec<&str> = accounts.iter().map(|account| &*account.account).collect();
    names.dedup();
    let all = names.len();
    let is_down = |account: &&AccountView| account.state == AccountState::Down;
    let mut down: Vec<&str> =
        accounts.iter().filter(is_down).map(|account| &*account.account).collect();
    down.dedup();
    let noun = if all == 1 { "account" } else { "accounts" };
    match down.len() {
        0 => format!("{all} {noun}"),
        1 => format!("1 of {all} {noun} does not work"),
        red => format!("{red} of {all} {noun} do not work"),
    }
}

fn row(view: &AccountView) -> String {
    let AccountView { account, kind, region, .. } = view;
    let mut about = String::new();
    if let Some(id) = &view.aws_account_id {
        about += &small(id);
    }
    if let Some(role) = &view.role_arn {
        about += &small(role);
    }
    let [gets, lists] = view.budgets.each_ref().map(budget);
    format!(
        "<tr><td class=\"a\">{}{about}</td><td class=\"n\">{}</td><td class=\"n\">{kind}</td><td class=\"s\">{}</td><td class=\"n\">{}</td>\
         <td class=\"n\">{}</td><td>{}</td><td class=\"n\">{gets}{lists}</td></tr>\n",
        escaped(account),
        escaped(region),
        state(view),
        workflows(view),
        jobs(view),
        count_of_trouble(view.open_alarms),
    )
}

fn state(view: &AccountView) -> String {
    let (class, words) = match view.state {
        AccountState::Untried => ("untried", "not tried yet"),
        AccountState::Up => ("up", "works"),
        AccountState::Down => ("down", "does not work"),
    };
    let mut html = format!("<span class=\"{class}\">{words}</span>");
    if let Some(reason) = &view.reason {
        html += &small(reason);
    }
    if view.state != AccountState::Down && !view.denied_workflows.is_empty() {
        html += &small(&format!("access denied: {}", view.denied_workflows.join(", ")));
    }
    html += &small(&format!("since {:.0}", view.since));
    html
}

fn workflows(view: &AccountView) -> String {
    let Some(discovery) = view.discovery else {
        return "<span class=\"dim\">jobs are named</span>".to_owned();
    };
    let mut html = format!("{} followed", discovery.workflows);
    if discovery.troubles > 0 {
        let lists = if discovery.troubles == 1 { "list" } else { "lists" };
        let _ = write!(
            html,
            "<br><span class=\"bad\">{} {lists} unreadable</span>",
            discovery.troubles
        );
    }
    html
}

fn jobs(view: &AccountView) -> String {
    let jobs = view.jobs;
    let mut html = jobs.live().to_string();
    let parts: Vec<String> =
        [(jobs.unseen, "unseen"), (jobs.queued, "queued"), (jobs.running, "running")]
            .iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, state)| format!("{count} {state}"))
            .collect();
    if !parts.is_empty() {
        html += &small(&parts.join(", "));
    }
    for (count, state) in [(jobs.lost, "lost"), (jobs.broken, "broken")] {
        if count > 0 {
            let _ = write!(html, "<br><span class=\"bad\">{count} {state}</span>");
        }
    }
    html
}

fn count_of_trouble(count: Option<u64>) -> String {
    match count {
        None => "<span class=\"dim\">not known</span>".to_owned(),
        Some(0) => "0".to_owned(),
        Some(count) => format!("<span class=\"bad\">{count}</span>"),
    }
}

fn budget(budget: &BudgetView) -> String {
    let BudgetView { operation, requests_per_second, at_most } = budget;
    let now = rounded(*requests_per_second);
    let most = rounded(*at_most);
    let rate = if now == most { now } else { format!("{now} of {most}") };
    format!("{rate} <span class=\"dim\">{operation}</span><br>")
}

/// With one digit behind the point, and without one that says nothing.
fn rounded(rate: f64) -> String {
    let text = format!("{rate:.1}");
    text.strip_suffix(".0").map_or(text.clone(), ToOwned::to_owned)
}

fn small(text: &str) -> String {
    format!("<small>{}</small>", escaped(text))
}

/// Text as HTML shows it, whoever wrote it.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            letter => html.push(letter),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use super::super::accounts::{DiscoveryView, JobsView};
    use super::*;
    use crate::domain::JobKind;

    fn view() -> AccountView {
        let budget = |operation, requests_per_second, at_most| BudgetView {
            operation,
            requests_per_second,
            at_most,
        };
        AccountView {
            account: "main".to_owned(),
            kind: JobKind::Matching,
            region: "eu-west-1".to_owned(),
            aws_account_id: None,
            role_arn: None,
            state: AccountState::Up,
            since: "2026-11-25T08:00:00.123Z".parse().unwrap(),
            reason: None,
            denied_workflows: Vec::new(),
            discovery: Some(DiscoveryView { workflows: 12, troubles: 0 }),
            jobs: JobsView { queued: 1, running: 2, ..JobsView::default() },
            open_alarms: Some(0),
            budgets: [budget("GetMatchingJob", 5.0, 5.0), budget("ListMatchingJobs", 1.25, 2.5)],
        }
    }

    #[test]
    fn a_page_shows_each_account_and_how_it_does() {
        let html = page(&[view()]);
        for part in [
            "<title>matchwatch: 1 account</title>",
            "<span class=\"up\">works</span><small>since 2026-11-25T08:00:00Z</small>",
            "<td class=\"n\">12 followed</td>",
            "3<small>1 queued, 2 running</small>",
            "5 <span class=\"dim\">GetMatchingJob</span>",
            "1.2 of 2.5 <span class=\"dim\">ListMatchingJobs</span>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn alarms_that_nobody_can_count_are_not_said_to_be_none() {
        let shown = |open_alarms| page(&[AccountView { open_alarms, ..view() }]);
        assert!(shown(Some(0)).contains("<td>0</td>"));
        assert!(shown(Some(2)).contains("<td><span class=\"bad\">2</span></td>"));
        assert!(shown(None).contains("<td><span class=\"dim\">not known</span></td>"));
    }

    #[test]
    fn an_account_that_is_red_for_one_kind_is_one_red_account_of_those_that_there_are() {
        let red = AccountView {
            kind: JobKind::IdMapping,
            state: AccountState::Down,
            reason: Some("access denied".to_owned()),
            discovery: Some(DiscoveryView { workflows: 0, troubles: 1 }),
            ..view()
        };
        let html = page(&[view(), red]);
        for part in [
            "1 of 1 account does not work",
            "<span class=\"down\">does not work</span><small>access denied</small>",
            "<span class=\"bad\">1 list unreadable</span>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn what_others_wrote_is_text_and_never_markup() {
        let evil = "<script>alert('&')</script>\"".to_owned();
        let html = page(&[AccountView {
            account: evil.clone(),
            region: evil.clone(),
            aws_account_id: Some(evil.clone()),
            role_arn: Some(evil.clone()),
            reason: Some(evil.clone()),
            denied_workflows: vec![evil],
            ..view()
        }]);
        assert!(!html.contains("<script"), "{html}");
        let shown = "&lt;script&gt;alert(&#39;&amp;&#39;)&lt;/script&gt;&quot;";
        assert_eq!(html.matches(shown).count(), 6, "{html}");
    }
}

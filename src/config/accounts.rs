//! `[[account]]`

use std::sync::Arc;

use toml::Spanned;

use super::document::RATES;
use super::names::Names;
use super::section::Section;
use super::settings::AccountSettings;
use super::suggest::{closest, listed};
use super::value::{
    checked_text, endpoint_url, external_id, flag, name, number, owned_text, region, role_arn,
    session_name,
};
use crate::aws::{Access, Role};

/// Where Entity Resolution is offered
/// (<https://docs.aws.amazon.com/general/latest/gr/entityresolution.html>).
const REGIONS: [&str; 12] = [
    "us-east-1",
    "us-east-2",
    "us-west-2",
    "af-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
];

/// Where it has FIPS endpoints, by the same page.
const FIPS_REGIONS: [&str; 3] = ["us-east-1", "us-east-2", "us-west-2"];

/// Reads the accounts; where there is none, it is the one of the AWS environment.
pub(super) fn accounts(sections: Vec<Section<'_>>) -> (Vec<AccountSettings>, Names) {
    let mut names = Names::of("account");
    if sections.is_empty() {
        let account = AccountSettings {
            name: "default".into(),
            access: Access::default(),
            get_rate: None,
            list_rate: None,
        };
        names.known.push(Arc::clone(&account.name));
        return (vec![account], names);
    }
    let accounts = sections
        .into_iter()
        .map(|mut section| {
            let name = section.require("name", "name = \"production\"", name);
            let account = AccountSettings {
                name: names.add(&section, name),
                access: access(&mut section),
                get_rate: section.get("get_rate", number(RATES)),
                list_rate: section.get("list_rate", number(RATES)),
            };
            section.finish();
            account
        })
        .collect();
    (accounts, names)
}

fn access(section: &mut Section<'_>) -> Access {
    let region = section.get_spanned("region", region).map(|region| {
        warn_of_unknown_region(section, &region);
        region.into_inner()
    });
    let access = Access {
        profile: section.get("profile", owned_text),
        role: role(section),
        endpoint_url: section.get("endpoint_url", endpoint_url),
        use_fips: section.get("use_fips", flag),
        use_dualstack: section.get("use_dualstack", flag),
        no_sign_request: section.get("no_sign_request", flag).unwrap_or_default(),
        region,
    };
    check_endpoints(section, &access);
    if access.no_sign_request && section.has("role_arn") {
        let text = "STS lets nobody assume a role unsigned; leave this out, or `role_arn`";
        section.does_not_fit(&section.span_of("no_sign_request"), "no_sign_request", text);
    }
    access
}

/// The role to assume. What belongs to one has no meaning without it.
fn role(section: &mut Section<'_>) -> Option<Role> {
    let arn = section.get("role_arn", checked_text(role_arn));
    let external_id = section.get("external_id", checked_text(external_id));
    let session_name = section.get("session_name", checked_text(session_name));
    let sts_endpoint_url = section.get("sts_endpoint_url", endpoint_url);
    check_role_is_there(section, &["external_id", "session_name", "sts_endpoint_url"]);
    Some(Role {
        external_id,
        session_name: session_name.unwrap_or_else(|| Role::SESSION_NAME.to_owned()),
        sts_endpoint_url,
        ..Role::new(arn?)
    })
}

/// Tells each of `keys` that says how a role is assumed where none is.
pub(super) fn check_role_is_there(section: &Section<'_>, keys: &[&str]) {
    if section.has("role_arn") {
        return;
    }
    for key in keys.iter().filter(|key| section.has(key)) {
        let text =
            "says how a role is assumed, and there is no `role_arn`; add it, or leave this out";
        section.does_not_fit(&section.span_of(key), key, text);
    }
}

/// FIPS and dual-stack choose among the endpoints of AWS: an endpoint that is given leaves nothing to choose.
fn check_endpoints(section: &Section<'_>, access: &Access) {
    let chosen = [("use_fips", access.use_fips), ("use_dualstack", access.use_dualstack)];
    for (key, _) in chosen.into_iter().filter(|(_, chosen)| *chosen == Some(true)) {
        for given in ["endpoint_url", "sts_endpoint_url"].into_iter().filter(|k| section.has(k)) {
            let text = format!(
                "chooses among the endpoints of AWS, and `{given}` names another; leave out one of them"
            );
            section.does_not_fit(&section.span_of(key), key, text);
        }
    }
    if let (Some(true), Some(region)) = (access.use_fips, &access.region)
        && !FIPS_REGIONS.contains(&region.as_str())
    {
        let text = format!(
            "Entity Resolution is not known to have a FIPS endpoint in `{region}`; it has one in {}",
            listed(&FIPS_REGIONS)
        );
        section.warn(&section.span_of("use_fips"), "use_fips", text);
    }
}

fn warn_of_unknown_region(section: &Section<'_>, region: &Spanned<String>) {
    let given = region.get_ref();
    if !REGIONS.contains(&given.as_str()) {
        let instead = closest(given, REGIONS).map(|r| format!("; did you mean `{r}`?"));
        let text = format!(
            "Entity Resolution is not known to be offered in `{given}`{}",
            instead.unwrap_or_default()
        );
        section.warn(&region.span(), "region", text);
    }
}

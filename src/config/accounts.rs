//! `[[account]]`

use std::sync::Arc;

use toml::Spanned;

use super::document::RATES;
use super::names::Names;
use super::section::Section;
use super::settings::AccountSettings;
use super::suggest::closest;
use super::value::{endpoint_url, flag, name, number, owned_text, region};
use crate::aws::Access;

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
                access: Access {
                    region: section.get_spanned("region", region).map(|region| {
                        warn_of_unknown_region(&section, &region);
                        region.into_inner()
                    }),
                    profile: section.get("profile", owned_text),
                    endpoint_url: section.get("endpoint_url", endpoint_url),
                    no_sign_request: section.get("no_sign_request", flag).unwrap_or_default(),
                },
                get_rate: section.get("get_rate", number(RATES)),
                list_rate: section.get("list_rate", number(RATES)),
            };
            section.finish();
            account
        })
        .collect();
    (accounts, names)
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

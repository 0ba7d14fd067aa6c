//! Which of the service's endpoints is asked, and as whom.

use std::sync::{Arc, Mutex};

use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use matchwatch::aws::{Access, Aws, Role, assume};
use matchwatch::source::{EntityResolution, JobSource};

use super::{LONG, ScriptedServer, job, keys, running};
use crate::support::sts::{Sts, Trust, role};

/// Goes nowhere, and remembers where to.
#[derive(Debug, Clone, Default)]
struct Addresses(Arc<Mutex<Vec<String>>>);

impl HttpConnector for Addresses {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.0.lock().unwrap().push(request.uri().to_owned());
        HttpConnectorFuture::ready(Err(ConnectorError::io("nowhere".into())))
    }
}

/// The host that is asked first.
async fn host(access: Access, role: Option<Role>) -> String {
    let (addresses, access) =
        (Addresses::default(), Access { region: Some("us-east-1".to_owned()), ..access });
    let connector = SharedHttpConnector::new(addresses.clone());
    let sdk = Aws::new().configure(&access, LONG).await.into_builder();
    let sdk = sdk
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .credentials_provider(SharedCredentialsProvider::new(keys("AKID")))
        .build();
    let sdk = match role {
        Some(role) => assume(sdk, &role),
        None => sdk,
    };
    let source = EntityResolution::from_sdk_config(sdk).unwrap();
    assert_eq!(source.observe(&job()).await.unwrap_err().reason(), "unavailable");
    let asked = addresses.0.lock().unwrap();
    asked[0].split('/').nth(2).unwrap().to_owned()
}

#[tokio::test]
async fn fips_and_dual_stack_choose_among_the_endpoints_of_the_service_and_of_sts() {
    for (use_fips, use_dualstack, service, sts) in [
        (None, None, "entityresolution.us-east-1.amazonaws.com", "sts.us-east-1.amazonaws.com"),
        (
            Some(true),
            None,
            "entityresolution-fips.us-east-1.amazonaws.com",
            "sts-fips.us-east-1.amazonaws.com",
        ),
        (None, Some(true), "entityresolution.us-east-1.api.aws", "sts.us-east-1.api.aws"),
        (
            Some(true),
            Some(true),
            "entityresolution-fips.us-east-1.api.aws",
            "sts-fips.us-east-1.api.aws",
        ),
    ] {
        let access = Access { use_fips, use_dualstack, ..Access::default() };
        assert_eq!(host(access.clone(), None).await, service);
        assert_eq!(host(access, Some(Role::new(role("watcher")))).await, sts);
    }
}

/// A source in a role, whose STS is at `sts` and whose service is at `service`.
async fn in_role(sts: &str, service: &str) -> EntityResolution {
    let access = Access {
        region: Some("eu-west-1".to_owned()),
        endpoint_url: Some("http://127.0.0.1:9".to_owned()),
        ..Access::default()
    };
    let credentials = SharedCredentialsProvider::new(keys("AKIDBASE"));
    let base = Aws::new().configure(&access, LONG).await.into_builder();
    let base = base.credentials_provider(credentials).build();
    let role = Role { sts_endpoint_url: Some(sts.to_owned()), ..Role::new(role("watcher")) };
    let sdk = assume(base, &role).into_builder().endpoint_url(service).build();
    EntityResolution::from_sdk_config(sdk).unwrap()
}

#[tokio::test]
async fn in_a_role_the_service_is_asked_with_the_session_that_sts_gives_for_the_base_credentials() {
    let (sts, service) = (Sts::start().await, ScriptedServer::start([running(), running()]).await);
    let source = in_role(sts.url(), &service.url()).await;
    source.observe(&job()).await.unwrap();
    source.observe(&job()).await.unwrap();
    assert_eq!(sts.asked().len(), 1, "a session that works is kept");
    assert_eq!(sts.asked()[0].key, "AKIDBASE");
    for request in service.requests() {
        assert!(request.header("authorization").unwrap().contains("Credential=ASIA1/"));
        assert_eq!(request.header("x-amz-security-token"), Some("token-1"));
    }
}

#[tokio::test]
async fn what_sts_says_decides_whether_it_may_mend_itself() {
    for (trust, reason, words) in [
        (
            Trust::Denied,
            "access_denied",
            "is not authorized to perform: sts:AssumeRole on resource",
        ),
        (Trust::Away, "unavailable", "ServiceUnavailable: try again later (HTTP 503)"),
    ] {
        let sts = Sts::start().await;
        sts.set("watcher", trust);
        let error = in_role(sts.url(), "http://127.0.0.1:9").await.observe(&job()).await;
        let error = error.unwrap_err();
        assert_eq!(error.reason(), reason);
        let message = error.to_string();
        assert!(message.contains(&format!("role {} is not assumed", role("watcher"))), "{message}");
        assert!(message.contains(words), "{message}");
    }
    let source = in_role("http://127.0.0.1:9", "http://127.0.0.1:9").await;
    let error = source.observe(&job()).await.unwrap_err();
    assert_eq!(error.reason(), "unavailable");
    assert!(error.to_string().contains("is not assumed"), "{error}");
}

//! Workflows that come and go.

use super::*;

const WORKFLOWS: &str = "/matchingworkflows";

fn creation(name: &str) -> Value {
    json!({
        "workflowName": name,
        "inputSourceConfig": [{ "inputSourceARN": "arn:aws:glue:eu-west-1:123456789012:table/a/b", "schemaName": "s" }],
        "outputSourceConfig": [{ "outputS3Path": "s3://results/all/", "output": [{ "name": "id" }] }],
        "resolutionTechniques": { "resolutionType": "PROVIDER" },
        "roleArn": "arn:aws:iam::123456789012:role/Writer",
    })
}

impl Served {
    async fn create(&self, name: &str) -> Response {
        self.send(Method::POST, WORKFLOWS, Some(creation(name))).await
    }

    async fn delete(&self, name: &str) -> Response {
        self.send(Method::DELETE, &format!("{WORKFLOWS}/{name}"), None).await
    }

    async fn names(&self, page: &str) -> (Vec<String>, Option<String>) {
        let list = self.get(&format!("{WORKFLOWS}?{page}")).await;
        let summaries = list["workflowSummaries"].as_array().unwrap();
        let names = summaries.iter().map(|of| of["workflowName"].as_str().unwrap().to_owned());
        (names.collect(), list["nextToken"].as_str().map(str::to_owned))
    }
}

fn code(response: &Response) -> &str {
    response.headers()["x-amzn-errortype"].to_str().unwrap()
}

#[tokio::test]
async fn a_workflow_that_is_created_is_listed_and_runs_jobs_until_it_is_deleted() {
    let served = serve(SCENARIO).await;
    let created = served.create("suppliers").await;
    assert_eq!(created.status(), StatusCode::OK);
    let created: Value = created.json().await.unwrap();
    let arn = created["workflowArn"].as_str().unwrap();
    assert!(arn.ends_with(":matchingworkflow/suppliers"), "{arn}");
    assert_eq!(created["roleArn"], "arn:aws:iam::123456789012:role/Writer");
    assert_eq!(served.names("").await.0, ["customers", "suppliers"]);
    let summary = &served.get(WORKFLOWS).await["workflowSummaries"][1];
    assert_eq!(summary["resolutionType"], "PROVIDER");

    let jobs = format!("{WORKFLOWS}/suppliers/jobs");
    let started: Value = served.send(Method::POST, &jobs, None).await.json().await.unwrap();
    let job = format!("{jobs}/{}", started["jobId"].as_str().unwrap());
    let output = &served.get(&job).await["outputSourceConfig"][0]["outputS3Path"];
    assert_eq!(output, "s3://results/all/");
    let refused = served.delete("suppliers").await;
    assert_eq!((refused.status().as_u16(), code(&refused)), (400, "ConflictException"));

    served.simulator.set_status(started["jobId"].as_str().unwrap(), Status::Succeeded).unwrap();
    let deleted = served.delete("suppliers").await;
    assert_eq!(deleted.status(), StatusCode::OK);
    assert!(deleted.json::<Value>().await.unwrap()["message"].is_string());
    assert_eq!(served.names("").await.0, ["customers"]);
    for path in [&*jobs, &job] {
        let gone = served.send(Method::GET, path, None).await;
        assert_eq!((gone.status().as_u16(), code(&gone)), (404, "ResourceNotFoundException"));
    }
    assert_eq!(code(&served.delete("suppliers").await), "ResourceNotFoundException");
}

#[tokio::test]
async fn a_name_is_taken_while_there_is_a_workflow_of_its_kind_and_free_afterwards() {
    let served = serve(SCENARIO).await;
    let taken = served.create("customers").await;
    assert_eq!((taken.status().as_u16(), code(&taken)), (400, "ConflictException"));
    assert_eq!(served.create("households").await.status(), StatusCode::OK, "of the other kind");
    let before = served.simulator.start_job(Kind::Matching, "customers").unwrap();
    served.simulator.set_status(&before, Status::Failed).unwrap();
    assert_eq!(served.delete("customers").await.status(), StatusCode::OK);
    assert_eq!(served.create("customers").await.status(), StatusCode::OK);
    let jobs = format!("{WORKFLOWS}/customers/jobs");
    assert_eq!(served.get(&jobs).await["jobs"], json!([]), "it is another workflow");
    let after = served.simulator.start_job(Kind::Matching, "customers").unwrap();
    assert_ne!(before, after);
    assert_eq!(served.send(Method::GET, &format!("{jobs}/{before}"), None).await.status(), 404);
}

#[tokio::test]
async fn pages_of_workflows_stay_in_step_while_some_are_deleted() {
    let served = serve(SCENARIO).await;
    for number in 0..4 {
        served.create(&format!("w{number}")).await;
    }
    let (names, token) = served.names("maxResults=2").await;
    assert_eq!(names, ["customers", "w0"]);
    served.delete("w0").await;
    let (names, token) = served.names(&format!("maxResults=2&nextToken={}", token.unwrap())).await;
    assert_eq!(names, ["w1", "w2"]);
    served.delete("w3").await;
    let (names, token) = served.names(&format!("maxResults=2&nextToken={}", token.unwrap())).await;
    assert_eq!((names.len(), token), (0, None));
}

#[tokio::test]
async fn the_control_path_makes_a_workflow_and_says_how_its_jobs_go() {
    let served = serve(SCENARIO).await;
    let spec = json!({ "name": "orders", "kind": "id-mapping", "duration": "0s" });
    served.control(Method::POST, "workflows", spec).await;
    let job = served.simulator.start_job(Kind::IdMapping, "orders").unwrap();
    assert_eq!(served.simulator.job(&job).unwrap().status, Status::Succeeded);
    let again = json!({ "name": "orders", "kind": "id-mapping" });
    let refused = served.send(Method::POST, "/_simulator/workflows", Some(again)).await;
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert!(refused.text().await.unwrap().contains("already"));
}

#[tokio::test]
async fn what_may_not_be_created_or_deleted_is_denied_by_its_name() {
    let served = serve(SCENARIO).await;
    let denials = json!([{ "operation": "CreateMatchingWorkflow" }, { "operation": "DeleteMatchingWorkflow" }]);
    served.control(Method::PUT, "denials", denials).await;
    for (answer, operation) in [
        (served.create("suppliers").await, "entityresolution:CreateMatchingWorkflow"),
        (served.delete("customers").await, "entityresolution:DeleteMatchingWorkflow"),
    ] {
        assert_eq!(answer.status(), 403);
        let said = answer.text().await.unwrap();
        assert!(said.contains(operation), "{said}");
    }
    assert_eq!(served.names("").await.0, ["customers"]);
}

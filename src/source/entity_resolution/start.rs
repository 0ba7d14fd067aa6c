//! Starts jobs, and tells a request that had no effect from one whose effect is not known.

use async_trait::async_trait;
use aws_sdk_entityresolution::error::SdkError;
use aws_sdk_entityresolution::types::IdMappingJobOutputSource;

use super::refusal::{self, Permission};
use super::{Call, EntityResolution, answer, failure};
use crate::domain::{JobKind, OutputSource};
use crate::source::{JobOrder, JobStarter, Operation, SourceError, StartError};

#[async_trait]
impl JobStarter for EntityResolution {
    async fn start(&self, order: &JobOrder) -> Result<String, StartError> {
        let workflow = &order.workflow;
        let operation = Operation::start_job(workflow.kind);
        let call = self.call(Permission::on_workflow(operation, &workflow.name));
        match workflow.kind {
            JobKind::Matching => {
                let request = call.client.start_matching_job().workflow_name(&*workflow.name);
                let sent = request.customize().interceptor(call.listener()).send().await;
                self.started(&call, sent)
            }
            JobKind::IdMapping => {
                let output = order.output.as_ref().map(output).transpose()?;
                let job_type = order.job_type.as_ref().map(|job_type| job_type.as_str().into());
                let request = call
                    .client
                    .start_id_mapping_job()
                    .workflow_name(&*workflow.name)
                    .set_output_source_config(output.map(|output| vec![output]))
                    .set_job_type(job_type);
                let sent = request.customize().interceptor(call.listener()).send().await;
                self.started(&call, sent)
            }
        }
    }
}

impl EntityResolution {
    /// What became of a request to start a job.
    fn started<O, E>(
        &self,
        call: &Call<'_>,
        sent: Result<O, SdkError<E>>,
    ) -> Result<String, StartError>
    where
        E: std::error::Error + 'static,
    {
        match (call.listener.heard(), sent) {
            (Some(answer), _) if answer.is_success() => {
                answer::started(answer.body()).map_err(StartError::Lost)
            }
            (Some(answer), _) => {
                let had_no_effect = refusal::had_no_effect(&answer);
                let code = refusal::code(&answer);
                let error = match self.granted(call, Ok(answer)) {
                    Ok(answer) => return answer::started(answer.body()).map_err(StartError::Lost),
                    Err(error) => error,
                };
                Err(match (code.as_deref(), error) {
                    (Some("ConflictException"), SourceError::Invalid { message }) => {
                        StartError::Conflict { message }
                    }
                    (Some("ExceedsLimitException"), SourceError::Invalid { message }) => {
                        StartError::LimitReached { message }
                    }
                    (_, error @ SourceError::Unavailable { .. }) if !had_no_effect => {
                        StartError::Lost(error)
                    }
                    (_, error) => StartError::NotStarted(error),
                })
            }
            (None, Err(error)) => {
                let never_left = !call.listener.has_left() || failure::never_connected(&error);
                let error = failure::classify(&error);
                Err(if never_left {
                    StartError::NotStarted(error)
                } else {
                    StartError::Lost(error)
                })
            }
            (None, Ok(_)) => {
                Err(StartError::Lost(SourceError::Unavailable { message: "no answer".to_owned() }))
            }
        }
    }
}

fn output(output: &OutputSource) -> Result<IdMappingJobOutputSource, StartError> {
    IdMappingJobOutputSource::builder()
        .set_role_arn(output.role_arn.clone())
        .set_output_s3_path(output.output_s3_path.clone())
        .set_kms_arn(output.kms_arn.clone())
        .build()
        .map_err(|error| {
            StartError::NotStarted(SourceError::Invalid { message: error.to_string() })
        })
}

//! The state at the end of a run.

use super::stage::Stage;
use crate::state::{self, OperationResult};

/// S3 takes its time, and CloudFormation refuses at once: the run ends while its first note is still on the way.
const SLOW_STATE: &str = r#"
[[fault]]
service       = "s3"
action        = "PutObject"
delay_seconds = 4

[[fault]]
service = "cloudformation"
action  = "CreateChangeSet"
error   = { code = "ValidationError", message = "no" }
"#;

#[tokio::test(start_paused = true)]
async fn a_run_that_ends_while_the_state_is_written_waits_for_the_answer_and_writes_the_rest() {
    let mut stage = Stage::steps(&[("base", "")], SLOW_STATE).await;
    let run = stage.apply().await;
    assert_eq!(
        run.failure("base").notes[1],
        "CloudFormation CreateChangeSet: ValidationError: no"
    );
    assert_eq!(run.summary.problems, [], "nobody else wrote the state");
    let backend = &stage.environment.environment.backend;
    let (state, _) = state::read(&stage.session, backend, &stage.key).await.unwrap().unwrap();
    assert_eq!(state.operation.unwrap().result, Some(OperationResult::Failed));
}

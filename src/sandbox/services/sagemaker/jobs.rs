//! Training and processing jobs: they run for minutes, print lines, end, fail or are stopped.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::super::super::reply::ApiError;
use super::{Answer, Asked, State, check_name, page, seconds, text};

const SECOND: i64 = 1_000;
/// How long a job takes until it stands still after it was told to.
const STOPPING: i64 = 30 * SECOND;

/// A job, with all that will happen to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    arn: String,
    body: Map<String, Value>,
    began: i64,
    /// In the order of their times; the last one is the end.
    steps: Vec<Step>,
    #[serde(default)]
    failure: Option<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Step {
    at: i64,
    /// The secondary status of a training job.
    status: String,
    message: String,
}

impl Step {
    fn new(at: i64, status: &str, message: &str) -> Self {
        Self {
            at,
            status: status.to_owned(),
            message: message.to_owned(),
        }
    }
}

impl Job {
    fn so_far(&self, now: i64) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(move |step| step.at <= now)
    }

    /// The secondary status.
    fn secondary(&self, now: i64) -> &str {
        self.so_far(now).last().map_or("Starting", |step| step.status.as_str())
    }

    fn status(&self, now: i64) -> &'static str {
        match self.secondary(now) {
            "Completed" => "Completed",
            "Failed" => "Failed",
            "Stopped" | "MaxRuntimeExceeded" | "MaxWaitTimeExceeded" => "Stopped",
            "Stopping" => "Stopping",
            _ => "InProgress",
        }
    }

    fn ends(&self) -> i64 {
        self.steps.last().map_or(self.began, |step| step.at)
    }

    /// Ends it early: at `at` it is `status`, and what was to come does not.
    fn cut(&mut self, at: i64, steps: Vec<Step>) {
        self.steps.retain(|step| step.at <= at);
        self.steps.extend(steps);
        self.failure = None;
    }
}

impl State {
    pub(super) fn create_training(&mut self, asked: Asked<'_>) -> Answer {
        let name = asked.text("TrainingJobName");
        check_name("TrainingJobName", &name)?;
        let arn = asked.arn("training-job", &name);
        if self.training.contains_key(&name) {
            return Err(taken(&arn));
        }
        self.keep_tags(asked, &arn);
        let now = asked.context.now;
        let at = |seconds: i64| now + seconds * SECOND;
        let image = asked.body.pointer("/AlgorithmSpecification/TrainingImage");
        let image = image.and_then(Value::as_str).unwrap_or_default();
        let tagged = self.tags.get(&arn).and_then(|tags| tags.get("mlinfra:training"));
        let tagged = tagged.cloned().unwrap_or_else(|| name.clone());
        let fault = asked.context.facts.workload("sagemaker", &tagged, image).cloned();
        let group = "/aws/sagemaker/TrainingJobs";
        let stream = format!("{name}/algo-1-{}", now.unsigned_abs() / 1000);
        let mut steps = vec![
            Step::new(at(0), "Starting", "Starting the training job"),
            Step::new(at(60), "Downloading", "Downloading input data"),
            Step::new(
                at(90),
                "Training",
                "Training image download completed. Training in progress.",
            ),
        ];
        let mut failure = None;
        let mut from = 90;
        match fault.as_ref().map(|fault| fault.fails.as_str()) {
            Some("interrupted") => {
                self.print(at(120), group, &stream, "epoch 1: loss=0.9000");
                steps.push(Step::new(
                    at(150),
                    "Interrupted",
                    "The job stopped because the managed spot training instances were interrupted.",
                ));
                steps.push(Step::new(at(400), "Starting", "Starting the training job"));
                steps.push(Step::new(at(430), "Training", "Training in progress."));
                from = 430;
            }
            Some(_) => {
                let message = fault.as_ref().and_then(|fault| fault.message.clone());
                let message = message.unwrap_or_else(|| "ValueError: the column `label` is missing".to_owned());
                self.print(at(100), group, &stream, "reading /opt/ml/input/data/train");
                self.print(at(110), group, &stream, "Traceback (most recent call last):");
                self.print(at(110), group, &stream, message.clone());
                steps.push(Step::new(at(120), "Failed", "Training job failed"));
                failure = Some(format!("AlgorithmError: {message}, exit code: 1"));
            }
            None => {}
        }
        if failure.is_none() {
            for epoch in 1..=3_i64 {
                let loss = 9 - 2 * epoch;
                let line = format!("epoch {epoch}: loss=0.{loss}000");
                self.print(at(from + 50 * epoch), group, &stream, line);
            }
            steps.push(Step::new(
                at(from + 180),
                "Uploading",
                "Uploading generated training model",
            ));
            steps.push(Step::new(at(from + 210), "Completed", "Training job completed"));
        }
        let mut job = Job {
            arn: arn.clone(),
            body: asked.fields(),
            began: now,
            steps,
            failure,
        };
        let limit = asked.body.pointer("/StoppingCondition/MaxRuntimeInSeconds");
        let limit = limit.and_then(Value::as_i64).unwrap_or(86_400) * SECOND + at(90);
        if job.ends() > limit {
            let message = "Training job runtime exceeded MaxRuntimeInSeconds provided";
            job.cut(limit, vec![Step::new(limit, "MaxRuntimeExceeded", message)]);
            self.lines.retain(|line| line.stream != stream || line.at <= limit);
        }
        self.training.insert(name, job);
        Ok(json!({ "TrainingJobArn": arn }))
    }

    pub(super) fn describe_training(&self, asked: Asked<'_>) -> Answer {
        let now = asked.context.now;
        let name = asked.text("TrainingJobName");
        let job = self.training.get(&name).ok_or_else(unknown)?;
        let status = job.status(now);
        let mut answer = job.body.clone();
        answer.shift_remove("Tags");
        let mut set = |key: &str, value: Value| answer.insert(key.to_owned(), value);
        set("TrainingJobArn", json!(job.arn));
        set("TrainingJobStatus", json!(status));
        set("SecondaryStatus", json!(job.secondary(now)));
        set("CreationTime", seconds(job.began));
        let so_far: Vec<&Step> = job.so_far(now).collect();
        let transitions = so_far.iter().enumerate().map(|(index, step)| {
            let mut transition =
                json!({ "Status": step.status, "StartTime": seconds(step.at), "StatusMessage": step.message });
            if let (Some(next), Some(transition)) = (so_far.get(index + 1), transition.as_object_mut()) {
                transition.insert("EndTime".to_owned(), seconds(next.at));
            }
            transition
        });
        set("SecondaryStatusTransitions", transitions.collect());
        set(
            "LastModifiedTime",
            seconds(so_far.last().map_or(job.began, |step| step.at)),
        );
        let started = so_far.iter().find(|step| step.status == "Downloading");
        if let Some(started) = started {
            set("TrainingStartTime", seconds(started.at));
        }
        if matches!(status, "Completed" | "Failed" | "Stopped") {
            set("TrainingEndTime", seconds(job.ends()));
            if let Some(started) = started {
                let trained = (job.ends() - started.at) / SECOND;
                let spot = text_or_bool(&job.body, "EnableManagedSpotTraining");
                set("TrainingTimeInSeconds", json!(trained));
                set("BillableTimeInSeconds", json!(if spot { trained / 3 } else { trained }));
            }
        }
        if let (Some(failure), "Failed") = (&job.failure, status) {
            set("FailureReason", json!(failure));
        }
        if status == "Completed" {
            let path = job
                .body
                .get("OutputDataConfig")
                .map(|output| text(output, "S3OutputPath"));
            let path = path.unwrap_or_default();
            let artifact = format!("{}/{name}/output/model.tar.gz", path.trim_end_matches('/'));
            set("ModelArtifacts", json!({ "S3ModelArtifacts": artifact }));
            let metrics = job.body.get("AlgorithmSpecification");
            let metrics = metrics.and_then(|algorithm| algorithm.get("MetricDefinitions"));
            let metrics = metrics.and_then(Value::as_array).into_iter().flatten();
            let measured = metrics.map(
                |metric| json!({ "MetricName": text(metric, "Name"), "Value": 0.5, "Timestamp": seconds(job.ends()) }),
            );
            set("FinalMetricDataList", measured.collect());
        }
        Ok(Value::Object(answer))
    }

    pub(super) fn stop_training(&mut self, asked: Asked<'_>) -> Answer {
        let now = asked.context.now;
        let name = asked.text("TrainingJobName");
        let job = self.training.get_mut(&name).ok_or_else(unknown)?;
        stop(job, now)?;
        self.lines
            .retain(|line| !line.stream.starts_with(&format!("{name}/")) || line.at <= now);
        Ok(json!({}))
    }

    pub(super) fn list_training(&self, asked: Asked<'_>) -> Answer {
        let now = asked.context.now;
        let items = self.training.iter().map(|(name, job)| {
            let summary = json!({
                "TrainingJobName": name,
                "TrainingJobArn": job.arn,
                "CreationTime": seconds(job.began),
                "TrainingJobStatus": job.status(now),
            });
            (name.clone(), job.began, summary)
        });
        Ok(page(asked, "TrainingJobSummaries", items))
    }

    pub(super) fn create_processing(&mut self, asked: Asked<'_>) -> Answer {
        let name = asked.text("ProcessingJobName");
        check_name("ProcessingJobName", &name)?;
        let arn = asked.arn("processing-job", &name);
        if self.processing.contains_key(&name) {
            return Err(taken(&arn));
        }
        self.keep_tags(asked, &arn);
        let now = asked.context.now;
        let at = |seconds: i64| now + seconds * SECOND;
        let image = asked.body.pointer("/AppSpecification/ImageUri");
        let image = image.and_then(Value::as_str).unwrap_or_default();
        let workload = self.tags.get(&arn).and_then(|tags| tags.get("mlinfra:workload"));
        let workload = workload.cloned().unwrap_or_else(|| name.clone());
        let fault = asked.context.facts.workload("sagemaker", &workload, image).cloned();
        let group = "/aws/sagemaker/ProcessingJobs";
        let stream = format!("{name}/algo-1-{}", now.unsigned_abs() / 1000);
        self.print(at(130), group, &stream, "working through the batch");
        let mut steps = vec![Step::new(at(0), "Starting", ""), Step::new(at(120), "Training", "")];
        let mut failure = None;
        if let Some(fault) = fault {
            let message = fault
                .message
                .unwrap_or_else(|| "error: the input is missing".to_owned());
            self.print(at(140), group, &stream, message.clone());
            steps.push(Step::new(at(150), "Failed", &message));
            failure = Some(format!("AlgorithmError: {message}, exit code: 1"));
        } else {
            self.print(at(170), group, &stream, "done");
            steps.push(Step::new(at(180), "Completed", ""));
        }
        let job = Job {
            arn: arn.clone(),
            body: asked.fields(),
            began: now,
            steps,
            failure,
        };
        self.processing.insert(name, job);
        Ok(json!({ "ProcessingJobArn": arn }))
    }

    pub(super) fn describe_processing(&self, asked: Asked<'_>) -> Answer {
        let now = asked.context.now;
        let name = asked.text("ProcessingJobName");
        let job = self.processing.get(&name).ok_or_else(unknown)?;
        let status = job.status(now);
        let mut answer = job.body.clone();
        answer.shift_remove("Tags");
        let mut set = |key: &str, value: Value| answer.insert(key.to_owned(), value);
        set("ProcessingJobArn", json!(job.arn));
        set("ProcessingJobStatus", json!(status));
        set("CreationTime", seconds(job.began));
        if matches!(status, "Completed" | "Failed" | "Stopped") {
            set("ProcessingEndTime", seconds(job.ends()));
        }
        if let (Some(failure), "Failed") = (&job.failure, status) {
            set("FailureReason", json!(failure));
            set("ExitMessage", json!(job.steps.last().map(|step| &step.message)));
        }
        Ok(Value::Object(answer))
    }

    pub(super) fn stop_processing(&mut self, asked: Asked<'_>) -> Answer {
        let now = asked.context.now;
        let name = asked.text("ProcessingJobName");
        let job = self.processing.get_mut(&name).ok_or_else(unknown)?;
        stop(job, now)?;
        self.lines
            .retain(|line| !line.stream.starts_with(&format!("{name}/")) || line.at <= now);
        Ok(json!({}))
    }

    pub(super) fn list_processing(&self, asked: Asked<'_>) -> Answer {
        let now = asked.context.now;
        let items = self.processing.iter().map(|(name, job)| {
            let summary = json!({
                "ProcessingJobName": name,
                "ProcessingJobArn": job.arn,
                "CreationTime": seconds(job.began),
                "LastModifiedTime": seconds(job.began),
                "ProcessingJobStatus": job.status(now),
            });
            (name.clone(), job.began, summary)
        });
        Ok(page(asked, "ProcessingJobSummaries", items))
    }
}

fn stop(job: &mut Job, now: i64) -> Result<(), ApiError> {
    if job.status(now) != "InProgress" {
        let message = format!(
            "The request was rejected because the job is in status {}.",
            job.status(now)
        );
        return Err(super::invalid(message));
    }
    let steps = vec![
        Step::new(now, "Stopping", "Stopping the job"),
        Step::new(now + STOPPING, "Stopped", "The job was stopped"),
    ];
    job.cut(now, steps);
    Ok(())
}

fn text_or_bool(body: &Map<String, Value>, field: &str) -> bool {
    body.get(field).and_then(Value::as_bool).unwrap_or_default()
}

fn taken(arn: &str) -> ApiError {
    ApiError::new(
        400,
        "ResourceInUse",
        format!(
            "Job name must be unique within an AWS account and region, and a job with this name already exists ({arn})"
        ),
    )
}

fn unknown() -> ApiError {
    ApiError::new(400, "ValidationException", "Requested resource not found.")
}

//! Progress as lines that are only ever added, for logs and pipes: what begins, what ends, and a sign of life a minute.

use std::time::Duration;

use super::{Board, Progress};
use crate::engine::event::{Event, Work};
use crate::plan::Plan;
use crate::view::printer::Printer;
use crate::view::text::{DIM, NAME, REMOVE, count, duration, one_line, paint};

/// Lines on stderr.
pub struct Lines {
    printer: Printer,
    board: Board,
    /// Whether every resource gets a line.
    resources: bool,
    spoke: Duration,
}

/// After so long without a line, one says that all is well; in simulated time.
const HEARTBEAT: Duration = Duration::from_secs(60);

impl Lines {
    /// Lines about the execution of `plan`; with `resources`, one for each change of a resource's status too.
    pub fn new(printer: Printer, plan: &Plan, resources: bool) -> Self {
        Self {
            printer,
            board: Board::new(plan),
            resources,
            spoke: Duration::ZERO,
        }
    }

    fn line(&mut self, now: Duration, text: &str) {
        self.spoke = now;
        self.printer
            .say(&format!("{} {text}", paint(DIM, format!("[{:>6}]", duration(now)))));
    }
}

impl Progress for Lines {
    fn event(&mut self, event: &Event, now: Duration) {
        let before = self.board.remark();
        self.board.apply(event, now);
        match event {
            Event::StackStarted { stack, work, resources } => {
                let verb = match work {
                    Work::Create => "creating",
                    Work::Update => "updating",
                    Work::Delete => "deleting",
                    Work::ContinueRollback => "continuing its rollback",
                    Work::Attach => "waiting for the operation in flight",
                };
                let size = if *resources > 0 {
                    format!(" ({})", count(*resources, "resource"))
                } else {
                    String::new()
                };
                self.line(now, &format!("{}: {verb}{size}", paint(NAME, stack)));
            }
            Event::Resource {
                stack,
                logical_id,
                resource_type,
                status,
                reason,
            } => {
                let failed = status.ends_with("_FAILED");
                if failed || self.resources {
                    let status = if failed { paint(REMOVE, status) } else { status.clone() };
                    let reason = reason
                        .as_deref()
                        .map(|why| format!(": {}", one_line(why)))
                        .unwrap_or_default();
                    let id = one_line(logical_id);
                    self.line(
                        now,
                        &format!("{}: {id} ({resource_type}) {status}{reason}", paint(NAME, stack)),
                    );
                }
            }
            Event::StackFinished { stack, .. } => {
                if let Some(ending) = self.board.ending(stack) {
                    self.line(now, &ending);
                }
            }
            Event::LockAcquired { generation } => self.line(now, &format!("lock taken (generation {generation})")),
            Event::Note(text) => self.line(now, &one_line(text)),
            Event::LockWaiting { .. } | Event::PollTrouble { .. } | Event::Interrupted => {
                if let Some(remark) = self.board.remark().filter(|remark| before.as_ref() != Some(remark)) {
                    self.line(now, &remark);
                }
            }
        }
    }

    fn tick(&mut self, now: Duration) {
        if now.saturating_sub(self.spoke) >= HEARTBEAT {
            let sentence = self.board.sentence(now);
            let totals = self.board.totals();
            let text = if sentence.is_empty() {
                totals
            } else {
                format!("{totals}; {sentence}")
            };
            self.line(now, &text);
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(250)
    }

    fn finish(&mut self, _: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::super::board::Board;
    use super::*;
    use crate::engine::event::Outcome;
    use crate::plan::{Action, Kind, StackPlan};

    fn stack(name: &str, after: &[&str]) -> StackPlan {
        StackPlan {
            name: name.into(),
            stack_name: format!("churn-dev-{name}"),
            stack_id: None,
            module: "vpc".into(),
            action: Action::Create,
            recovery: None,
            reasons: Vec::new(),
            changes: Vec::new(),
            parameters: [].into(),
            tags: [].into(),
            template_sha256: None,
            change_set: None,
            after: after.iter().map(|name| (*name).to_owned()).collect(),
            seen: None,
            set_protection: None,
        }
    }

    fn plan() -> Plan {
        Plan {
            version: 1,
            id: "0199".into(),
            kind: Kind::Apply,
            project: "churn".into(),
            environment: "dev".into(),
            account: "111122223333".into(),
            region: "us-east-1".into(),
            role_arn: None,
            created: String::new(),
            actor: String::new(),
            commit: None,
            base_generation: 0,
            spec_digest: String::new(),
            protect: false,
            stacks: vec![
                stack("network", &[]),
                stack("cluster", &["network"]),
                stack("training", &["cluster"]),
            ],
        }
    }

    fn resource(stack: &str, logical_id: &str, resource_type: &str, status: &str) -> Event {
        Event::Resource {
            stack: stack.into(),
            logical_id: logical_id.into(),
            resource_type: resource_type.into(),
            status: status.into(),
            reason: status.ends_with("FAILED").then(|| "Subnet is full".to_owned()),
        }
    }

    fn story() -> Vec<(u64, Event)> {
        let started = |stack: &str, resources| Event::StackStarted {
            stack: stack.into(),
            work: Work::Create,
            resources,
        };
        vec![
            (0, Event::LockAcquired { generation: 4 }),
            (1, started("network", 2)),
            (2, resource("network", "Vpc", "AWS::EC2::VPC", "CREATE_IN_PROGRESS")),
            (15, resource("network", "Vpc", "AWS::EC2::VPC", "CREATE_COMPLETE")),
            (
                15,
                resource("network", "Nat", "AWS::EC2::NatGateway", "CREATE_IN_PROGRESS"),
            ),
            (
                120,
                resource("network", "Nat", "AWS::EC2::NatGateway", "CREATE_COMPLETE"),
            ),
            (
                121,
                Event::StackFinished {
                    stack: "network".into(),
                    outcome: Outcome::Done,
                    elapsed: Duration::from_secs(120),
                },
            ),
            (122, started("cluster", 3)),
            (
                123,
                resource("cluster", "Cluster", "AWS::EKS::Cluster", "CREATE_IN_PROGRESS"),
            ),
            (
                300,
                Event::PollTrouble {
                    message: "DescribeStackEvents: throttled".into(),
                },
            ),
            (
                330,
                resource("cluster", "Cluster", "AWS::EKS::Cluster", "CREATE_FAILED"),
            ),
        ]
    }

    #[test]
    fn a_log_tells_what_begins_what_ends_and_that_it_is_alive() {
        let (printer, stdout, stderr) = Printer::captured();
        let mut lines = Lines::new(printer, &plan(), false);
        let story = story();
        let mut open = story.iter().peekable();
        for second in 0..=330 {
            let now = Duration::from_secs(second);
            while let Some((_, event)) = open.next_if(|(at, _)| *at == second) {
                lines.event(event, now);
            }
            lines.tick(now);
        }
        assert_eq!(stdout.text(), "");
        insta::assert_snapshot!(stderr.text(), @r"
        [    0s] lock taken (generation 4)
        [    1s] network: creating (2 resources)
        [ 1m01s] 0 of 3 stacks done, 1 in progress, 2 waiting; network creating 1m00s, 1 of 2 resources, Nat (AWS::EC2::NatGateway) for 46s; waiting: cluster and training
        [ 2m01s] ✓ network  2m00s
        [ 2m02s] cluster: creating (3 resources)
        [ 3m02s] 1 of 3 stacks done, 1 in progress, 1 waiting; cluster creating 1m00s, 0 of 3 resources, Cluster (AWS::EKS::Cluster) for 59s; waiting: training
        [ 4m02s] 1 of 3 stacks done, 1 in progress, 1 waiting; cluster creating 2m00s, 0 of 3 resources, Cluster (AWS::EKS::Cluster) for 1m59s; waiting: training
        [ 5m00s] cannot look (DescribeStackEvents: throttled); the deployment itself goes on
        [ 5m30s] cluster: Cluster (AWS::EKS::Cluster) CREATE_FAILED: Subnet is full
        ");
    }

    #[test]
    fn a_terminal_shows_what_each_stack_waits_for() {
        let mut board = Board::new(&plan());
        for (at, event) in story().iter().take(5) {
            board.apply(event, Duration::from_secs(*at));
        }
        let now = Duration::from_secs(75);
        let text = format!("{}\n{}", board.totals(), board.lines(now).join("\n"));
        insta::assert_snapshot!(anstream::adapter::strip_str(&text), @r"
        0 of 3 stacks done, 1 in progress, 2 waiting
        network  creating 1m14s, 1 of 2 resources, Nat (AWS::EC2::NatGateway) for 1m00s
        cluster  waits for network
        training waits for cluster
        ");
    }
}
